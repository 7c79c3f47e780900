//! The headers of each request: those that stay, and a token that is read from its file each time.

use std::io;
use std::path::{Path, PathBuf};

use http::header::{AUTHORIZATION, USER_AGENT as USER_AGENT_HEADER};
use http::{HeaderMap, HeaderValue};

use super::{Answer, FailureKind, USER_AGENT, pem};
use crate::config::{OtlpConfig, value_for_people};
use crate::pipeline::retry::Verdict;

/// What a transport sends with each request.
pub(super) struct Headers {
    fixed: HeaderMap,
    token_file: Option<PathBuf>,
}

impl Headers {
    pub(super) fn new(config: &OtlpConfig) -> Self {
        let mut fixed = config.headers.clone();
        fixed
            .entry(USER_AGENT_HEADER)
            .or_insert(HeaderValue::from_static(USER_AGENT));
        Self {
            fixed,
            token_file: config.bearer_token_file.clone(),
        }
    }

    pub(super) fn insert(&mut self, name: http::HeaderName, value: HeaderValue) {
        self.fixed.insert(name, value);
    }

    /// The headers as they are now. A request is rare, and the file is small: whoever rotates the token need not say so.
    ///
    /// # Errors
    ///
    /// When the file has no token: the batch waits for it, nothing is sent without.
    pub(super) fn now(&self) -> Result<HeaderMap, Answer> {
        let mut headers = self.fixed.clone();
        if let Some(file) = &self.token_file {
            let token = bearer(file).map_err(|error| {
                let file = value_for_people(&file.to_string_lossy());
                let detail = format!("the token file {file} can't be used: {error}");
                Answer::failed(Verdict::Hold, FailureKind::Token, &detail)
            })?;
            headers.insert(AUTHORIZATION, token);
        }
        Ok(headers)
    }
}

/// The value of the header with the token in the file. No error repeats any of it.
fn bearer(file: &Path) -> io::Result<HeaderValue> {
    let bytes = pem::read(file)?;
    let token = bytes.trim_ascii();
    let is_token = !token.is_empty() && token.iter().all(u8::is_ascii_graphic);
    let value = HeaderValue::from_bytes(&[b"Bearer ", token].concat());
    match value {
        Ok(mut value) if is_token => {
            value.set_sensitive(true);
            Ok(value)
        }
        _ => Err(io::Error::other("it holds no token")),
    }
}
