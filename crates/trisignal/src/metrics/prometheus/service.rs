//! The page as a tower service, to be mounted in a router.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue,
    VARY,
};
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tower_service::Service;

use super::accept::{Format, negotiate};
use super::scrape::{NoPage, Scraper};

/// Pages below it are not worth compressing.
const LEAST_COMPRESSED: usize = 1_024;

/// Answers each `GET` with the metrics of this moment, in the format that the scraper asks for.
///
/// From [`Telemetry::metrics_service`](crate::Telemetry::metrics_service). It takes requests with any body, and never
/// fails.
///
/// Prometheus' text format is the default; OpenMetrics, with exemplars, where `Accept` prefers it, and compressed where
/// `Accept-Encoding` has gzip. Who may ask is up to the router: the page shows the resource, and names and attributes of
/// metrics.
#[derive(Clone, Debug)]
pub struct MetricsService {
    scraper: Option<Scraper>,
}

impl MetricsService {
    pub(crate) fn new(scraper: Option<Scraper>) -> Self {
        Self { scraper }
    }
}

impl<B> Service<Request<B>> for MetricsService {
    type Response = Response<MetricsBody>;
    type Error = Infallible;
    type Future = MetricsFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> MetricsFuture {
        let scraper = self.scraper.clone();
        let (method, headers) = (request.method().clone(), request.headers().clone());
        let answer = async move { answer(scraper, &method, &headers).await };
        MetricsFuture(Box::pin(answer))
    }
}

/// The future of [`MetricsService`].
pub struct MetricsFuture(Pin<Box<dyn Future<Output = Response<MetricsBody>> + Send>>);

impl Future for MetricsFuture {
    type Output = Result<Response<MetricsBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for MetricsFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsFuture")
    }
}

/// The body of the answer of [`MetricsService`]: the whole page.
#[derive(Debug, Default)]
pub struct MetricsBody(Bytes);

impl Body for MetricsBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.0.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.0)))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}

impl From<String> for MetricsBody {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

async fn answer(
    scraper: Option<Scraper>,
    method: &Method,
    headers: &HeaderMap,
) -> Response<MetricsBody> {
    if method != Method::GET && method != Method::HEAD {
        let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        refused
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    let Some(scraper) = scraper else {
        return plain(
            StatusCode::NOT_FOUND,
            "metrics are not collected for scraping\n",
        );
    };
    let format = negotiate(texts(headers, &ACCEPT));
    if method == Method::HEAD {
        return page(format, Bytes::new(), false);
    }
    match scraper.page(format).await {
        Ok(text) if text.len() >= LEAST_COMPRESSED && takes_gzip(headers) => {
            match compressed(&text) {
                Some(smaller) => page(format, smaller, true),
                None => page(format, text.into(), false),
            }
        }
        Ok(text) => page(format, text.into(), false),
        Err(NoPage::Stuck) => plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "another collection of metrics does not end\n",
        ),
        Err(NoPage::Unavailable) => plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "metrics are not available\n",
        ),
    }
}

fn page(format: Format, text: Bytes, compressed: bool) -> Response<MetricsBody> {
    let mut response = Response::new(MetricsBody(text));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(format.content_type()),
    );
    headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

pub(super) fn plain(status: StatusCode, text: &'static str) -> Response<MetricsBody> {
    let mut response = Response::new(MetricsBody(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn texts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
}

/// Whether the client names gzip, and not with a weight of zero.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let members = texts(headers, &ACCEPT_ENCODING).flat_map(|header| header.split(','));
    members.take(64).any(|member| {
        let (coding, weight) = member.split_once(';').unwrap_or((member, ""));
        let is_refused = || {
            let weight = weight.trim().trim_start_matches("q=");
            weight.parse::<f32>().is_ok_and(|weight| weight == 0.0)
        };
        coding.trim().eq_ignore_ascii_case("gzip") && !is_refused()
    })
}

fn compressed(text: &str) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::fast());
    encoder.write_all(text.as_bytes()).ok()?;
    Some(encoder.finish().ok()?.into())
}
