//! Runs the checks of `traceparent` on whatever libFuzzer comes up with.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trisignal_instrumentation_fuzz::traceparent(data));
