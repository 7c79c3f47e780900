//! A generated client calls a generated server: one trace, one correlation ID, the names of the
//! conventions.

use std::collections::BTreeSet;

use http::Uri;
use opentelemetry::trace::SpanKind;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_semantic_conventions::attribute as names;
use opentelemetry_semantic_conventions::metric;
use tonic::transport::server::{TcpConnectInfo, TcpIncoming};
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status};
use tower::Layer;
use trisignal_instrumentation::correlation::CorrelationId;

use crate::support::{Telemetry, attribute, status};

const METHOD: &str = "opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// A service that was generated from somebody's definition; what it is about does not matter here.
struct Generated;

#[tonic::async_trait]
impl TraceService for Generated {
    async fn export(
        &self,
        _: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        tracing::info_span!("work").in_scope(|| {});
        let mut response = Response::new(ExportTraceServiceResponse::default());
        let id = CorrelationId::current().unwrap().to_string();
        response
            .metadata_mut()
            .insert("x-seen", id.parse().unwrap());
        Ok(response)
    }
}

async fn serve(telemetry: &Telemetry) -> Uri {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let layer = telemetry
        .grpc_server()
        .peer(|parts| parts.extensions.get::<TcpConnectInfo>()?.remote_addr());
    let server = Server::builder()
        .layer(layer)
        .add_service(TraceServiceServer::new(Generated));
    let incoming = TcpIncoming::from(listener);
    tokio::spawn(async move { server.serve_with_incoming(incoming).await });
    uri.parse().unwrap()
}

#[tokio::test]
async fn a_generated_client_calls_a_generated_server() {
    let telemetry = Telemetry::new();
    let _subscriber = tracing::dispatcher::set_default(&telemetry.dispatch());
    let uri = serve(&telemetry).await;
    let endpoint = Endpoint::from(uri.clone());
    let channel = telemetry
        .grpc_client()
        .target(endpoint.uri())
        .layer(endpoint.connect_lazy());
    let mut client = TraceServiceClient::new(channel);

    let mut request = Request::new(ExportTraceServiceRequest::default());
    let own = request.metadata_mut();
    own.insert("x-correlation-id", "order-1".parse().unwrap());
    let answer = client.export(request).await.unwrap();
    assert_eq!(answer.metadata().get("x-seen").unwrap(), "order-1");
    assert_eq!(
        answer.metadata().get("x-correlation-id").unwrap(),
        "order-1"
    );

    let spans = telemetry.wait_for_spans(3).await;
    let of_kind = |kind| spans.iter().find(|span| span.span_kind == kind).unwrap();
    let (call, served) = (of_kind(SpanKind::Client), of_kind(SpanKind::Server));
    let work = telemetry.span_named("work");
    assert_eq!(served.parent_span_id, call.span_context.span_id());
    assert!(served.parent_span_is_remote);
    assert_eq!(work.parent_span_id, served.span_context.span_id());
    let traces: BTreeSet<_> = spans
        .iter()
        .map(|span| span.span_context.trace_id().to_string())
        .collect();
    assert_eq!(traces.len(), 1);

    let port = uri.port_u16().unwrap().to_string();
    for span in [call, served] {
        assert_eq!((&*span.name, status(span)), (METHOD, "unset"));
        for (key, value) in [
            (names::RPC_SYSTEM_NAME, "grpc"),
            (names::RPC_METHOD, METHOD),
            (names::RPC_METHOD_ORIGINAL, ""),
            (names::RPC_RESPONSE_STATUS_CODE, "OK"),
            (names::SERVER_ADDRESS, "127.0.0.1"),
            (names::SERVER_PORT, &port),
            (names::ERROR_TYPE, ""),
        ] {
            assert_eq!(attribute(span, key), value, "{key}");
        }
    }
    for key in [names::CLIENT_ADDRESS, names::NETWORK_PEER_ADDRESS] {
        assert_eq!(attribute(served, key), "127.0.0.1");
    }
    assert_ne!(attribute(served, names::NETWORK_PEER_PORT), "");
    assert_eq!(
        attribute(served, names::NETWORK_PEER_PORT),
        attribute(served, names::CLIENT_PORT)
    );

    let served = telemetry.point(metric::RPC_SERVER_CALL_DURATION);
    let shown = [
        (names::RPC_SYSTEM_NAME, "grpc"),
        (names::RPC_METHOD, METHOD),
        (names::RPC_RESPONSE_STATUS_CODE, "OK"),
    ];
    assert!(served.has(&shown), "{served:?}");
    let called = telemetry.point(metric::RPC_CLIENT_CALL_DURATION);
    let target = [
        (names::SERVER_ADDRESS, "127.0.0.1"),
        (names::SERVER_PORT, &*port),
    ];
    assert!(
        called.has(&[&shown[..], &target[..]].concat()),
        "{called:?}"
    );
    for point in [served, called] {
        assert_eq!((point.count, point.bounds.len()), (1, 14));
        assert!(point.sum > 0.0 && point.sum < 30.0);
    }
}
