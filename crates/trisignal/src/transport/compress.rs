//! Compression of request bodies: which encoding is used towards a backend, and the encoding itself.
//!
//! Told nothing, a backend on this machine gets bodies as they are (the loopback costs less than any compression), any other gets
//! gzip at its fastest level, which every OTLP backend takes. One that says in an answer that it takes zstd (RFC 7694 for
//! HTTP, `grpc-accept-encoding` for gRPC) gets that from then on: it costs half of it and is smaller.

use std::borrow::Cow;
use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering};

use flate2::write::GzEncoder;

use crate::config::Compression;
use crate::pipeline::pieces::Pieces;

/// Both libraries' fastest level that still looks for matches. For gzip it takes an eighth of the default's time.
const ZSTD_LEVEL: i32 = 1;

/// How one body is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Encoding {
    #[default]
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    /// The name on the wire; `None` where nothing is to be said.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }

    /// The encoded body, or nothing where it stays as it is.
    fn encode(self, body: &Pieces) -> Option<Pieces> {
        // A write to a vector can't fail; should it all the same, the body goes as it is.
        match self {
            Self::Identity => None,
            Self::Gzip => gzip(body).ok(),
            Self::Zstd => zstd(body).ok(),
        }
        .map(Pieces::from)
    }
}

fn gzip(body: &Pieces) -> std::io::Result<Vec<u8>> {
    let room = Vec::with_capacity(body.len() / 4);
    let mut encoder = GzEncoder::new(room, flate2::Compression::fast());
    for piece in body.iter() {
        encoder.write_all(piece)?;
    }
    encoder.finish()
}

fn zstd(body: &Pieces) -> std::io::Result<Vec<u8>> {
    let room = Vec::with_capacity(body.len() / 4);
    let mut encoder = zstd::stream::Encoder::new(room, ZSTD_LEVEL)?;
    // Said beforehand, it needs no more memory than the body is large.
    encoder.set_pledged_src_size(Some(body.len() as u64))?;
    for piece in body.iter() {
        encoder.write_all(piece)?;
    }
    encoder.finish()
}

/// What one backend is sent.
#[derive(Debug)]
pub(super) struct Negotiation {
    /// The encoding follows the answers; else it is what was asked for.
    automatic: bool,
    /// An [`Encoding`]; a lane sends one request at a time, and a stale value would cost one request at most.
    current: AtomicU8,
}

impl Negotiation {
    /// What `compression` means for the backend at `host`.
    pub(super) fn new(compression: Compression, host: Option<&str>) -> Self {
        let (automatic, first) = match compression {
            Compression::None => (false, Encoding::Identity),
            Compression::Gzip => (false, Encoding::Gzip),
            Compression::Zstd => (false, Encoding::Zstd),
            Compression::Auto if host.is_some_and(is_loopback) => (false, Encoding::Identity),
            Compression::Auto => (true, Encoding::Gzip),
        };
        Self {
            automatic,
            current: AtomicU8::new(first as u8),
        }
    }

    /// The body to send, with its encoding.
    pub(super) fn encode(&self, body: &Pieces) -> (Pieces, Encoding) {
        let encoding = self.current();
        match encoding.encode(body) {
            Some(encoded) => (encoded, encoding),
            None => (body.clone(), Encoding::Identity),
        }
    }

    /// Learns from a good answer which encodings the backend says it takes.
    pub(super) fn accepted(&self, advertised: Option<&str>) {
        if self.automatic && advertised.is_some_and(|names| takes(names, "zstd")) {
            self.become_(Encoding::Zstd);
        }
    }

    /// Learns that the backend could not read a body in `encoding`. Answers whether another one is worth a try.
    pub(super) fn refused(&self, encoding: Encoding) -> bool {
        let weaker = match encoding {
            Encoding::Zstd => Encoding::Gzip,
            Encoding::Gzip => Encoding::Identity,
            Encoding::Identity => return false,
        };
        if self.automatic {
            self.become_(weaker);
        }
        self.automatic
    }

    fn current(&self) -> Encoding {
        const GZIP: u8 = Encoding::Gzip as u8;
        const ZSTD: u8 = Encoding::Zstd as u8;
        match self.current.load(Ordering::Relaxed) {
            GZIP => Encoding::Gzip,
            ZSTD => Encoding::Zstd,
            _ => Encoding::Identity,
        }
    }

    fn become_(&self, encoding: Encoding) {
        self.current.store(encoding as u8, Ordering::Relaxed);
    }
}

/// Whether a list such as `gzip;q=0.5, zstd` has `wanted` in it, and not with a weight of zero.
fn takes(names: &str, wanted: &str) -> bool {
    names.split(',').any(|member| {
        let mut parts = member.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let refused = parts.any(|part| {
            let weight = part.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok());
            weight == Some(0.0)
        });
        name.eq_ignore_ascii_case(wanted) && !refused
    })
}

/// Whether requests to `host` stay on this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host: Cow<'_, str> = host.trim_matches(['[', ']']).into();
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoding(negotiation: &Negotiation) -> Encoding {
        negotiation.encode(&Pieces::from(b"abc".to_vec())).1
    }

    #[test]
    fn only_what_leaves_the_machine_is_compressed_unasked() {
        for host in [
            "localhost",
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "[::1]",
            "LOCALHOST",
        ] {
            let local = Negotiation::new(Compression::Auto, Some(host));
            assert_eq!(encoding(&local), Encoding::Identity, "{host}");
            local.accepted(Some("zstd"));
            assert_eq!(encoding(&local), Encoding::Identity, "{host}");
            let asked = Negotiation::new(Compression::Gzip, Some(host));
            assert_eq!(encoding(&asked), Encoding::Gzip, "{host}");
        }
        for host in ["collector", "10.0.0.1", "localhost.example", "2001:db8::1"] {
            let remote = Negotiation::new(Compression::Auto, Some(host));
            assert_eq!(encoding(&remote), Encoding::Gzip, "{host}");
        }
    }

    #[test]
    fn zstd_is_used_where_it_is_advertised_and_given_up_where_it_is_refused() {
        let remote = Negotiation::new(Compression::Auto, Some("collector"));
        remote.accepted(Some("gzip, zstd;q=0"));
        assert_eq!(encoding(&remote), Encoding::Gzip);
        remote.accepted(Some("gzip;q=0.5, ZSTD"));
        assert_eq!(encoding(&remote), Encoding::Zstd);
        assert!(remote.refused(Encoding::Zstd));
        assert_eq!(encoding(&remote), Encoding::Gzip);
        assert!(remote.refused(Encoding::Gzip));
        assert_eq!(encoding(&remote), Encoding::Identity);
        assert!(!remote.refused(Encoding::Identity));
    }

    #[test]
    fn what_was_asked_for_is_kept() {
        let asked = Negotiation::new(Compression::Gzip, Some("collector"));
        asked.accepted(Some("zstd"));
        assert!(!asked.refused(Encoding::Gzip));
        assert_eq!(encoding(&asked), Encoding::Gzip);
    }
}
