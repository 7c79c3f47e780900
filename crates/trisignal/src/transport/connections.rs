//! The connections of a pipeline: one client for each place that data goes to, shared by the signals that go there.

use http::Uri;

use super::grpc::{self, GrpcClient};
use super::http::{self as over_http, HttpClient};
use super::tls;
use crate::config::{OtlpConfig, TlsConfig};
use crate::error::Error;

/// The clients made so far.
#[derive(Default)]
pub(crate) struct Connections {
    grpc: Vec<(Place, GrpcClient)>,
    http: Vec<(Place, HttpClient)>,
}

/// Where a connection leads, and what it was opened with.
#[derive(PartialEq)]
struct Place {
    /// Scheme and authority.
    origin: (Option<String>, Option<String>),
    tls: TlsConfig,
    /// The limit to opening it.
    timeout: Option<std::time::Duration>,
}

impl Connections {
    /// The HTTP/2 connection to the endpoint of `config`.
    ///
    /// # Errors
    ///
    /// When a file of the TLS configuration can't be read or used.
    pub(super) fn grpc(&mut self, config: &OtlpConfig) -> Result<GrpcClient, Error> {
        shared(&mut self.grpc, config, grpc::client)
    }

    /// The pool of HTTP/1.1 connections to the endpoint of `config`.
    ///
    /// # Errors
    ///
    /// As [`Connections::grpc`].
    pub(super) fn http(&mut self, config: &OtlpConfig) -> Result<HttpClient, Error> {
        shared(&mut self.http, config, over_http::client)
    }
}

fn shared<C: Clone>(
    made: &mut Vec<(Place, C)>,
    config: &OtlpConfig,
    make: fn(super::Connector) -> C,
) -> Result<C, Error> {
    let part = |part: Option<&str>| part.map(str::to_ascii_lowercase);
    let endpoint: &Uri = &config.endpoint;
    let place = Place {
        origin: (
            part(endpoint.scheme_str()),
            part(endpoint.authority().map(|authority| authority.as_str())),
        ),
        tls: config.tls.clone(),
        timeout: config.timeout,
    };
    if let Some((_, client)) = made.iter().find(|(known, _)| *known == place) {
        return Ok(client.clone());
    }
    let client = make(tls::connector(config)?);
    made.push((place, client.clone()));
    Ok(client)
}
