//! However an operation ends, it ends once, with the same error on span and metrics.

use std::borrow::Cow;
use std::future::{Future, pending, ready};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use trisignal_instrumentation::messaging::Outcome;

use crate::support::{Headers, Telemetry, attribute, status};

const DURATIONS: [&str; 2] = [
    "messaging.client.operation.duration",
    "messaging.process.duration",
];
const COUNTS: [&str; 2] = [
    "messaging.client.sent.messages",
    "messaging.client.consumed.messages",
];

/// What all the signals say of one operation that ended.
#[track_caller]
fn check(telemetry: &Telemetry, case: &str, error_type: &str, is_counted: bool) {
    let span = telemetry.span();
    let expected = if error_type.is_empty() {
        "unset"
    } else {
        "error"
    };
    assert_eq!(status(&span), expected, "{case}");
    assert_eq!(attribute(&span, "error.type"), error_type, "{case}");
    let timed: Vec<_> = DURATIONS
        .iter()
        .flat_map(|name| telemetry.points(name))
        .collect();
    assert_eq!(timed.len(), 1, "{case}: {timed:?}");
    assert_eq!(timed[0].1, 1, "{case}");
    let on_metric = timed[0]
        .0
        .get("error.type")
        .map(String::as_str)
        .unwrap_or_default();
    assert_eq!(on_metric, error_type, "{case}");
    let counted: Vec<_> = COUNTS
        .iter()
        .flat_map(|name| telemetry.points(name))
        .collect();
    assert_eq!(
        counted.len(),
        usize::from(is_counted),
        "{case}: {counted:?}"
    );
}

struct Named(Option<&'static str>);

impl Outcome for Named {
    fn error_type(&self) -> Option<Cow<'static, str>> {
        self.0.map(Cow::Borrowed)
    }
}

fn failed() -> Result<(), io::Error> {
    Err(io::Error::other("broken"))
}

const IO: &str = "std::io::error::Error";

#[tokio::test]
async fn results_are_told_by_their_type() {
    for (case, error_type) in [
        ("ok", ""),
        ("io", IO),
        ("boxed", "_OTHER"),
        ("named", "requeue"),
    ] {
        for operation in ["send", "process", "ack"] {
            let telemetry = Telemetry::new();
            let (producer, consumer) = (telemetry.producer(), telemetry.consumer());
            let end = async move {
                match case {
                    "ok" => Named(None),
                    "io" => Named(failed().error_type().map(|_| IO)),
                    "boxed" => {
                        let boxed: Result<(), Box<dyn std::error::Error>> = Err("broken".into());
                        assert_eq!(boxed.error_type().unwrap(), "_OTHER");
                        Named(Some("_OTHER"))
                    }
                    _ => Named(Some("requeue")),
                }
            };
            assert_eq!(failed().error_type().unwrap(), IO);
            telemetry
                .run(async {
                    let none = Headers::new();
                    match operation {
                        "send" => producer.send(none, |_| end).await,
                        "process" => consumer.process(&none, end).await,
                        name => consumer.settle(name, &none, end).await,
                    }
                })
                .await;
            check(
                &telemetry,
                &format!("{operation} {case}"),
                error_type,
                operation != "ack",
            );
        }
    }
}

#[tokio::test]
async fn a_failed_receive_has_no_messages() {
    let telemetry = Telemetry::new();
    let consumer = telemetry.consumer();
    telemetry
        .run(async {
            let call = ready(failed());
            consumer
                .receive(call, |(), received| received.message(&Headers::new()))
                .await
                .unwrap_err();
        })
        .await;
    let span = telemetry.span();
    assert_eq!(
        (status(&span), &*attribute(&span, "error.type")),
        ("error", IO)
    );
    assert!(
        telemetry
            .points("messaging.client.consumed.messages")
            .is_empty()
    );
}

/// Polls `future` once and drops it.
fn give_up<F: Future>(future: F) {
    let mut future = pin!(future);
    let poll = future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(poll, Poll::Pending));
}

