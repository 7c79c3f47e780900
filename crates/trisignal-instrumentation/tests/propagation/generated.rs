//! 100,000 inputs for each parser: good headers with a few bytes replaced, inserted, taken out or
//! doubled, which is where lax parsers give way.

use super::checks;
use super::support::{Random, silently};

const ROUNDS: usize = 100_000;

/// Put in whole. U+0001 stands for a line feed inside a value.
const PIECES: &[&str] = &[
    "0",
    "1",
    "a",
    "f",
    "A",
    "g",
    "-",
    "=",
    ",",
    ";",
    " ",
    "\t",
    "%",
    "%2C",
    "%ff",
    "%00",
    "\"",
    "\\",
    "+",
    ":",
    "\r\u{1}",
    "\u{1b}[31m",
    "\0",
    "\u{7f}",
    "é",
    "\u{202e}",
    "d",
    "?",
    "\n",
    "true",
    "00000000000000000000000000000000",
    "evil=1",
    ",evil=1",
    ";evil=1",
    "\ntracestate:evil=1",
    "\nbaggage:evil=1",
    "\ntraceparent:",
    "\nb3:0",
    "\nx-b3-sampled:1",
    "\nx-b3-flags:1",
    ";Self=1",
    ";Lineage=1:e3b0c442:0",
    "correlation.id=x,",
];

fn mutated(random: &mut Random, seeds: &[&str]) -> Vec<u8> {
    let mut text = random.of(seeds).as_bytes().to_vec();
    for _ in 0..random.below(4) {
        let at = random.below(text.len() + 1);
        let end = (at + random.below(20)).min(text.len());
        let piece = random.of(PIECES).bytes().collect::<Vec<_>>();
        match random.below(5) {
            0 => drop(text.splice(at..end, piece)),
            1 => drop(text.splice(at..at, piece)),
            2 => drop(text.drain(at..end)),
            3 => {
                let doubled = text[at..end].to_vec();
                drop(text.splice(at..at, doubled));
            }
            _ => {
                let new = u8::try_from(random.below(256)).unwrap();
                if let Some(byte) = text.get_mut(at) {
                    *byte = new;
                }
            }
        }
    }
    text
}

fn judge(seed: u64, check: fn(&[u8]), seeds: &[&str]) {
    silently(|| {
        let mut random = Random::new(seed);
        for _ in 0..ROUNDS {
            check(&mutated(&mut random, seeds));
        }
    });
}

#[test]
fn traceparent_and_tracestate() {
    judge(
        1,
        checks::traceparent,
        &[
            "traceparent:00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "traceparent:cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-later\ntracestate:a=1",
            "traceparent:00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\ntracestate:foo=1 , t@v=2,\ntracestate:bar=x y",
        ],
    );
}

#[test]
fn baggage() {
    judge(
        2,
        checks::baggage,
        &[
            "baggage:a=1",
            "baggage:a=1,b=2;p=3;q, c = d=e \nbaggage:f=%2C%20%25",
            "baggage:correlation.id=order-1,a=caf%C3%A9;p=%2C,b=",
        ],
    );
}

#[test]
fn b3() {
    judge(
        3,
        checks::b3,
        &[
            "b3:80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90",
            "b3:64fe8b2a57d3eff7-e457b5a2e4d86bd1-d",
            "b3:0",
            "x-b3-traceid:80f198ee56343ba864fe8b2a57d3eff7\nx-b3-spanid:e457b5a2e4d86bd1\nx-b3-sampled:1\nx-b3-parentspanid:05e3ac9a4f6e3b90",
            "x-b3-traceid:64fe8b2a57d3eff7\nx-b3-spanid:e457b5a2e4d86bd1\nx-b3-flags:1",
            "x-b3-sampled:0",
        ],
    );
}

#[test]
fn xray() {
    judge(
        4,
        checks::xray,
        &[
            "x-amzn-trace-id:Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
            "x-amzn-trace-id:Self=1-5759e988-bd862e3fe1be46a994272793; Root=1-5759e988-bd862e3fe1be46a994272793 ;Parent=53995c3f42cd8ad8;Sampled=?;Lineage=100:e3b0c442:11;CalledFrom=app",
        ],
    );
}

#[test]
fn correlation_ids() {
    let longest = "x".repeat(126);
    judge(
        5,
        checks::correlation,
        &[
            "order-4711",
            "0af7651916cd43dd8448eb211c80319c",
            &longest,
            "",
        ],
    );
}
