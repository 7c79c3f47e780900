//! A file full of settings, changed at random a few thousand times: never a panic, never a hang, never a secret.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::{load, warnings};
use crate::cpu_time::CpuTime;

/// What a mistake, a template or an attacker may put anywhere.
const PIECES: &[&str] = &[
    ":",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "|",
    ">",
    "&a ",
    "*a",
    "<<: *a",
    "!!int ",
    "!x ",
    "?",
    "%",
    "@",
    "`",
    "#",
    "~",
    "---\n",
    "...\n",
    "\t",
    "\n",
    "  ",
    "\u{feff}",
    "\0",
    "\u{85}",
    "\u{202e}",
    "é",
    "null",
    "true",
    "-1",
    "1e400",
    ".nan",
    "0x",
    "99999999999999999999999999",
    "${CANARY}",
    "${CANARY",
    "$$",
    "${}",
    "${1}",
    "${CANARY:-x}",
    "key: value",
    "otlp_http:",
];
const CANARY: &str = "hush: [hush, \"hush\"]\n- hush ${CANARY}";

fn mutated(original: &str, rng: &mut StdRng) -> String {
    let mut text: Vec<char> = original.chars().collect();
    for _ in 0..rng.random_range(1..6) {
        let at = rng.random_range(0..=text.len());
        let end = rng.random_range(at..=(at + 40).min(text.len()));
        match rng.random_range(0..6) {
            0 => drop(text.drain(at..end)),
            1 => {
                let piece = PIECES.choose(rng).unwrap();
                text.splice(at..at, piece.chars());
            }
            2 => {
                let piece = PIECES.choose(rng).unwrap();
                text.splice(at..end, piece.chars());
            }
            3 => {
                let copy: Vec<char> = text[at..end].to_vec();
                let to = rng.random_range(0..=text.len());
                text.splice(to..to, copy);
            }
            4 => text[at..end].reverse(),
            _ => text.truncate(at.max(1)),
        }
    }
    text.into_iter().collect()
}

#[test]
fn no_mutation_panics_hangs_or_tells_a_secret() {
    let mut rng = StdRng::seed_from_u64(0x7215_1641);
    let sink = super::sink::SINK.replace(
        "https://collector.example:4318/custom",
        "https://me:${CANARY}@c.example/?hush=hush",
    );
    let (mut loaded, mut refused) = (0, 0);
    for round in 0..4_000 {
        let original = if round % 2 == 0 {
            super::sink::SINK
        } else {
            &sink
        };
        let text = mutated(original, &mut rng);
        let begin = CpuTime::now();
        let shown = match load(&text, &[("CANARY", CANARY), ("API_KEY", "hush")]) {
            Ok(config) => {
                loaded += 1;
                // What is in force is shown as well, but for what is meant to be sent.
                warnings(&config).join("\n") + &format!("{:?}", config.traces)
            }
            Err(errors) => {
                refused += 1;
                errors.join("\n")
            }
        };
        assert!(
            !shown.contains("hush"),
            "round {round}: {shown}\nof\n{text}"
        );
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "round {round}:\n{text}"
        );
    }
    // Both paths are walked, or the test has lost its point.
    assert!(
        loaded > 100 && refused > 1_000,
        "{loaded} loaded, {refused} refused"
    );
}
