//! The same program with an allocator that counts, so that counting costs nothing where time is measured.

use std::process::ExitCode;

fn main() -> ExitCode {
    trisignal_bench::main(Some(|work| allocation_counter::measure(work).count_total))
}
