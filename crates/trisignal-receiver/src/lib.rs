//! An OTLP receiver in the process, for tests and demos.
//!
//! A [`Receiver`] is a whole backend on two free loopback ports: OTLP over gRPC on one, over HTTP with protobuf or
//! JSON on the other, gzip and zstd included. It runs on a thread and a runtime of its own, so that it serves a test on any
//! async runtime, or on none, and many of them side by side. It shares no code with an exporter: neither
//! tonic nor `trisignal` is in it.
//!
//! ```
//! use std::time::Duration;
//! use trisignal_receiver::{Answer, Receiver, Script, Signal};
//!
//! # fn export(endpoint: &str) -> String {
//! #     use std::io::{Read, Write};
//! #     let body = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name",
//! #         "value":{"stringValue":"checkout"}}]},"scopeSpans":[{"spans":[{
//! #         "traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","parentSpanId":"",
//! #         "name":"POST /pay","kind":2,"startTimeUnixNano":"1000000","endTimeUnixNano":"3500000",
//! #         "attributes":[{"key":"correlation.id","value":{"stringValue":"order-7"}}]}]}]}]}"#;
//! #     let addr = endpoint.strip_prefix("http://").unwrap();
//! #     let mut stream = std::net::TcpStream::connect(addr).unwrap();
//! #     write!(stream, "POST /v1/traces HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n\
//! #         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
//! #     let mut answer = String::new();
//! #     stream.read_to_string(&mut answer).unwrap();
//! #     answer
//! # }
//! let receiver = Receiver::start_blocking()?;
//! receiver.script(Script::times(1, Answer::status(503).retry_after("1")));
//!
//! // The first try finds the backend busy, the second one is taken.
//! assert!(export(&receiver.http_endpoint()).starts_with("HTTP/1.1 503"));
//! assert!(export(&receiver.http_endpoint()).starts_with("HTTP/1.1 200"));
//!
//! let span = receiver.wait_for_blocking(Duration::from_secs(30), |store| {
//!     store.spans().service("checkout").correlation_id("order-7").first()
//! })?;
//! assert_eq!(span.name, "POST /pay");
//! assert_eq!(receiver.trace(&span.trace_id).to_string(), "checkout  POST /pay  server  2.50 ms\n");
//! assert_eq!(receiver.requests().len(), 2);
//! assert_eq!(receiver.received(Signal::Traces).rejected, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is there
//!
//! - **Records**: [`Span`], [`LogRecord`] and [`Metric`] with public fields, found by [`Query`]: by service, trace, name,
//!   attribute or correlation ID. [`TraceTree`] arranges and prints the spans of a trace.
//! - **Waiting**: [`Receiver::wait_for`] and [`Receiver::wait_for_blocking`] are woken by arrivals. The [`Timeout`] says what
//!   came instead, so that a failed test can be read.
//! - **Scripts**: [`Receiver::script`] takes a [`Script`] of [`Rule`]s with [`Answer`]s: statuses, delays, silence, resets,
//!   partial success, `Retry-After`; for the next requests, for a signal, for every k-th, for a
//!   seeded share, or where a predicate holds of the items. [`Receiver::pause`] and [`Receiver::resume`] play an outage.
//! - **Bounds**: the [`Store`] drops the oldest records and says how many ([`StoreLimits`]); the totals of
//!   [`Received`] stay exact, also about duplicates. The server bounds bodies, decompression and connections
//!   ([`ServerLimits`]); what it cannot read is answered with 400 and a `google.rpc.Status`.
//!
//! # What is not
//!
//! No TLS, no authentication, no profiles signal, no persistence: it is not a Collector, and it listens on
//! loopback unless it is told otherwise.

mod answer;
mod builder;
mod limits;
mod model;
mod query;
mod receiver;
mod request;
mod ring;
mod script;
mod server;
mod store;
mod tree;
mod wait;

pub use answer::Answer;
pub use builder::ReceiverBuilder;
pub use limits::{ServerLimits, StoreLimits};
pub use model::{
    Attributes, Batch, DataPoint, Exemplar, LogRecord, Metric, MetricKind, PointValue, Resource,
    Scope, Signal, Span, SpanEvent, SpanKind, SpanLink, SpanStatus, Temporality, Value,
};
pub use query::{NotOne, Query, Record};
pub use receiver::Receiver;
pub use request::{Outcome, Protocol, RequestInfo};
pub use script::{Rule, Script};
pub use store::{Received, Store};
pub use tree::{TraceTree, TreeNode};
pub use wait::Timeout;
