//! The bytes of files with certificates, keys and tokens, within limits.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// The largest file that is read. The bundles of operating systems have some 200 KiB.
const LARGEST: u64 = 4 << 20;

/// What is in the file.
///
/// # Errors
///
/// When there is no regular file with anything in it, or more than 4 MiB.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Before it is opened: opening a pipe may never end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)?;
    match bytes.len() as u64 {
        0 => Err(io::Error::other("it is empty")),
        size if size > LARGEST => Err(io::Error::other("it is larger than 4 MiB")),
        _ => Ok(bytes),
    }
}
