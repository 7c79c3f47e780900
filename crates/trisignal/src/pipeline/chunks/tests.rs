//! Chunks under many threads: nothing is lost, nothing twice, and the limits hold.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::thread;

use super::*;
use crate::config::ByteSize;
use crate::otlp::request::ResourceHead;
use crate::otlp::wire;
use crate::pipeline::batch::MAX_REQUEST_BYTES;
use crate::pipeline::ledger::SignalAccount;

/// Far more than any test waits.
const HOUR: Duration = Duration::from_secs(3600);

fn limits(queue_items: usize, batch_items: usize) -> BatchConfig {
    BatchConfig {
        delay: HOUR,
        max_queue_items: queue_items,
        max_queue_bytes: ByteSize::from_mib(16),
        max_batch_items: batch_items,
    }
}

fn chunks(limits: BatchConfig) -> (Arc<Chunks>, Arc<Ledger>) {
    let ledger = Arc::<Ledger>::default();
    let chunks = Chunks::new([limits; 2], Arc::clone(&ledger), Arc::default());
    (chunks, ledger)
}

fn append(chunks: &Arc<Chunks>, numbers: std::ops::Range<u8>) {
    for number in numbers {
        chunks.append(Chunked::Traces, ScopeName::Static("test"), |out| {
            wire::member_bytes(out, 2, &[number]);
        });
    }
}

/// The numbers of all items that come out.
fn taken(chunks: &Chunks, force: bool) -> Vec<u8> {
    let batches =
        |force| std::iter::from_fn(move || chunks.take_batch(Chunked::Traces, force)).flatten();
    let mut taken: Vec<_> = batches(false).collect();
    chunks.collect(Chunked::Traces, force);
    taken.extend(batches(force));
    taken.iter().flat_map(numbers).collect()
}

fn numbers(chunk: &Chunk) -> Vec<u8> {
    let mut rest = &chunk.bytes[..];
    let fields = std::iter::from_fn(|| {
        let (_, content, behind) = wire::read_field(rest)?;
        rest = behind;
        Some(content[0])
    });
    fields.collect()
}

fn traces(ledger: &Ledger) -> SignalAccount {
    let account = ledger.account(Signal::Traces);
    assert!(account.balances(), "{account}");
    account
}

#[test]
fn items_wait_for_a_full_batch_or_a_flush() {
    let (chunks, ledger) = chunks(limits(100, 4));
    append(&chunks, 0..3);
    assert!(taken(&chunks, false).is_empty());
    assert!(chunks.due_in().is_some_and(|due| due > Duration::ZERO));
    append(&chunks, 3..6);
    assert_eq!(chunks.due_in(), Some(Duration::ZERO));
    assert_eq!(taken(&chunks, false), [0, 1, 2, 3]);
    assert_eq!(taken(&chunks, true), [4, 5]);
    assert_eq!(chunks.due_in(), None);
    assert_eq!((traces(&ledger).produced, traces(&ledger).held), (6, 6));
}

/// The delay of the other signal is no reason to ring for each chunk.
#[test]
fn an_encoder_that_comes_in_time_anyway_is_not_woken() {
    let short = BatchConfig {
        delay: HOUR / 2,
        ..limits(100, 100)
    };
    let bell = Arc::<Bell>::default();
    let chunks = Chunks::new([limits(100, 100), short], Arc::default(), Arc::clone(&bell));
    let log = || chunks.append(Chunked::Logs, ScopeName::Static("test"), |out| out.push(0));
    append(&chunks, 0..1);
    assert!(bell.has_rung());
    for _ in 0..3 {
        assert!(chunks.due_in().is_some_and(|due| due > HOUR / 2));
        chunks.threads().iter().for_each(|buffers| {
            buffers.lock(Chunked::Traces).chunk = Chunk::default();
        });
        append(&chunks, 0..2);
        assert!(!bell.has_rung());
    }
    // It is due before what the encoder waits for.
    log();
    assert!(bell.has_rung());
    assert!(chunks.due_in().is_some_and(|due| due <= HOUR / 2));
}

#[test]
fn items_of_a_thread_that_ended_are_there_and_so_is_its_count() {
    let (chunks, ledger) = chunks(limits(100, 10));
    thread::scope(|scope| {
        scope.spawn(|| append(&chunks, 0..3)).join().unwrap();
    });
    assert_eq!(chunks.threads().len(), 1, "only the orphanage is left");
    append(&chunks, 3..5);
    assert_eq!(traces(&ledger).produced, 5);
    assert_eq!(taken(&chunks, true), [0, 1, 2, 3, 4]);
}

#[test]
fn what_is_old_is_due_and_takes_the_rest_along() {
    let (chunks, _) = chunks(BatchConfig {
        delay: Duration::from_millis(1),
        ..limits(100, 10)
    });
    append(&chunks, 0..1);
    while chunks.due_in() != Some(Duration::ZERO) {
        thread::yield_now();
    }
    assert_eq!(taken(&chunks, false), [0]);
}

