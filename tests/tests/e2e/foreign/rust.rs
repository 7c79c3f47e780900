//! The Rust side: a service that is both the first and the last of a chain, installed in this process, set up in
//! the few lines that a user would write.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt as _;
use serde_json::{Value, json};
use trisignal::http::{Client, ServerLayer, client};
use trisignal::{ConsoleFormat, Limits, Telemetry};
use trisignal_receiver::Receiver;

pub(crate) const SERVICE: &str = "rust";
/// The log line of the last service.
pub(crate) const LAST_WORDS: &str = "The chain ends here";
/// A baggage member of the customer's own, which the last service shows.
pub(crate) const TENANT: &str = "tenant";

/// Telemetry of the whole process, which this test therefore has for itself.
pub(crate) fn install(receiver: &Receiver) -> Telemetry {
    let limits = Limits {
        schedule_delay: Some(Duration::from_millis(50)),
        ..Limits::default()
    };
    trisignal::builder(SERVICE)
        .environment(BTreeMap::<String, String>::new())
        .endpoint(receiver.http_endpoint())
        .console(ConsoleFormat::Off)
        .limits(limits)
        .install()
        .unwrap()
}

/// Serves until the process ends: `/first?…` calls the URL that is its query, `/last` says what it was asked with.
pub(crate) fn serve() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    // No proxy of the machine may come between.
    let inner = reqwest::Client::builder().no_proxy().build().unwrap();
    let app = Router::new()
        .route("/first", get(first))
        .route("/last", get(last))
        .layer(ServerLayer::axum())
        .with_state(client(inner));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
    });
    address
}

async fn first(
    State(client): State<Client>,
    axum::extract::RawQuery(next): axum::extract::RawQuery,
) -> Result<String, StatusCode> {
    let failed = |error: reqwest::Error| {
        tracing::error!(error = %error, "The next service does not answer");
        StatusCode::BAD_GATEWAY
    };
    let answer = client.get(next.unwrap_or_default()).send().await;
    answer.map_err(failed)?.text().await.map_err(failed)
}

async fn last(headers: HeaderMap) -> Json<Value> {
    tracing::info!("{LAST_WORDS}");
    let tenant = Context::current()
        .baggage()
        .get(TENANT)
        .map(ToString::to_string);
    let header = headers.get("x-correlation-id").is_some();
    Json(json!({ "asked_with_header": header, TENANT: tenant }))
}
