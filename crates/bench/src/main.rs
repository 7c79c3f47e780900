//! Runs the benchmarks, or a part of them in a child process.

use std::process::ExitCode;

fn main() -> ExitCode {
    trisignal_bench::main(None)
}
