//! `reqwest`: its requests and responses under the client layer, and a client that feels like its
//! own.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Version};
use reqwest::{Body, IntoUrl, Request, Response};
use serde::Serialize;
use tower_layer::Layer;
use tower_service::Service;

use super::request::Target;
use super::response::Observer;
use super::{
    ClientFuture, ClientLayer, ClientRequest, ClientResponse, ClientService, request, response,
};
use crate::exchange::Inside;
use crate::exchange::values::error_type;
use crate::http::semconv::Redaction;
use crate::http::settings::content_length;

/// `inner` with a span, a measurement and propagation for each request; see [`ClientLayer`].
///
/// ```no_run
/// # async fn call() -> Result<(), reqwest::Error> {
/// let client = trisignal_instrumentation::http::client(reqwest::Client::new());
/// let answer = client.post("http://orders/pay").json(&["book"]).send().await?.error_for_status()?;
/// # Ok(()) }
/// ```
pub fn client(inner: reqwest::Client) -> Client {
    Client::new(inner, &ClientLayer::new())
}

/// A `reqwest` client whose requests are observed. A clone is cheap and shares the connections.
///
/// It has the methods of `reqwest::Client` that make requests, and answers with `reqwest`'s own
/// responses and errors. Redirects are followed inside of one span, which ends with the response
/// head. Whatever is missing here can be had with [`execute`](Self::execute).
#[derive(Clone)]
pub struct Client {
    service: ClientService<reqwest::Client>,
}

impl Client {
    /// `inner` under `layer`: what [`client`](fn@client) does, with settings.
    pub fn new(inner: reqwest::Client, layer: &ClientLayer) -> Self {
        Self {
            service: layer.layer(inner),
        }
    }

    /// Starts a `GET` request.
    pub fn get(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    /// Starts a `POST` request.
    pub fn post(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    /// Starts a `PUT` request.
    pub fn put(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::PUT, url)
    }

    /// Starts a `PATCH` request.
    pub fn patch(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::PATCH, url)
    }

    /// Starts a `DELETE` request.
    pub fn delete(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::DELETE, url)
    }

    /// Starts a `HEAD` request.
    pub fn head(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::HEAD, url)
    }

    /// Starts a request with any method. A URL that is none is reported when it is sent.
    pub fn request(&self, method: Method, url: impl IntoUrl) -> RequestBuilder {
        RequestBuilder {
            inner: self.service.get_ref().request(method, url),
            client: self.clone(),
        }
    }

    /// Sends a request.
    ///
    /// # Errors
    ///
    /// Those of `reqwest::Client::execute`.
    pub fn execute(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Response, reqwest::Error>> + Send + use<> {
        // Not called before it is polled: the parent is the span that it runs in, not the one it
        // was made in.
        let client = self.clone();
        async move { client.call(request).await }
    }

    fn call(
        &self,
        request: Request,
    ) -> ClientFuture<<reqwest::Client as Service<Request>>::Future, Request> {
        // A clone is a reference count, and a service wants to be called by its owner.
        self.service.clone().call(request)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl From<reqwest::Client> for Client {
    fn from(inner: reqwest::Client) -> Self {
        client(inner)
    }
}

/// A request that is being made; the methods are those of `reqwest::RequestBuilder`.
#[must_use = "a request does nothing until it is sent"]
pub struct RequestBuilder {
    inner: reqwest::RequestBuilder,
    client: Client,
}

impl RequestBuilder {
    /// Adds a header.
    pub fn header<K, V>(self, name: K, value: V) -> Self
    where
        HeaderName: TryFrom<K>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        self.map(|inner| inner.header(name, value))
    }

    /// Adds headers, in place of those of the same names.
    pub fn headers(self, headers: HeaderMap) -> Self {
        self.map(|inner| inner.headers(headers))
    }

    /// Appends to the query of the URL.
    pub fn query<T: Serialize + ?Sized>(self, query: &T) -> Self {
        self.map(|inner| inner.query(query))
    }

    /// Sends `json` as the body.
    pub fn json<T: Serialize + ?Sized>(self, json: &T) -> Self {
        self.map(|inner| inner.json(json))
    }

    /// Sends `form` URL-encoded as the body.
    pub fn form<T: Serialize + ?Sized>(self, form: &T) -> Self {
        self.map(|inner| inner.form(form))
    }

    /// Sets the body.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.map(|inner| inner.body(body))
    }

    /// How long the whole request may take, in place of the client's own limit.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.map(|inner| inner.timeout(timeout))
    }

    /// Adds bearer authentication.
    pub fn bearer_auth(self, token: impl fmt::Display) -> Self {
        self.map(|inner| inner.bearer_auth(token))
    }

    /// Adds basic authentication.
    pub fn basic_auth(self, user: impl fmt::Display, password: Option<impl fmt::Display>) -> Self {
        self.map(|inner| inner.basic_auth(user, password))
    }

    /// Sets the HTTP version to use.
    pub fn version(self, version: Version) -> Self {
        self.map(|inner| inner.version(version))
    }

    /// The request, not sent.
    ///
    /// # Errors
    ///
    /// When something it was made from was invalid.
    pub fn build(self) -> Result<Request, reqwest::Error> {
        self.inner.build()
    }

    /// Sends the request.
    ///
    /// # Errors
    ///
    /// Those of `reqwest::RequestBuilder::send`. One of [`build`](Self::build) is no attempt and
    /// makes no span.
    pub async fn send(self) -> Result<Response, reqwest::Error> {
        let request = self.inner.build()?;
        self.client.call(request).await
    }

    fn map(self, change: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder) -> Self {
        Self {
            inner: change(self.inner),
            client: self.client,
        }
    }
}

impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not what is inside: a header or the URL may be a secret.
        f.debug_struct("RequestBuilder").finish_non_exhaustive()
    }
}

impl ClientRequest for Request {
    fn method(&self) -> &Method {
        self.method()
    }

    #[allow(private_interfaces, reason = "nobody else can call it")]
    fn target(&self, redaction: &Redaction) -> Target<'_> {
        let url = self.url();
        Target {
            address: url.host_str().map(|host| host.trim_matches(['[', ']'])),
            port: url.port_or_known_default(),
            url: redaction.url(url.as_str()),
        }
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }

    fn body_size(&self) -> Option<u64> {
        let bytes = || Some(self.body()?.as_bytes()?.len() as u64);
        content_length(self.headers()).or_else(bytes)
    }

    fn error_type<E: Any>(error: &E) -> &'static str {
        (error as &dyn Any)
            .downcast_ref()
            .map_or_else(error_type::<E>, reqwest_error_type)
    }
}

impl request::private::Sealed for Request {}

impl ClientResponse for Response {
    type Observed = Self;

    fn status(&self) -> StatusCode {
        self.status()
    }

    fn version(&self) -> Version {
        self.version()
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    #[allow(private_interfaces, reason = "nobody else can call it")]
    fn note(&self, inside: &mut Inside<'_>) -> Option<u64> {
        let length = self.content_length();
        if let Some(length) = length {
            inside.passed(length);
        }
        inside.complete();
        length
    }

    fn observe(self, _: Observer) -> Self {
        self
    }
}

impl response::private::Sealed for Response {}

/// All errors of `reqwest` have one type; what they are about tells more.
fn reqwest_error_type(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "connect"
    } else if error.is_redirect() {
        "redirect"
    } else if error.is_body() {
        "body"
    } else if error.is_decode() {
        "decode"
    } else if error.is_request() {
        "request"
    } else {
        "reqwest::Error"
    }
}
