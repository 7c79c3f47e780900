//! Gives every variable whatever libFuzzer comes up with.
#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    trisignal::fuzzing::variables(OsString::from_vec(data.to_vec()));
});
