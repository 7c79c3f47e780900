//! What is remembered is the same as what is made, and there is not too much of it.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::{Mutex, Weak};

use opentelemetry::metrics::{BoundSyncInstrument, Histogram, SyncInstrument, UpDownCounter};

use super::part::MAX_TEXT;
use super::*;

/// Notes what it is told, in words.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    fn instruments(&self, can_bind: bool) -> Arc<Instruments> {
        let duration = Histogram::new(Arc::new(self.clone()));
        let active = UpDownCounter::new(Arc::new(self.clone()));
        Arc::new(Instruments::new(duration, can_bind).counting(active, 1))
    }
}

impl<T: std::fmt::Display> SyncInstrument<T> for Notes {
    fn measure(&self, value: T, attributes: &[KeyValue]) {
        let note = format!("{value} {}", texts(attributes));
        self.0.lock().unwrap().push(note);
    }

    fn bind(&self, attributes: &[KeyValue]) -> Box<dyn BoundSyncInstrument<T> + Send + Sync> {
        Box::new(Bound(self.clone(), texts(attributes)))
    }
}

struct Bound(Notes, String);

impl<T: std::fmt::Display> BoundSyncInstrument<T> for Bound {
    fn measure(&self, value: T) {
        let note = format!("{value} {} bound", self.1);
        self.0.0.lock().unwrap().push(note);
    }
}

fn family(
    instruments: &Arc<Instruments>,
    method: &'static str,
    route: Option<&str>,
    port: Option<i64>,
) -> Arc<Family> {
    let parts = [
        ("method", Some(Part::Fixed(method))),
        ("route", route.map(Part::Text)),
        ("port", port.map(Part::Number)),
    ];
    Family::of(instruments, &parts, || format!("{method} {route:?}"))
}

fn texts(attributes: &[KeyValue]) -> String {
    let texts = attributes.iter();
    let texts = texts.map(|attribute| format!("{}={}", attribute.key, attribute.value));
    texts.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_family_has_its_attributes_and_its_name() {
    let rows = [
        ("GET", None, None, "method=GET"),
        ("GET", Some("/a"), None, "method=GET route=/a"),
        ("GET", Some("/a"), Some(80), "method=GET route=/a port=80"),
        ("GET", Some("/b"), Some(80), "method=GET route=/b port=80"),
        ("PUT", Some("/a"), Some(80), "method=PUT route=/a port=80"),
        ("PUT", None, Some(80), "method=PUT port=80"),
        ("PUT", Some("80"), None, "method=PUT route=80"),
        ("PUT", Some(""), None, "method=PUT route="),
    ];
    let instruments = Notes::default().instruments(false);
    for _ in 0..2 {
        for (method, route, port, attributes) in rows {
            let family = family(&instruments, method, route, port);
            assert_eq!(texts(&family.attributes), attributes);
            assert_eq!(family.name(), format!("{method} {route:?}"));
        }
    }
}

#[test]
fn a_thread_remembers_so_many_and_no_more() {
    let instruments = Notes::default().instruments(false);
    let family = |route: &str, port| family(&instruments, "GET", Some(route), port);
    let one = family("/orders/{id}", None);
    assert!(Arc::ptr_eq(&one, &family("/orders/{id}", None)));
    let parts = [
        ("m", Some(Part::Fixed("GET"))),
        ("r", Some(Part::Text("/orders/{id}"))),
        ("p", None),
    ];
    let others = Notes::default().instruments(false);
    let other = Family::of(&others, &parts, String::new);
    assert_eq!(texts(&other.attributes), "m=GET r=/orders/{id}");
    drop(one);
    let mut weak: Vec<Weak<Family>> = Vec::new();
    for number in 0..10_000 {
        let route = format!("/{number}");
        let family = family(&route, Some(number));
        let attributes = format!("method=GET route={route} port={number}");
        assert_eq!(texts(&family.attributes), attributes);
        weak.push(Arc::downgrade(&family));
    }
    let held = weak.iter().filter(|weak| weak.strong_count() > 0).count();
    assert!(held > PLACES / 2 && held <= PLACES, "{held}");

    let long = "x".repeat(MAX_TEXT + 1);
    assert_eq!(family(&long, None).attributes.len(), 2);
    let again = Arc::downgrade(&family(&long, None));
    assert_eq!(again.strong_count(), 0);
}

#[test]
fn ends_are_told_apart() {
    let notes = Notes::default();
    let family = family(&notes.instruments(false), "GET", Some("/"), None);
    for _ in 0..2 {
        for status in 0..20 {
            for error in [None, Some("panic")] {
                let added = [
                    ("status", Some(Part::Number(status))),
                    ("error", error.map(Part::Text)),
                ];
                let mut expected = format!("method=GET route=/ status={status}");
                if let Some(error) = error {
                    expected = format!("{expected} error={error}");
                }
                let mut seen = None;
                family.measure(Duration::from_secs(2), &added, |all| {
                    seen = Some(texts(all))
                });
                assert_eq!(notes.take(), [format!("2 {expected}")]);
                assert_eq!(seen, Some(expected));
            }
        }
    }
}

/// What an instrument is told is the same, bound or not, and it is not bound for what is there but once.
#[test]
fn instruments_are_bound_where_they_can_be() {
    let ended = "2 method=GET status=200";
    for (can_bind, marks) in [(false, ["", "", ""]), (true, ["", " bound", " bound"])] {
        let notes = Notes::default();
        let family = family(&notes.instruments(can_bind), "GET", None, None);
        for mark in marks {
            family.begin();
            let added = [("status", Some(Part::Number(200)))];
            family.measure(Duration::from_secs(2), &added, |_| ());
            family.finish();
            let expected = [
                format!("1 method=GET{mark}"),
                format!("{ended}{mark}"),
                format!("-1 method=GET{mark}"),
            ];
            assert_eq!(notes.take(), expected);
        }
    }
}