#[test]
fn the_oldest_chunks_make_room_and_are_counted() {
    let (chunks, ledger) = chunks(limits(7, 12));
    append(&chunks, 0..13);
    let account = traces(&ledger);
    assert_eq!(account.dropped.get(DropReason::QueueFull), 6);
    assert_eq!(taken(&chunks, true), [6, 7, 8, 9, 10, 11, 12]);
    assert_eq!(account.held, 7);
}

#[test]
fn a_closed_pipeline_gives_what_it_has_and_counts_what_comes() {
    let (chunks, ledger) = chunks(limits(100, 10));
    append(&chunks, 0..2);
    chunks.close();
    append(&chunks, 2..4);
    thread::scope(|scope| {
        scope.spawn(|| append(&chunks, 4..5)).join().unwrap();
    });
    assert_eq!(traces(&ledger).dropped.get(DropReason::Shutdown), 3);
    assert_eq!(taken(&chunks, true), [0, 1]);
}

#[test]
fn an_item_that_fits_in_no_request_is_counted() {
    let (chunks, ledger) = chunks(limits(100, 10));
    append(&chunks, 0..1);
    chunks.append(Chunked::Traces, ScopeName::Static("test"), |out| {
        out.resize(MAX_REQUEST_BYTES, 0);
    });
    assert_eq!(traces(&ledger).dropped.get(DropReason::TooLarge), 1);
    assert_eq!(taken(&chunks, true), [0]);
}

#[test]
fn runs_keep_the_scopes_apart() {
    let (chunks, _) = chunks(limits(100, 40));
    for (scope, byte) in [("a", 1), ("a", 2), ("b", 3), ("a", 4)] {
        chunks.append(Chunked::Logs, ScopeName::Borrowed(scope), |out| {
            out.push(byte)
        });
    }
    chunks.collect(Chunked::Logs, true);
    let batch = chunks.take_batch(Chunked::Logs, true).unwrap();
    let parts: Vec<_> = batch[0]
        .parts()
        .map(|(scope, part)| (scope.as_str(), part.to_vec()))
        .collect();
    assert_eq!(parts, [("a", vec![1, 2]), ("b", vec![3]), ("a", vec![4])]);
}

#[test]
fn batches_are_filled_to_their_number_of_items() {
    let (chunks, _) = chunks(limits(100, 4));
    // Three threads that end leave a chunk of three items each.
    for start in [0, 3, 6] {
        thread::scope(|scope| {
            scope
                .spawn(|| append(&chunks, start..start + 3))
                .join()
                .unwrap();
        });
    }
    let batches = std::iter::from_fn(|| chunks.take_batch(Chunked::Traces, true));
    let batches: Vec<_> = batches
        .map(|batch| {
            assert!(
                batch
                    .iter()
                    .all(|chunk| chunk.items == numbers(chunk).len())
            );
            assert!(batch.iter().all(|chunk| {
                chunk.parts().map(|(_, part)| part.len()).sum::<usize>() == chunk.bytes.len()
            }));
            batch.iter().flat_map(numbers).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(batches, [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8]]);
}

#[test]
fn nothing_is_lost_or_doubled_between_many_threads_and_the_encoder() {
    let (chunks, ledger) = chunks(limits(1_000_000, 7));
    let each = 5_000;
    let total = thread::scope(|scope| {
        let producers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..each).for_each(|_| append(&chunks, 1..2))))
            .collect();
        let mut total = 0;
        while producers.iter().any(|producer| !producer.is_finished()) {
            total += taken(&chunks, false).len();
            let account = traces(&ledger);
            assert!(account.produced >= total as u64);
        }
        total
    });
    assert_eq!(total + taken(&chunks, true).len(), 4 * each);
    assert_eq!(traces(&ledger).produced as usize, 4 * each);
}

#[test]
fn requests_are_nearly_as_large_as_they_may_be_whatever_their_scopes() {
    let resource = opentelemetry_sdk::Resource::builder_empty().build();
    let resource = ResourceHead::new(&resource);
    for (scopes, item) in [(1, 500), (1, 30_000), (700, 0), (700, 40)] {
        let (chunks, _) = chunks(limits(1_000_000, 1_000_000));
        let names: Vec<_> = (0..scopes)
            .map(|n| format!("{n}{}", "s".repeat(900)))
            .collect();
        let items = 3 * MAX_REQUEST_BYTES / (item + if scopes > 1 { 900 } else { 0 });
        for (n, name) in (0..items).zip(names.iter().cycle()) {
            chunks.append(Chunked::Logs, ScopeName::Borrowed(name), |out| {
                wire::member_bytes(out, 2, &vec![n as u8; item]);
            });
        }
        chunks.collect(Chunked::Logs, true);
        let mut sent = 0;
        while let Some(batch) = chunks.take_batch(Chunked::Logs, false) {
            let length = frame::request(&resource, &batch).len();
            assert!(length <= MAX_REQUEST_BYTES, "{scopes} {item}: {length}");
            // Scopes that come again are written once.
            assert!(scopes > 1 || length > MAX_REQUEST_BYTES * 7 / 8, "{length}");
            sent += 1;
        }
        assert!(sent >= 2, "{scopes} {item}");
    }
}
