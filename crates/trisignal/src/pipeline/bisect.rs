//! Finds the items that a backend refuses, so that their neighbours are delivered.
//!
//! A backend that answers 400 refuses a request as a whole, and does not say which item it dislikes. Of a refused
//! request one half is sent: when it is taken, the culprit is in the other half; when it is refused, the other
//! half is put aside. After log2(n) requests one culprit is left, and everything put aside goes out in one more.

use super::batch::Batch;
use super::ledger::DropReason;
use super::sender::{Fate, Lane};
use super::{Shared, split};

/// The most requests spent on one refused request: a hundred culprits among a thousand items.
const MAX_PROBES: u32 = 1_000;
/// How many culprits are looked for while nothing of the request was taken. A backend that goes on refusing then
/// dislikes all of it.
const HOPELESS: u32 = 3;

/// Delivers what can be delivered of `refused`, which the backend refused as it is, and drops the rest.
pub(super) async fn deliver_the_good(lane: &Lane, shared: &Shared, refused: &Batch) -> Fate {
    let reject = |items| {
        shared.drop_items_at(
            lane.destination(),
            DropReason::Rejected,
            items,
            "the backend refuses the data",
        );
    };
    let Ok(mut suspects) = split::pieces(refused) else {
        reject(refused.items);
        return Fate::Dropped;
    };
    let mut aside = Vec::new();
    let (mut probes, mut culprits, mut taken) = (0, 0, false);
    loop {
        // Together, the suspects are refused.
        while suspects.len() > 1 && probes < MAX_PROBES {
            probes += 1;
            let other_half = suspects.split_off(suspects.len() / 2);
            match lane.send(shared, &split::join(&suspects, refused)).await {
                Fate::Refused => aside.extend(other_half),
                Fate::Delivered => (suspects, taken) = (other_half, true),
                Fate::Dropped => suspects = other_half,
                Fate::Abandoned => return Fate::Abandoned,
            }
        }
        reject(suspects.iter().map(|piece| piece.items).sum());
        culprits += 1;
        if aside.is_empty() {
            return Fate::Delivered;
        }
        let hopeless = probes >= MAX_PROBES || (culprits >= HOPELESS && !taken);
        match lane.send(shared, &split::join(&aside, refused)).await {
            Fate::Refused if !hopeless => suspects = std::mem::take(&mut aside),
            Fate::Refused => {
                reject(aside.iter().map(|piece| piece.items).sum());
                return Fate::Dropped;
            }
            fate => return fate,
        }
        probes += 1;
    }
}