#[test]
fn what_is_dropped_is_cancelled() {
    for (operation, error_type) in [
        ("send", "cancelled"),
        ("process", "cancelled"),
        ("batch", "cancelled"),
        ("ack", "cancelled"),
        ("receive", ""),
    ] {
        for is_polled in [true, false] {
            let telemetry = Telemetry::new();
            let (producer, consumer) = (telemetry.producer(), telemetry.consumer());
            let none = Headers::new();
            tracing::dispatcher::with_default(&telemetry.dispatch(), || {
                let end = pending::<Result<(), ()>>();
                let future: Box<dyn Future<Output = _> + Unpin> = match operation {
                    "send" => Box::new(Box::pin(producer.send(none, |_| end))),
                    "process" => Box::new(Box::pin(consumer.process(&none, end))),
                    "batch" => Box::new(Box::pin(consumer.process_batch([&none], end))),
                    "receive" => Box::new(Box::pin(consumer.receive(end, |(), _| {}))),
                    name => Box::new(Box::pin(consumer.settle(name, &none, end))),
                };
                if is_polled {
                    give_up(future);
                }
            });
            let is_counted = ["send", "process", "batch"].contains(&operation);
            check(&telemetry, operation, error_type, is_counted);
        }
    }
}

#[test]
fn a_panic_ends_the_operation_and_goes_on() {
    fn boom() {
        panic!("boom");
    }
    type Case = (&'static str, fn(&Telemetry));
    fn poll(future: impl Future) {
        let _ = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    }
    let cases: [Case; 6] = [
        ("publish", |t| {
            drop(t.producer().send(Headers::new(), |_| {
                boom();
                ready(())
            }))
        }),
        ("send", |t| {
            poll(t.producer().send(Headers::new(), |_| async { boom() }))
        }),
        ("send, blocking", |t| {
            t.producer()
                .message(Headers::new())
                .send_blocking(|_| boom())
        }),
        ("process", |t| {
            poll(t.consumer().process(&Headers::new(), async { boom() }))
        }),
        ("process, blocking", |t| {
            t.consumer().message(&Headers::new()).process_blocking(boom)
        }),
        ("drop", |t| {
            struct Bomb;
            impl Drop for Bomb {
                fn drop(&mut self) {
                    panic!("boom");
                }
            }
            let bomb = Bomb;
            drop(t.consumer().process(&Headers::new(), async move {
                let _bomb = &bomb;
                pending::<()>().await;
            }));
        }),
    ];
    for (case, run) in cases {
        let telemetry = Telemetry::new();
        let panicked = tracing::dispatcher::with_default(&telemetry.dispatch(), || {
            catch_unwind(AssertUnwindSafe(|| run(&telemetry)))
        });
        assert!(panicked.is_err(), "{case}");
        check(&telemetry, case, "panic", true);
    }
}

#[test]
fn blocking_calls_tell_their_result() {
    for error_type in ["", IO] {
        let telemetry = Telemetry::new();
        let result = tracing::dispatcher::with_default(&telemetry.dispatch(), || {
            let message = telemetry.producer().message(Headers::new());
            message.send_blocking(|headers| {
                assert!(headers.contains_key("traceparent"));
                if error_type.is_empty() {
                    Ok(())
                } else {
                    failed()
                }
            })
        });
        assert_eq!(result.is_ok(), error_type.is_empty());
        check(&telemetry, "send", error_type, true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_at_once_that_are_cancelled_leave_nothing_open() {
    let telemetry = Telemetry::new();
    let consumer = telemetry.consumer();
    let mut tasks = Vec::new();
    for number in 0..1000 {
        let (consumer, dispatch) = (consumer.clone(), telemetry.dispatch());
        tasks.push(tokio::spawn(async move {
            use tracing::instrument::WithSubscriber;
            let work = async {
                let work = consumer.process(&Headers::new(), async {
                    if number % 2 == 0 {
                        pending::<()>().await;
                    }
                });
                work.await;
            };
            work.with_subscriber(dispatch).await;
        }));
    }
    for (number, task) in tasks.into_iter().enumerate() {
        if number % 2 == 0 {
            // Wherever it is: one that was not polled yet has not begun.
            tokio::task::yield_now().await;
            task.abort();
        }
        assert_eq!(task.await.is_err(), number % 2 == 0);
    }
    let spans = telemetry.spans();
    let measured: u64 = telemetry
        .points("messaging.process.duration")
        .iter()
        .map(|(_, count)| count)
        .sum();
    assert_eq!(spans.len() as u64, measured);
    assert!(spans.len() >= 500);
    let cancelled = spans.iter().filter(|span| status(span) == "error").count();
    assert_eq!(spans.len() - cancelled, 500);
}
