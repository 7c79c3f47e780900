//! A gRPC service with all four kinds of calls, without generated code: messages are bytes.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes};
use futures_util::{Stream, StreamExt, stream};
use http::Uri;
use http::uri::PathAndQuery;
use tokio::sync::Notify;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{
    ClientStreamingService, NamedService, ServerStreamingService, StreamingService, UnaryService,
};
use tonic::transport::server::{TcpConnectInfo, TcpIncoming};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status, Streaming};
use tower::{Layer, Service};
use trisignal_instrumentation::correlation::CorrelationId;
use trisignal_instrumentation::grpc::{ClientService, ServerLayer};

use crate::support::Telemetry;

/// Messages are bytes.
#[derive(Default)]
pub(crate) struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// What the service does is asked for by the message:
///
/// - `fail N` answers with the status N, where it streams after a first message;
/// - `panic` panics, `hang` waits for ever, there as well;
/// - `id` answers with the correlation ID; everything else comes back.
#[derive(Clone, Default)]
pub(crate) struct Echo {
    /// Told when a call hangs.
    pub(crate) hangs: Arc<Notify>,
}

type BoxStream = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;
type BoxFuture<T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send>>;

impl Echo {
    async fn answer(self, message: Bytes) -> Result<Bytes, Status> {
        tokio::task::yield_now().await;
        tracing::info_span!("work").in_scope(|| {});
        match words(&message) {
            ("fail", code) => Err(Status::new(Code::from_i32(code), "canary")),
            ("panic", _) => panic!("a bug"),
            ("hang", _) => {
                self.hangs.notify_one();
                std::future::pending().await
            }
            ("id", _) => Ok(CorrelationId::current().unwrap().to_string().into()),
            _ => Ok(message),
        }
    }

    /// The message, then the answer to it.
    fn stream(self, message: Bytes) -> BoxStream {
        let first = stream::iter([Ok(message.clone())]);
        Box::pin(first.chain(stream::once(self.answer(message))))
    }
}

impl UnaryService<Bytes> for Echo {
    type Response = Bytes;
    type Future = BoxFuture<Bytes>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { this.answer(request.into_inner()).await.map(Response::new) })
    }
}

impl ServerStreamingService<Bytes> for Echo {
    type Response = Bytes;
    type ResponseStream = BoxStream;
    type Future = BoxFuture<BoxStream>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { Ok(Response::new(this.stream(request.into_inner()))) })
    }
}

impl ClientStreamingService<Bytes> for Echo {
    type Response = Bytes;
    type Future = BoxFuture<Bytes>;

    /// All messages in one, or what the last asks for.
    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let mut messages = request.into_inner();
            let mut all = Vec::new();
            while let Some(message) = messages.message().await? {
                all.extend_from_slice(&message);
            }
            this.answer(all.into()).await.map(Response::new)
        })
    }
}

impl StreamingService<Bytes> for Echo {
    type Response = Bytes;
    type ResponseStream = BoxStream;
    type Future = BoxFuture<BoxStream>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let answers = request.into_inner().then(move |message| {
                let this = this.clone();
                async move { this.answer(message?).await }
            });
            Ok(Response::new(Box::pin(answers) as BoxStream))
        })
    }
}

/// What a generated server does: it finds the method, and answers itself where there is none.
impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(Raw);
            let method = request.uri().path().rsplit('/').next().unwrap_or_default();
            Ok(match method {
                "Unary" => grpc.unary(echo, request).await,
                "ServerStream" => grpc.server_streaming(echo, request).await,
                "ClientStream" => grpc.client_streaming(echo, request).await,
                "Both" => grpc.streaming(echo, request).await,
                _ => Status::unimplemented("").into_http(),
            })
        })
    }
}

impl NamedService for Echo {
    const NAME: &'static str = "test.Echo";
}

/// Serves until the runtime of the test is gone, under the subscriber of the thread. The peer is
/// known.
pub(crate) async fn serve(layer: ServerLayer, echo: Echo) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    let layer = layer.peer(|parts| parts.extensions.get::<TcpConnectInfo>()?.remote_addr());
    let server = Server::builder().layer(layer).add_service(echo);
    let incoming = TcpIncoming::from(listener);
    tokio::spawn(async move { server.serve_with_incoming(incoming).await });
    address
}

/// A channel to the address inside the client layer of the test.
pub(crate) fn channel(telemetry: &Telemetry, address: SocketAddr) -> ClientService<Channel> {
    let uri: Uri = format!("http://{address}").parse().unwrap();
    let channel = Endpoint::from(uri.clone()).connect_lazy();
    telemetry.grpc_client().target(&uri).layer(channel)
}

/// A client of the service.
pub(crate) async fn client(
    telemetry: &Telemetry,
    address: SocketAddr,
) -> Grpc<ClientService<Channel>> {
    let mut grpc = Grpc::new(channel(telemetry, address));
    grpc.ready().await.unwrap();
    grpc
}

pub(crate) fn path(method: &str) -> PathAndQuery {
    format!("/test.Echo/{method}").parse().unwrap()
}

/// A unary call.
pub(crate) async fn unary(
    client: &mut Grpc<ClientService<Channel>>,
    message: &'static str,
) -> Result<Response<Bytes>, Status> {
    client.ready().await.unwrap();
    let request = Request::new(Bytes::from_static(message.as_bytes()));
    client.unary(request, path("Unary"), Raw).await
}

fn words(message: &[u8]) -> (&str, i32) {
    let text = std::str::from_utf8(message).unwrap();
    let (word, number) = text.split_once(' ').unwrap_or((text, "0"));
    (word, number.parse().unwrap_or_default())
}
