//! Start, outage, stop: with any runtime or none.

// Tests may panic.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::time::{Duration, Instant};

use common::*;
use trisignal_receiver::{Answer, Receiver, ServerLimits, Signal, Store, StoreLimits};

#[tokio::test]
async fn an_outage_refuses_connections_and_closes_open_ones() {
    let receiver = Receiver::start().await.unwrap();
    let addresses = [receiver.http_addr(), receiver.grpc_addr()];
    for round in 1..=3_u64 {
        post_spans(&receiver.http_endpoint(), &spans(round..round + 1)).await;
        grpc_spans(&receiver.grpc_endpoint(), spans(round..round + 1), false)
            .await
            .unwrap();

        let mut open = addresses.map(|addr| TcpStream::connect(addr).unwrap());
        receiver.pause().unwrap();
        receiver.pause().unwrap();
        for addr in addresses {
            let refused = TcpStream::connect(addr).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            // Nobody else can take the port meanwhile.
            assert_eq!(
                TcpListener::bind(addr).unwrap_err().kind(),
                ErrorKind::AddrInUse
            );
        }
        for stream in &mut open {
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            // The settings of HTTP/2 may have been sent before.
            let ended = stream.read_to_end(&mut Vec::new());
            let reset = |error: &std::io::Error| error.kind() == ErrorKind::ConnectionReset;
            assert!(
                ended.is_ok() || ended.as_ref().is_err_and(reset),
                "{ended:?}"
            );
        }
        receiver.resume().unwrap();
        receiver.resume().unwrap();
    }
    let received = receiver.received(Signal::Traces);
    assert_eq!((received.items, received.unique), (6, 3));
}

#[tokio::test]
async fn a_request_under_way_does_not_survive_an_outage() {
    let receiver = Receiver::start().await.unwrap();
    receiver.script(Answer::accept().delay(Duration::from_secs(3600)));
    let (http, grpc) = (receiver.http_endpoint(), receiver.grpc_endpoint());
    let first = tokio::spawn(async move { post(&http, "traces", PROTOBUF, "").await });
    let second = tokio::spawn(async move { grpc_spans(&grpc, spans(1..2), false).await });
    let both = |store: &Store| (store.requests().len() == 2).then_some(());
    receiver.wait_for(DEADLINE, both).await.unwrap();
    receiver.pause().unwrap();
    assert!(first.await.unwrap().is_err());
    assert!(second.await.unwrap().is_err());
    let items = receiver.received(Signal::Traces).items;
    assert_eq!(items, 0);
}

#[tokio::test]
async fn stopping_frees_the_ports_for_another_receiver_with_the_same_store() {
    let first = Receiver::start().await.unwrap();
    post_spans(&first.http_endpoint(), &spans(1..3)).await;
    let (http, grpc) = (first.http_addr(), first.grpc_addr());
    first.stop();
    first.stop();
    assert!(first.pause().is_err() && first.resume().is_err());

    let second = Receiver::builder()
        .http_addr(http)
        .grpc_addr(grpc)
        .store(first.store().clone());
    let second = second.start().await.unwrap();
    assert_eq!(second.http_endpoint(), first.http_endpoint());
    post_spans(&second.http_endpoint(), &spans(2..4)).await;
    let received = first.received(Signal::Traces);
    assert_eq!((received.unique, received.duplicates), (3, 1));

    // A taken port is an error, not a panic of a thread.
    let third = Receiver::builder().http_addr(http).start().await;
    assert_eq!(third.unwrap_err().kind(), ErrorKind::AddrInUse);
}

#[test]
fn no_runtime_is_needed() {
    let receiver = Receiver::start_blocking().unwrap();
    let endpoint = receiver.http_endpoint();
    let sender = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(post_spans(&endpoint, &spans(1..2))).status
    });
    let found = receiver.wait_for_blocking(DEADLINE, |store| store.spans().name("span 1").first());
    assert_eq!(found.unwrap().service, "svc");
    assert_eq!(sender.join().unwrap(), 200);
    let addr = receiver.http_addr();
    drop(receiver);
    assert_eq!(
        TcpStream::connect(addr).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
}

/// The smallest executor there is: no reactor, no timer.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn any_executor_can_await() {
    block_on(async {
        let receiver = Receiver::start().await.unwrap();
        receiver
            .wait_for_spans(1, Duration::from_millis(50))
            .await
            .unwrap_err();
        let endpoint = receiver.http_endpoint();
        let sender = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(post_spans(&endpoint, &spans(1..2))).status
        });
        assert_eq!(receiver.wait_for_spans(1, DEADLINE).await.unwrap().len(), 1);
        assert_eq!(sender.join().unwrap(), 200);
    });
}

#[tokio::test(start_paused = true)]
async fn waiting_keeps_real_time_where_the_test_stopped_its_clock() {
    let receiver = Receiver::start().await.unwrap();
    let started = Instant::now();
    let timeout = receiver
        .wait_for_spans(1, Duration::from_millis(300))
        .await
        .unwrap_err();
    assert!(started.elapsed() >= Duration::from_millis(300) && timeout.waited() < DEADLINE);
    // Nothing can come any more, so that there is nothing to wait for.
    receiver.stop();
    receiver
        .wait_for_spans(1, Duration::from_secs(3600))
        .await
        .unwrap_err();
}

#[tokio::test]
async fn connections_over_the_bound_wait() {
    let limits = ServerLimits {
        connections: 1,
        ..Default::default()
    };
    let receiver = Receiver::builder()
        .server_limits(limits)
        .store_limits(StoreLimits {
            items: 10,
            ..Default::default()
        })
        .start()
        .await
        .unwrap();
    let held = TcpStream::connect(receiver.http_addr()).unwrap();
    let endpoint = receiver.http_endpoint();
    let waiting = tokio::spawn(async move { post_spans(&endpoint, &spans(1..2)).await.status });
    // The other listener has a bound of its own, and its answer shows that the receiver is running.
    grpc_spans(&receiver.grpc_endpoint(), spans(5..6), false)
        .await
        .unwrap();
    assert!(!waiting.is_finished());
    assert_eq!(receiver.requests().len(), 1);
    drop(held);
    assert_eq!(waiting.await.unwrap(), 200);
}
