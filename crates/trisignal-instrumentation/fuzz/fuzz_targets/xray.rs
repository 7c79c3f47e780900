//! Runs the checks of `xray` on whatever libFuzzer comes up with.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trisignal_instrumentation_fuzz::xray(data));
