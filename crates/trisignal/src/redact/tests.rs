//! What is hidden, what is not, and that nothing that comes in makes it panic or slow.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::{Duration, Instant};

use super::*;
use crate::cpu_time::CpuTime;

fn redactor(redaction: Redaction) -> Redactor {
    Redactor::new(redaction, None)
}

fn all() -> Redactor {
    redactor(Redaction {
        card_numbers: true,
        emails: true,
        ..Redaction::default()
    })
}

/// A JSON web token, of RFC 7519.
const JWT: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODB9.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

#[test]
fn keys_that_say_so_hide_their_value() {
    let redactor = redactor(Redaction {
        more_keys: vec!["IBAN".into(), "geheime Nummer".into(), "пароль".into()],
        ..Redaction::default()
    });
    for key in [
        "password",
        "db.password",
        "DB_PASSWORD",
        "userPassword",
        "password_hash",
        "password2",
        "token",
        "access_token",
        "accessToken",
        "x-csrf-token",
        "secret",
        "client-secret",
        "http.request.header.authorization",
        "http.request.header.proxy-authorization",
        "cookie",
        "http.response.header.set-cookie",
        "api_key",
        "API-KEY",
        "x.api.key",
        "apikey",
        "aws_secret_access_key",
        "secret_value_raw_not_password",
        "customer.iban",
        "geheime_nummer",
        "пароль",
    ] {
        assert_eq!(redactor.value(key, "canary"), REDACTED, "{key}");
        assert!(redactor.hides(key), "{key}");
    }
    for key in [
        "",
        "user.id",
        "session.id",
        "token.count",
        "gen_ai.usage.input_tokens",
        "password.length",
        "key",
        "order.key",
        "secretary",
        "monkey",
        "tokenizer",
        "has_password_been_reset",
    ] {
        assert_eq!(redactor.value(key, "canary"), "canary", "{key}");
        assert!(!redactor.hides(key), "{key}");
    }
    for nothing in ["", "None", "null", "true", "false"] {
        assert_eq!(redactor.value("password", nothing), nothing);
    }
}

