//! Every candidate does a little of each work, and what should arrive has to. Nothing is timed.

use std::process::Command;

#[test]
fn every_candidate_delivers_what_it_should() {
    let status = Command::new(env!("CARGO_BIN_EXE_trisignal-bench"))
        .arg("smoke")
        .status();
    assert!(status.is_ok_and(|status| status.success()));
}
