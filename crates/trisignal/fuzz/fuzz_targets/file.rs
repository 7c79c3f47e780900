//! Loads whatever libFuzzer comes up with as a configuration file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    // The end of the file is also what its variable holds.
    let variable = text.lines().last().unwrap_or_default().to_owned();
    trisignal::fuzzing::file(&text, &variable);
});