#[test]
fn secrets_inside_of_texts_are_hidden() {
    let redactor = all();
    let basic = "basic dXNlcjpodW50ZXIy";
    let table = [
        // Pairs.
        ("password=hunter2", "password=REDACTED"),
        (
            "login password = hunter2, user=ann",
            "login password = REDACTED, user=ann",
        ),
        ("a=1&password=hunter2&b=2", "a=1&password=REDACTED&b=2"),
        ("?token=abc#top", "?token=REDACTED"),
        (
            "the token: abc was refused",
            "the token: REDACTED was refused",
        ),
        ("API key: abc", "API key: REDACTED"),
        (
            r#"{"password":"hun,\"ter2","user":"ann"}"#,
            r#"{"password":"REDACTED","user":"ann"}"#,
        ),
        (r#"{"password" : 4711}"#, r#"{"password" : REDACTED}"#),
        (
            r#"body="{\"password\":\"hunter2\",\"a\":1}""#,
            r#"body="{\"password\":\"REDACTED\",\"a\":1}""#,
        ),
        (
            r#"Login { user: "ann", password: Some("hun)ter2"), n: 1 }"#,
            r#"Login { user: "ann", password: REDACTED, n: 1 }"#,
        ),
        (
            r#"Login { password: None, token: Some(Token { text: "a", n: [1, 2] }) }"#,
            "Login { password: None, token: REDACTED }",
        ),
        (
            r#"{"cookie": "a=b; c=d", "accept": "*/*"}"#,
            r#"{"cookie": "REDACTED", "accept": "*/*"}"#,
        ),
        (
            r#"[("cookie", "a=b"), ("accept", "x")]"#,
            r#"[("cookie", "REDACTED"), ("accept", "x")]"#,
        ),
        (r#"[("cookie", b"a=b")]"#, r#"[("cookie", b"REDACTED")]"#),
        (
            "Cookie: a=b; c=d\r\nAccept: x",
            "Cookie: REDACTED\r\nAccept: x",
        ),
        (
            "Authorization: Digest username=x, y\nb",
            "Authorization: REDACTED\nb",
        ),
        ("'password' => 'x'", "'password' => 'REDACTED'"),
        ("password=\"unclosed and more", "password=\"REDACTED"),
        ("secret: [1, 2", "secret: REDACTED"),
        ("пароль token=ключ конец", "пароль token=REDACTED конец"),
        // Schemes.
        ("Bearer abcdef1", "Bearer REDACTED"),
        (
            "authorization=Bearer abcdef1 next=1",
            "authorization=REDACTED next=1",
        ),
        ("api_token=token abcdef", "api_token=REDACTED"),
        ("sent BEARER  mF_9.B5f-4.1JqM=", "sent BEARER  REDACTED"),
        (basic, "basic REDACTED"),
        ("\\nBasic dXNlcjpodW50ZXIy==", "\\nBasic REDACTED"),
        // Shapes.
        (JWT, REDACTED),
        ("AKIAIOSFODNN7EXAMPLE", REDACTED),
        ("key AKIAIOSFODNN7EXAMPLE.", "key REDACTED."),
        ("ghp_0123456789abcdefghijABCDEFGHIJ012345", REDACTED),
        ("AIzaSyA-0123456789abcdefghijABCDEFGHIJ0", REDACTED),
        ("xoxb-12345-67890-abc", REDACTED),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nend",
            "REDACTED\nend",
        ),
        ("a -----BEGIN PRIVATE KEY-----\\nMIIE", "a REDACTED"),
        // URLs.
        (
            "postgres://ann:hunter2@db/x",
            "postgres://REDACTED:REDACTED@db/x",
        ),
        ("https://ann@host", "https://REDACTED@host"),
        (
            "amqp://ann:hun@ter2@mq:5672",
            "amqp://REDACTED:REDACTED@mq:5672",
        ),
        ("redis://:hun/ter2@db", "redis://REDACTED:REDACTED@db"),
        (
            "GET https://x/?a=1&sig=abc&X-Amz-Signature=f00 done",
            "GET https://x/?a=1&sig=REDACTED&X-Amz-Signature=REDACTED done",
        ),
        ("sig=abc", "sig=REDACTED"),
        // People.
        ("mail ann@example.org.", "mail REDACTED."),
        ("<Ann.O'Hara+x@mail.example.org>", "<Ann.O'REDACTED>"),
        ("mailto=ann@example.org", "mailto=REDACTED"),
        ("card 4111 1111 1111 1111 ok", "card REDACTED ok"),
        ("378282246310005", REDACTED),
        ("5555-5555-5555-4444", REDACTED),
    ];
    for (text, expected) in table {
        assert_eq!(redactor.text(text), expected);
        assert_eq!(redactor.value("note", text), expected);
        assert_eq!(redactor.text(expected), expected, "once is enough");
    }
    assert_eq!(redactor.text(&format!("a {JWT}. b")), "a REDACTED. b");
}

#[test]
fn what_is_no_secret_stays() {
    let redactor = all();
    for text in [
        "",
        "order placed",
        "the bearer of bad news",
        "Bearer token is missing",
        "Bearer authentication failed",
        "Basic authentication is needed",
        "basic functionality",
        "std::token::Kind",
        "tokens: 12",
        "token == other",
        "is token, really",
        "2026-11-22T17:00:00.123456789Z",
        "1795366800123456789",
        "trace 4bf92f3577b34da6a3ce929d0e0e4736",
        "550e8400-e29b-41d4-a716-446655440000",
        "http://localhost:4318/v1/traces?a=b@c",
        "http://[::1]:4318/@x",
        "http://host/@scope/package",
        "SIG=abc",
        "design=abc",
        "4111 1111 1111 1112",
        "x4111111111111111",
        "ann@host",
        "@ann.example",
        "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
        "eyJ is how they begin. So it is.",
        "task-abcdefghijklmnopqrstuvwxyz",
        "password=REDACTED",
        "пароль",
    ] {
        let shown = redactor.text(text);
        assert!(matches!(shown, Cow::Borrowed(_)), "{text} became {shown}");
    }
}

#[test]
fn each_kind_has_its_switch() {
    let canaries = [
        ("keys", "password=canary"),
        ("tokens", "Bearer canary1"),
        ("urls", "http://a:canary@b"),
        ("urls", "/?sig=canary"),
        ("card_numbers", "4111111111111111"),
        ("emails", "ann@example.org"),
    ];
    for (kind, text) in canaries {
        let only = redactor(Redaction::parse([kind]).unwrap());
        assert!(only.text(text).contains(REDACTED), "{kind}");
        let names = ["keys", "tokens", "urls", "card_numbers", "emails"];
        let others = names.into_iter().filter(|name| *name != kind);
        let without = redactor(Redaction::parse(others).unwrap());
        assert_eq!(without.text(text), text, "{kind}");
    }
    assert_eq!(Redaction::parse(["on"]), Ok(Redaction::default()));
    assert_eq!(Redaction::parse(["OFF"]), Ok(Redaction::off()));
    assert_eq!(Redaction::parse(["keys", "key"]), Err("key"));
    assert_eq!(Redaction::default().to_string(), "keys,tokens,urls");
    assert_eq!(Redaction::off().to_string(), "off");
    assert!(redactor(Redaction::off()).is_off());
    assert!(!redactor(Redaction::off()).hides("password"));
}

#[test]
fn the_list_of_query_parameters_is_replaced_as_a_whole() {
    let redactor = redactor(Redaction {
        query_parameters: vec!["code".into()],
        ..Redaction::default()
    });
    assert_eq!(redactor.text("/?code=1&sig=2"), "/?code=REDACTED&sig=2");
}

#[test]
fn the_rule_of_the_user_comes_first_and_may_panic() {
    let rule = |key: &str, value: &str| match (key, value) {
        ("iban", _) => Some("hidden".to_owned()),
        ("password", "shown") => Some(value.to_owned()),
        ("", "bye") => panic!("canary"),
        _ => None,
    };
    let redactor = Redactor::new(Redaction::default(), Some(Arc::new(rule)));
    assert_eq!(redactor.value("iban", "DE00"), "hidden");
    assert_eq!(redactor.value("password", "shown"), "shown");
    assert_eq!(redactor.value("password", "canary"), REDACTED);
    assert_eq!(redactor.text("token=canary"), "token=REDACTED");
    assert_eq!(redactor.panics(), 0);
    assert_eq!(redactor.text("bye"), REDACTED);
    assert_eq!(redactor.clone().panics(), 1);
    let alone = Redactor::new(Redaction::off(), Some(Arc::new(rule)));
    assert_eq!(alone.value("iban", "DE00"), "hidden");
    assert_eq!(alone.value("password", "canary"), "canary");
}

/// Pieces that detectors look for, put together at random: whatever comes out, nothing panics, and doing it twice
/// changes nothing.
#[test]
fn any_text_is_survived_and_once_is_enough() {
    use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
    const PIECES: [&str; 48] = [
        "password",
        "token",
        "cookie",
        "=",
        ":",
        ",",
        " ",
        "\"",
        "'",
        "\\",
        "\\\"",
        "://",
        "@",
        "?",
        "&",
        "sig",
        "Bearer ",
        "basic ",
        "eyJ",
        ".",
        "-",
        "-----BEGIN ",
        "PRIVATE KEY-----",
        "-----END ",
        "AKIA",
        "ghp_",
        "A",
        "z9",
        "0123456789",
        "4111111111111111",
        "Some(",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "\n",
        "\r",
        "é",
        "\u{202e}",
        "😀",
        "\0",
        "REDACTED",
        "None",
        "dXNlcjpodW50ZXIy",
        "b\"",
        "#",
    ];
    let redactor = all();
    let mut random = StdRng::seed_from_u64(7);
    for _ in 0..40_000 {
        let count = random.random_range(1..14);
        let text: String = (0..count)
            .map(|_| PIECES[random.random_range(0..PIECES.len())])
            .collect();
        no_token_is_passed_over(&redactor, &text);
        let once = redactor.text(&text).into_owned();
        let _ = redactor.value(&text, &text);
        // What is hidden may let two pieces meet that were apart; a third time there is nothing new.
        let twice = redactor.text(&once).into_owned();
        assert_eq!(redactor.text(&twice), twice, "{text:?}");
    }
}

/// Where a token is found, the bytes around it say that there may be one.
fn no_token_is_passed_over(redactor: &Redactor, text: &str) {
    let rules = redactor.0.as_deref().unwrap();
    let text = text.as_bytes();
    let is_trigger = |at: &usize| tokens::TRIGGERS.contains(&text[*at]);
    for at in (0..text.len()).filter(is_trigger) {
        let scan = scan::Scan {
            text,
            at,
            from: 0,
            words: &rules.words,
            redaction: &rules.redaction,
        };
        let found = tokens::token(&scan).is_some();
        assert!(!found || tokens::may_be_at(text, at), "{text:?} {at}");
    }
}

#[test]
fn no_text_takes_long() {
    let redactor = all();
    for piece in [
        "=",
        ":",
        "://",
        "://a:b/",
        "://a",
        "eyJ",
        "eyJ.",
        "a@",
        "@",
        "4",
        "4 ",
        "token=",
        "token:\"\"",
        "\"token\",",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY",
        "bearer ",
        "Basic A",
        "AKIA",
        "sk-",
        "?sig=",
        "\\",
        "\\\"token\\\":",
        "cookie:\n",
        "token=(",
        "token:  ",
        "a b.",
        "pass word",
        " =",
        "é@",
        "_",
        "-",
    ] {
        let text = piece.repeat(65_536 / piece.len());
        let begin = CpuTime::now();
        let _ = redactor.text(&text);
        let _ = redactor.value(&text, "x");
        let elapsed = begin.elapsed();
        // Time that grows with the square of the length would be a minute.
        assert!(elapsed < Duration::from_secs(5), "{piece:?}: {elapsed:?}");
    }
}

/// Figures for `docs/logs.md`: `cargo test --release -p trisignal --lib how_long_it_takes -- --ignored --nocapture`.
#[test]
#[ignore = "measures, and checks nothing"]
fn how_long_it_takes() {
    let redactor = Redactor::new(Redaction::default(), None);
    let sentence =
        "order 4711 was placed by customer ann in 12.5 ms and goes to the warehouse of the north. ";
    let texts = [
        ("a message of 89 bytes", sentence.to_owned()),
        ("64 KiB of messages", sentence.repeat(736)),
        ("a URL", "https://shop.example.org/orders/4711?page=2&sort=asc".to_owned()),
        ("`Debug` of a struct", r#"Order { id: 4711, items: ["book", "pen"], total: 12.5, customer: Customer { name: "Ann" } }"#.to_owned()),
        ("a password in a URL", "postgres://ann:hunter2@db.example.org/orders".to_owned()),
    ];
    for (what, text) in texts {
        let rounds = 20_000_000 / text.len();
        let begin = Instant::now();
        for _ in 0..rounds {
            let _ = std::hint::black_box(redactor.text(std::hint::black_box(&text)));
        }
        let nanos = begin.elapsed().as_secs_f64() * 1e9 / rounds as f64;
        println!(
            "{what}: {nanos:.0} ns, {:.2} ns a byte",
            nanos / text.len() as f64
        );
    }
    for key in ["order.id", "http.request.header.authorization"] {
        let rounds = 5_000_000;
        let begin = Instant::now();
        for _ in 0..rounds {
            std::hint::black_box(redactor.hides(std::hint::black_box(key)));
        }
        println!(
            "the key {key}: {:.0} ns",
            begin.elapsed().as_secs_f64() * 1e9 / f64::from(rounds)
        );
    }
}
