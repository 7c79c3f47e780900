//! The beginning of a client's exchange: its span, and what is measured.

use http::Method;
use tracing::Span;
use tracing::field::Empty;

use super::request::Target;
use super::{ClientLayer, ClientRequest};
use crate::exchange::{Exchange, Family, Measures, Outcome as Either, Part, Side};
use crate::http::metrics::{self, ClientInstruments};
use crate::http::outcome::Outcome;
use crate::http::semconv::Named;
use crate::http::{Resend, TARGET, UrlTemplate, semconv};

/// A request as it is about to be shown.
struct Seen<'a> {
    method: Named<'a>,
    target: Target<'a>,
    template: Option<&'a UrlTemplate>,
    resend: Option<&'a Resend>,
}

impl ClientLayer {
    /// Starts the exchange of `request`.
    ///
    /// The caller's context is current wherever the future runs; nothing of ours has to stand in for
    /// it.
    pub(super) fn begin(&self, request: &impl ClientRequest) -> Box<Exchange> {
        let instruments = self
            .instruments
            .clone()
            .unwrap_or_else(|| metrics::CLIENT.get());
        let extensions = request.extensions();
        let seen = Seen {
            method: self.settings.methods.name(request.method()),
            target: request.target(&self.settings.redaction),
            template: extensions.and_then(|extensions| extensions.get()),
            resend: extensions.and_then(|extensions| extensions.get()),
        };
        let sizes = self
            .settings
            .body_sizes
            .then(|| instruments.sizes(request.body_size()));
        let without_body = matches!(*request.method(), Method::HEAD | Method::CONNECT);
        let measures = measures(&seen, &instruments);
        Exchange::new(
            Side::Client,
            span(&seen, measures.family()),
            Either::Http(Outcome::new(without_body, sizes)),
            self.settings.response_headers(Side::Client).clone(),
            Some(measures),
        )
    }
}

fn span(seen: &Seen<'_>, family: &Family) -> Span {
    let template = seen.template.map(|template| &*template.0);
    let resends = seen.resend.map(|resend| i64::from(resend.0));
    tracing::info_span!(
        target: TARGET,
        "http.client",
        "otel.name" = family.name(),
        "otel.kind" = "client",
        "otel.status_code" = Empty,
        "http.request.method" = seen.method.name,
        "http.request.method_original" = seen.method.original,
        "http.request.resend_count" = resends.filter(|resends| *resends != 0),
        "http.request.body.size" = Empty,
        "http.response.status_code" = Empty,
        "http.response.body.size" = Empty,
        "server.address" = seen.target.address,
        "server.port" = seen.target.port.map(i64::from),
        "url.full" = &*seen.target.url,
        "url.template" = template,
        "network.protocol.version" = Empty,
        "error.type" = Empty,
    )
}

fn measures(seen: &Seen<'_>, instruments: &ClientInstruments) -> Measures {
    let template = seen.template.map(|template| &*template.0);
    let port = seen.target.port.map(i64::from);
    let attributes = [
        ("http.request.method", Some(Part::Text(seen.method.name))),
        ("server.address", seen.target.address.map(Part::Text)),
        ("server.port", port.map(Part::Number)),
        ("url.template", template.map(Part::Text)),
    ];
    let name = || semconv::span_name(seen.method.name, template).into_owned();
    Measures::new(Family::of(&instruments.exchanges, &attributes, name))
}
