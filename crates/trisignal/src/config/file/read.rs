//! The bytes of the file, within limits.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// The largest file that is read, in bytes. The full schema written out is some 20 KiB.
pub(super) const LARGEST: u64 = 1 << 20;

/// The text of the file, without a byte order mark, or why there is none and in which line.
pub(super) fn read(path: &Path) -> Result<String, (u32, String)> {
    let whole = |error: io::Error| (0, format!("can't be read: {}", kind(&error)));
    // Before it is opened: opening a pipe may never end.
    let metadata = fs::metadata(path).map_err(whole)?;
    if metadata.is_dir() {
        return Err((0, "is a directory".to_owned()));
    }
    if !metadata.is_file() {
        return Err((0, "is not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(whole)?;
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(whole)?;
    text(bytes)
}

pub(super) fn text(bytes: Vec<u8>) -> Result<String, (u32, String)> {
    if bytes.len() as u64 > LARGEST {
        return Err((0, format!("is larger than {} MiB", LARGEST >> 20)));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        (line, "is not UTF-8".to_owned())
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// What the system says, without the number that it also says.
fn kind(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        kind => kind.to_string(),
    }
}
