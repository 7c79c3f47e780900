//! Certificates and keys that are files, read again for each connection: who rotates them need not restart the service.
//!
//! The files are read where a connection opens, which is rare, and only parsed when they have changed. Files that can't
//! be used, such as a new certificate whose key is not there yet, leave in force what was.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, SignatureScheme};

use super::{pem, tls};
use crate::error::Error;

/// What was made of files, and made again when they change.
#[derive(Debug)]
struct Rotating<T> {
    files: Vec<PathBuf>,
    current: Mutex<Current<T>>,
}

#[derive(Debug)]
struct Current<T> {
    /// The content of the files that `value` was made of.
    contents: Vec<Vec<u8>>,
    value: Arc<T>,
}

impl<T> Rotating<T> {
    fn new(files: &[&Path], contents: Vec<Vec<u8>>, value: T) -> Self {
        Self {
            files: files.iter().map(|file| file.to_path_buf()).collect(),
            current: Mutex::new(Current {
                contents,
                value: Arc::new(value),
            }),
        }
    }

    /// The value of the files as they are now, by `make` where they have changed.
    fn get(&self, make: impl FnOnce(&[Vec<u8>]) -> Result<T, Error>) -> Arc<T> {
        let contents: Result<Vec<_>, _> = self.files.iter().map(|file| pem::read(file)).collect();
        // Nothing panics under this lock but `make`, which changes nothing in it.
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(contents) = contents
            && contents != current.contents
            && let Ok(value) = make(&contents)
        {
            *current = Current {
                contents,
                value: Arc::new(value),
            };
        }
        Arc::clone(&current.value)
    }
}

/// What is in a file, or why it can't be used.
fn content(what: &str, file: &Path) -> Result<Vec<u8>, Error> {
    pem::read(file).map_err(|error| tls::unreadable(what, file, error))
}

/// Trusts the authorities in a file.
#[derive(Debug)]
pub(super) struct RotatingAuthorities {
    file: PathBuf,
    provider: Arc<CryptoProvider>,
    verifier: Rotating<Arc<WebPkiServerVerifier>>,
}

impl RotatingAuthorities {
    /// # Errors
    ///
    /// When the file can't be used as it is now.
    pub(super) fn new(file: &Path, provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        let pem = content(tls::CERTIFICATE, file)?;
        let verifier = tls::verifier(file, &pem, &provider)?;
        Ok(Self {
            file: file.to_path_buf(),
            provider,
            verifier: Rotating::new(&[file], vec![pem], verifier),
        })
    }

    fn now(&self) -> Arc<WebPkiServerVerifier> {
        let verifier = self
            .verifier
            .get(|pems| tls::verifier(&self.file, &pems[0], &self.provider));
        Arc::clone(&verifier)
    }
}

impl ServerCertVerifier for RotatingAuthorities {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.now()
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    // Signatures are checked with the key of the certificate, whoever vouches for it.

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Shows the certificate in a file, with the key in another.
#[derive(Debug)]
pub(super) struct RotatingIdentity {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    identity: Rotating<Arc<CertifiedKey>>,
}

impl RotatingIdentity {
    /// # Errors
    ///
    /// When the files can't be used as they are now.
    pub(super) fn new(
        certificate: &Path,
        key: &Path,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        let chain = content(tls::CERTIFICATE, certificate)?;
        let private = content(tls::KEY, key)?;
        let identity = tls::identity((certificate, &chain), (key, &private), &provider)?;
        Ok(Self {
            certificate: certificate.to_path_buf(),
            key: key.to_path_buf(),
            provider,
            identity: Rotating::new(&[certificate, key], vec![chain, private], identity),
        })
    }
}

impl ResolvesClientCert for RotatingIdentity {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let identity = self.identity.get(|pems| {
            tls::identity(
                (&self.certificate, &pems[0]),
                (&self.key, &pems[1]),
                &self.provider,
            )
        });
        Some(Arc::clone(&identity))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
