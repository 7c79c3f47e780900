//! `docs/configuration-file.md`, made from the tables of the schema; its examples are files that load.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::super::schema::{Form, ROOT, Shape, Support, Type};
use super::{load, warnings};

const INTRODUCTION: &str = "\
# The configuration file

`OTEL_CONFIG_FILE`, or `Builder::config_file` in code, names a file in the declarative configuration format of OpenTelemetry, schema 1.1.
One file says everything, for services in any language that know the format.

```yaml
file_format: \"1.1\"
resource:
  attributes:
    - name: service.name
      value: ${SERVICE_NAME:-checkout}
  detection/development:
    detectors: [{service: }, {host: }, {process: }]
propagator:
  composite: [{tracecontext: }, {baggage: }]
tracer_provider:
  processors:
    - batch:
        exporter:
          otlp_http:
            endpoint: ${COLLECTOR:-http://localhost:4318}/v1/traces
            headers: [{name: api-key, value: \"${API_KEY}\"}]
  sampler:
    parent_based: {root: {trace_id_ratio_based: {ratio: 0.1}}}
meter_provider:
  readers:
    - periodic:
        exporter:
          otlp_http:
            endpoint: ${COLLECTOR:-http://localhost:4318}/v1/metrics
logger_provider:
  processors:
    - batch:
        exporter:
          otlp_http:
            endpoint: ${COLLECTOR:-http://localhost:4318}/v1/logs
distribution:
  trisignal:
    console: {format: json, filter: \"${RUST_LOG:-info}\"}
```

## Rules

- **The file replaces the environment**: every other variable is ignored, `RUST_LOG` and `OTEL_*` alike, but for those that the file refers to. What
  code says explicitly wins over the file; the name given to `init` is a default.
- **What is absent is off**: no `tracer_provider` is no spans, no `propagator` is no headers. Without `resource.detection/development`
  nothing about the machine is sent.
- **Variables**: `${NAME}`, `${env:NAME}` and `${NAME:-default}` in values, never in keys; `$$` is a `$`. The default counts for an unset variable and for an
  empty one. What a variable holds is not read again and has no structure. A plain value gets its type after that: `${PORT}` may be a number, `\"${PORT}\"` is
  a text. In `[…]` and `{…}` a reference needs quotes, as YAML has it.
- **Mistakes are errors**, all of them at once, each with line, column and path; nothing is installed then. A misspelt key is named with the
  right one. Texts of errors never repeat what came from a variable.
- **Versions**: another major version in `file_format` is an error. A newer minor one is a warning, and so is each key of it that is not known.
- **Experimental keys** (`…/development`) that are not known, and keys that have no effect here, are warnings that say so.
- **YAML** is 1.2 with its core schema: one document in UTF-8 of at most 1 MiB, 64 levels and 100,000 values. Keys are texts, each once. Aliases
  work, the merge key `<<` and tags of other schemas don't.

## Where it differs from the schema

- Spans are collected and encoded once for all destinations of a signal: the first batch processor says how, and others that say otherwise are a
  warning. So does the first reader for metrics. Each destination has a way of its own from there on, with its own timeout and headers.
- `max_queue_size` is 65536 where it is not said, and `compression` is `auto`: see [the variables](configuration.md).
- A simple processor encodes each item at once; while the backend is busy several of them travel together.
- A key at the top that is nearly one of the schema is an error, though the schema allows any.
- What is recorded with `tracing` has the scope `trisignal`. Configurators of tracers and loggers see it by its target as well, which is what tells
  modules and libraries apart: `{name: \"sqlx::*\", config: {enabled: false}}`. They come before the filters, and a restart puts them in force.
- `trace_based` keeps warnings and errors of traces that are not sampled.
- Entities have no place in the schema; an entity's attributes are those of `resource`.

This page is made from the tables in the code, by
`cargo test -p trisignal write_the_page_of_the_file -- --ignored`.

## Every key

