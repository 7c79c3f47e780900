//! TLS by rustls: which certificates are trusted, and which one is shown.

use std::path::Path;
use std::sync::Arc;

use hyper_rustls::{ConfigBuilderExt, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};

use super::rotating::{RotatingAuthorities, RotatingIdentity};
use super::{CONNECT_TIMEOUT, Connector};
use crate::config::{OtlpConfig, Protocol, TlsConfig, value_for_people};
use crate::error::{Error, ErrorKind};

/// A connector for the endpoint of `config`. An `https` endpoint is never spoken to in the clear.
pub(super) fn connector(config: &OtlpConfig) -> Result<Connector, Error> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(config.timeout.unwrap_or(CONNECT_TIMEOUT)));

    let secure = config.endpoint.scheme_str() == Some("https");
    let tls = if secure {
        client_config(&config.tls)?
    } else {
        unused()?
    };
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls);
    let builder = if secure {
        builder.https_only()
    } else {
        builder.https_or_http()
    };
    Ok(match config.protocol {
        Protocol::Grpc => builder.enable_http2().wrap_connector(http),
        Protocol::HttpProtobuf | Protocol::HttpJson => builder.enable_http1().wrap_connector(http),
    })
}

fn client_config(tls: &TlsConfig) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = builder(&provider)?;
    let builder = match &tls.ca {
        Some(path) => {
            let authorities = RotatingAuthorities::new(path, Arc::clone(&provider))?;
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(authorities))
        }
        None => builder.with_native_roots().map_err(|error| {
            Error::new(ErrorKind::Tls, "the system has no usable root certificates")
                .with_source(error)
        })?,
    };
    let mut config = match (&tls.cert, &tls.key) {
        (Some(certificate), Some(key)) => {
            let identity = RotatingIdentity::new(certificate, key, provider)?;
            builder.with_client_cert_resolver(Arc::new(identity))
        }
        _ => builder.with_no_client_auth(),
    };
    if tls.ca.is_some() || tls.cert.is_some() {
        // A session that is resumed would go on with the certificates of before.
        config.resumption = Resumption::disabled();
    }
    Ok(config)
}

/// Checks certificates of servers against the authorities in a file with this content.
pub(super) fn verifier(
    path: &Path,
    pem: &[u8],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, pem)? {
        let added = roots.add(certificate);
        added.map_err(|error| unreadable(CERTIFICATE, path, error))?;
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| unreadable(CERTIFICATE, path, error))
}

/// The certificate of the client, which must fit its key, from files with these contents.
pub(super) fn identity(
    (certificate, chain): (&Path, &[u8]),
    (key, private): (&Path, &[u8]),
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, Error> {
    let chain = certificates(certificate, chain)?;
    let private =
        PrivateKeyDer::from_pem_slice(private).map_err(|error| unreadable(KEY, key, error))?;
    CertifiedKey::from_der(chain, private, provider)
        .map(Arc::new)
        .map_err(|error| {
            let text = format!(
                "client certificate {} and its key can't be used: {error}",
                path_for_people(certificate)
            );
            let error = Error::new(ErrorKind::Tls, text).with_source(error);
            error.with_file(certificate)
        })
}

/// The configuration of a connector that never opens a TLS connection: it trusts nobody.
fn unused() -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(builder(&provider)?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

type Builder = rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>;

/// With ring by name: the process may have another provider as its default, or none.
fn builder(provider: &Arc<CryptoProvider>) -> Result<Builder, Error> {
    ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| {
            Error::new(ErrorKind::Tls, "no TLS version is available").with_source(error)
        })
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(CERTIFICATE, path, error))?;
    if chain.is_empty() {
        let error = std::io::Error::other("it has no PEM certificate in it");
        return Err(unreadable(CERTIFICATE, path, error));
    }
    Ok(chain)
}

/// What a file is read for.
pub(super) const CERTIFICATE: &str = "certificate";
pub(super) const KEY: &str = "client key";

/// The error of a file that can't be used, by its name: nothing of its content is in it.
pub(super) fn unreadable(
    what: &str,
    path: &Path,
    error: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    let text = format!("{what} {} can't be read: {error}", path_for_people(path));
    Error::new(ErrorKind::Tls, text)
        .with_source(error)
        .with_file(path)
}

fn path_for_people(path: &Path) -> String {
    value_for_people(&path.to_string_lossy())
}