A type in *italics* is a mapping, described below. *Choices* have exactly one of their keys.
";

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for ty in types() {
        let kind = match ty.form {
            Form::Choice(what) => format!("\nExactly one {what}.\n"),
            Form::Open | Form::Vendors(_) => "\nKeys of others are left alone.\n".to_owned(),
            Form::Record => String::new(),
        };
        if ty.keys.is_empty() {
            continue;
        }
        writeln!(
            page,
            "\n### {}\n{kind}\n| key | value | effect |\n|---|---|---|",
            ty.name
        )
        .unwrap();
        for key in ty.keys {
            let effect = match key.support {
                Support::Yes(effect) => effect.to_owned(),
                Support::No(why) => format!("Not used, with a warning: {why}."),
            };
            let required = if key.required { " (required)" } else { "" };
            let name = key.name;
            writeln!(
                page,
                "| `{name}`{required} | {} | {effect} |",
                shape(&key.shape)
            )
            .unwrap();
        }
    }
    page
}

fn shape(shape: &Shape) -> String {
    match shape {
        Shape::Bool { .. } => "true or false".to_owned(),
        Shape::Text { .. } => "text".to_owned(),
        Shape::Whole { min, max, .. } if *max == i64::MAX => format!("whole number from {min}"),
        Shape::Whole { min, max, .. } => format!("whole number from {min} to {max}"),
        Shape::Number { min, max, .. } if min.is_finite() => format!("number from {min} to {max}"),
        Shape::Number { .. } => "number".to_owned(),
        Shape::OneOf(texts) if texts.len() > 8 => "level such as `info`".to_owned(),
        Shape::OneOf(texts) => format!("`{}`", texts.join("`, `")),
        Shape::Mapping(ty) if ty.keys.is_empty() => "nothing".to_owned(),
        Shape::Mapping(ty) => format!("*[{}](#{})*", ty.name, ty.name.to_lowercase()),
        Shape::List { of, .. } => format!("list of {}", self::shape(of)),
        Shape::Attribute => "value, or list of values".to_owned(),
    }
}

/// Every type whose keys have an effect, those that are used first.
fn types() -> Vec<&'static Type> {
    fn below(shape: &'static Shape) -> Option<&'static Type> {
        match shape {
            Shape::Mapping(ty) => Some(ty),
            Shape::List { of, .. } => below(of),
            _ => None,
        }
    }
    let mut seen = BTreeSet::new();
    let mut types: Vec<&'static Type> = vec![&ROOT];
    let mut next = 0;
    while let Some(ty) = types.get(next).copied() {
        next += 1;
        for key in ty
            .keys
            .iter()
            .filter(|key| matches!(key.support, Support::Yes(_)))
        {
            if let Some(found) = below(&key.shape)
                && seen.insert(found.name)
            {
                types.push(found);
            }
        }
    }
    types
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration-file.md")
}

#[test]
fn the_page_of_the_file_is_made_from_the_tables() {
    let there = std::fs::read_to_string(file()).unwrap();
    assert_eq!(there, page(), "make it anew with the command that it names");
}

#[test]
#[ignore = "writes docs/configuration-file.md"]
fn write_the_page_of_the_file() {
    std::fs::write(file(), page()).unwrap();
}

#[test]
fn the_examples_of_the_page_load() {
    let page = page();
    let examples: Vec<&str> = page
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(!examples.is_empty());
    for example in examples {
        let config = load(example, &[("API_KEY", "hush"), ("SERVICE_NAME", "shop")]).unwrap();
        assert_eq!(warnings(&config), [""; 0], "{example}");
        assert_eq!(config.service_name, "shop");
    }
}

/// An effect that is written down has to be one: a key without any text is below one that is not used.
#[test]
fn every_key_says_what_it_does() {
    for ty in types() {
        for key in ty.keys {
            let (Support::Yes(text) | Support::No(text)) = key.support;
            assert!(!text.is_empty(), "{}.{}", ty.name, key.name);
        }
    }
}
