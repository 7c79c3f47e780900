//! The variables of samplers: `OTEL_TRACES_SAMPLER`, its argument, and what this crate adds to them.

use std::time::Duration;

use opentelemetry::trace::SpanKind;

use super::parse::{self, Problems};
use super::reader::Reader;
use super::redact::{endpoint_for_people, value_for_people};
use super::variables as table;
use super::{Origin, Settings, Warning, file};
use crate::sampling::rules::{AttributeCondition, Parents, Pattern, Rule};
use crate::sampling::{DebugRequests, ENTRIES, JaegerRemote, SamplerConfig};

/// What `OTEL_TRACES_SAMPLER` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    parent_based: bool,
    root: Root,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Root {
    AlwaysOn,
    AlwaysOff,
    Ratio,
    PerSecond,
    JaegerRemote,
}

/// Traces per second where the argument does not say.
const PER_SECOND: f64 = 100.0;
/// Ports at which Jaeger speaks gRPC only.
const GRPC_PORTS: [u16; 2] = [14250, 5779];

pub(super) fn sampler(text: &str, problems: &mut Problems) -> Option<Named> {
    let name = text.to_ascii_lowercase();
    let (parent_based, root) = match name.strip_prefix("parentbased_") {
        Some(root) => (true, root),
        None => (false, name.as_str()),
    };
    let root = match root {
        "always_on" => Root::AlwaysOn,
        "always_off" => Root::AlwaysOff,
        "traceidratio" => Root::Ratio,
        "ratelimited" => Root::PerSecond,
        "jaeger_remote" => Root::JaegerRemote,
        "xray" => {
            return problems
                .reject("asks for the sampling service of AWS X-Ray, which is not supported");
        }
        _ => return problems.reject("is none of always_on, always_off, traceidratio, ratelimited, jaeger_remote, with or without parentbased_"),
    };
    Some(Named { parent_based, root })
}

/// The sampler in force.
pub(super) fn resolve(settings: &Settings, reader: &mut Reader<'_>) -> SamplerConfig {
    // What the variables say is not in force where code has a sampler, so it is not worth a warning either.
    let of_code = match (settings.own_sampler, &settings.sampling) {
        (true, _) => Some(SamplerConfig::OwnCode),
        (false, sampling) => sampling.clone(),
    };
    if let Some(sampler) = of_code {
        note(&sampler, &Origin::Code, None, None, reader);
        return sampler;
    }
    let (mut sampler, origin) = match reader.file {
        Some(document) => file::sampler(document, reader),
        None => named(reader),
    };
    let (rules, of_rules) = reader.read(&table::SAMPLING_RULES).unzip();
    if let Some(rules) = rules {
        sampler = SamplerConfig::Rules(rules, Box::new(sampler));
    }
    let (baggage, of_debug) = reader.read(&table::SAMPLING_DEBUG).unzip();
    if baggage.is_some() {
        sampler = SamplerConfig::Debug(DebugRequests { baggage }, Box::new(sampler));
    }
    note(&sampler, &origin, of_rules, of_debug, reader);
    sampler
}

/// Notes the sampler in its parts. Those whose origin is not given came with the sampler.
fn note(
    sampler: &SamplerConfig,
    origin: &Origin,
    of_rules: Option<Origin>,
    of_debug: Option<Origin>,
    reader: &mut Reader<'_>,
) {
    let (debug, rules, named) = sampler.parts();
    let with_sampler = |is_there: bool| match (is_there, origin) {
        (false, Origin::Environment(_)) => Origin::Default,
        _ => origin.clone(),
    };
    reader.note("traces.sampler", named.to_string(), origin.clone());
    let texts: Vec<_> = rules.iter().map(Rule::to_string).collect();
    let shown = match texts.is_empty() {
        true => "none".to_owned(),
        false => value_for_people(&texts.join("; ")),
    };
    let origin = of_rules.unwrap_or_else(|| with_sampler(!rules.is_empty()));
    reader.note("traces.sampling_rules", shown, origin);
    let shown = debug.map_or_else(|| "none".to_owned(), value_for_people);
    let origin = of_debug.unwrap_or_else(|| with_sampler(debug.is_some()));
    reader.note("traces.debug_baggage", shown, origin);
}

fn named(reader: &mut Reader<'_>) -> (SamplerConfig, Origin) {
    let (named, origin) = reader.read_or_default(&table::TRACES_SAMPLER);
    let (sampler, has_argument) = named.sampler(reader);
    // Where the sampler is not known, that has been told.
    let is_known = matches!(origin, Origin::Environment(_))
        || reader.variable(table::TRACES_SAMPLER.name).is_none();
    if is_known
        && !named.takes_argument()
        && let Some((text, _)) = reader.read(&table::TRACES_SAMPLER_ARG)
    {
        reader.warn(Warning::new(
            table::TRACES_SAMPLER_ARG.name,
            Some(endpoint_for_people(&text)),
            format!("is for a sampler that takes an argument, and {sampler} takes none"),
            "it is left out",
        ));
    }
    let origin = match origin {
        Origin::Environment(name) if has_argument => {
            Origin::Environment(format!("{name}, {}", table::TRACES_SAMPLER_ARG.name))
        }
        origin => origin,
    };
    match named.parent_based {
        true => (SamplerConfig::parent_based(sampler), origin),
        false => (sampler, origin),
    }
}

impl Named {
    fn takes_argument(self) -> bool {
        !matches!(self.root, Root::AlwaysOn | Root::AlwaysOff)
    }

    /// The sampler for new traces, and whether its argument is in force.
    fn sampler(self, reader: &mut Reader<'_>) -> (SamplerConfig, bool) {
        match self.root {
            Root::AlwaysOn => (SamplerConfig::AlwaysOn, false),
            Root::AlwaysOff => (SamplerConfig::AlwaysOff, false),
            Root::Ratio => {
                let share = argument(reader, parse::ratio, "1.0");
                (SamplerConfig::Ratio(share.unwrap_or(1.0)), share.is_some())
            }
            Root::PerSecond => {
                let traces = argument(reader, rate, "100");
                let sampler = SamplerConfig::PerSecond(traces.unwrap_or(PER_SECOND));
                (sampler, traces.is_some())
            }
            Root::JaegerRemote => {
                let remote = argument(reader, jaeger_remote, "Jaeger's defaults are used");
                let is_there = remote.is_some();
                let remote = remote.unwrap_or_else(jaeger_default);
                (SamplerConfig::JaegerRemote(Box::new(remote)), is_there)
            }
        }
    }
}

/// The argument, as the sampler that was chosen reads it.
fn argument<T>(
    reader: &mut Reader<'_>,
    parse: fn(&str, &mut Problems) -> Option<T>,
    default: &str,
) -> Option<T> {
    let (text, _) = reader.read(&table::TRACES_SAMPLER_ARG)?;
    let mut problems = Problems::default();
    let value = parse(&text, &mut problems);
    let instead = if default.contains(' ') {
        default.to_owned()
    } else {
        format!("{default} is used")
    };
    for problem in problems.0 {
        reader.warn(Warning::new(
            table::TRACES_SAMPLER_ARG.name,
            Some(endpoint_for_people(&text)),
            problem.problem,
            problem.instead.unwrap_or_else(|| instead.clone()),
        ));
    }
    value
}

fn rate(text: &str, problems: &mut Problems) -> Option<f64> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Some(rate),
        _ => problems.reject("is not a number of traces per second above 0"),
    }
}

fn jaeger_default() -> JaegerRemote {
    JaegerRemote {
        endpoint: http::Uri::from_static(JaegerRemote::ENDPOINT),
        interval: JaegerRemote::INTERVAL,
        initial: SamplerConfig::Ratio(JaegerRemote::INITIAL_RATIO),
    }
}

/// `endpoint=…,pollingIntervalMs=…,initialSamplingRate=…`. One value that can't be used makes all of it void.
fn jaeger_remote(text: &str, problems: &mut Problems) -> Option<JaegerRemote> {
    let mut remote = jaeger_default();
    for member in text
        .split(',')
        .map(str::trim)
        .filter(|member| !member.is_empty())
    {
        let Some((key, value)) = member.split_once('=') else {
            return problems.reject("has a part without `=`");
        };
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "endpoint" => remote.endpoint = jaeger_endpoint(value, problems)?,
            "pollingintervalms" => remote.interval = parse::interval(value, problems)?,
            "initialsamplingrate" => {
                remote.initial = SamplerConfig::Ratio(parse::ratio(value, problems)?);
            }
            other => problems.note(
                format!("has the unknown part \"{}\"", value_for_people(other)),
                "it is left out",
            ),
        }
    }
    Some(remote)
}

/// The URL to ask: without a path, the one at which Jaeger answers.
pub(crate) fn jaeger_endpoint(text: &str, problems: &mut Problems) -> Option<http::Uri> {
    let bad = "names an endpoint that is not an http or https URL";
    let Ok(uri) = text.parse::<http::Uri>() else {
        return problems.reject(bad);
    };
    let mut parts = uri.into_parts();
    let known = parts
        .scheme
        .as_ref()
        .is_some_and(|scheme| [http::uri::Scheme::HTTP, http::uri::Scheme::HTTPS].contains(scheme));
    let (true, Some(authority)) = (known, &parts.authority) else {
        return problems.reject(bad);
    };
    if authority.as_str().contains('@') {
        return problems.reject("has user information in its endpoint");
    }
    if authority
        .port_u16()
        .is_some_and(|port| GRPC_PORTS.contains(&port))
    {
        problems.note(
            "names a port of Jaeger's gRPC service",
            "it is asked over HTTP all the same, which Jaeger does on port 5778",
        );
    }
    if parts
        .path_and_query
        .as_ref()
        .is_none_or(|path| path.as_str() == "/")
    {
        parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/sampling"));
    }
    match http::Uri::from_parts(parts) {
        Ok(uri) => Some(uri),
        Err(_) => problems.reject(bad),
    }
}

/// The key of a baggage member.
pub(super) fn baggage_key(text: &str, problems: &mut Problems) -> Option<String> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.bytes().all(token) {
        Some(text.to_owned())
    } else {
        problems.reject("is not the key of a baggage member")
    }
}

/// `drop url.path=/health*; 0.1 name="GET /search"; keep kind=consumer`. One rule that can't be read makes all void.
pub(super) fn rules(text: &str, problems: &mut Problems) -> Option<Vec<Rule>> {
    let mut rules = Vec::new();
    for (number, words) in (1..).zip(words(text)) {
        match words.map(|words| rule(&words)) {
            Some(Ok(rule)) => rules.push(rule),
            Some(Err(problem)) => return problems.reject(format!("has a rule {number} {problem}")),
            None => {
                return problems.reject(format!("has a rule {number} with an open quotation mark"));
            }
        }
    }
    if rules.is_empty() {
        return problems.reject("has no rule in it");
    }
    Some(rules)
}

/// The words of each rule that has any; quotation marks keep blanks and semicolons. `None` where one is not closed.
fn words(text: &str) -> Vec<Option<Vec<String>>> {
    let (mut all, mut words, mut word) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    for char in text.chars().chain([';']) {
        match char {
            '"' => quoted = !quoted,
            _ if quoted => word.push(char),
            ';' | ' ' | '\t' => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                if char == ';' && !words.is_empty() {
                    all.push(Some(std::mem::take(&mut words)));
                }
            }
            _ => word.push(char),
        }
    }
    if quoted {
        all.push(None);
    }
    all
}

fn rule(words: &[String]) -> Result<Rule, String> {
    let [action, conditions @ ..] = words else {
        return Err("that is empty".to_owned());
    };
    let mut rule = Rule {
        parents: ENTRIES,
        kinds: Vec::new(),
        name: None,
        attributes: Vec::new(),
        sampler: action_of(action)?,
    };
    for condition in conditions {
        let (key, value) = condition.split_once('=').unwrap_or((condition, ""));
        if key.is_empty() || value.is_empty() {
            return Err(format!(
                "with \"{}\", which is no condition",
                value_for_people(condition)
            ));
        }
        match key {
            "name" => rule.name = Some(Pattern::new(value)),
            "kind" => rule.kinds = value.split('|').map(kind).collect::<Result<_, _>>()?,
            "parent" => rule.parents = parents(value)?,
            attribute => rule.attributes.push(AttributeCondition {
                key: attribute.to_owned(),
                included: value.split('|').map(Pattern::new).collect(),
                excluded: Vec::new(),
            }),
        }
    }
    Ok(rule)
}

fn action_of(word: &str) -> Result<SamplerConfig, String> {
    let mut problems = Problems::default();
    let sampler = match word.strip_suffix("/s") {
        Some(number) => rate(number, &mut problems).map(SamplerConfig::PerSecond),
        None if word == "drop" => Some(SamplerConfig::AlwaysOff),
        None if word == "keep" => Some(SamplerConfig::AlwaysOn),
        None => parse::ratio(word, &mut problems).map(SamplerConfig::Ratio),
    };
    sampler.ok_or_else(|| {
        let shown = value_for_people(word);
        format!(
            "that begins with \"{shown}\" and not with drop, keep, a ratio or a rate such as 10/s"
        )
    })
}

fn kind(word: &str) -> Result<SpanKind, String> {
    Ok(match word {
        "server" => SpanKind::Server,
        "client" => SpanKind::Client,
        "producer" => SpanKind::Producer,
        "consumer" => SpanKind::Consumer,
        "internal" => SpanKind::Internal,
        other => {
            return Err(format!(
                "with the unknown kind \"{}\"",
                value_for_people(other)
            ));
        }
    })
}

fn parents(words: &str) -> Result<Parents, String> {
    let mut parents = Parents {
        none: false,
        remote: false,
        local: false,
    };
    for word in words.split('|') {
        match word {
            "none" => parents.none = true,
            "remote" => parents.remote = true,
            "local" => parents.local = true,
            "any" => parents = Parents::ANY,
            other => {
                return Err(format!(
                    "with the unknown parent \"{}\"",
                    value_for_people(other)
                ));
            }
        }
    }
    Ok(parents)
}

/// At least 1 ms, as every interval.
pub(crate) fn jaeger_interval(asked: Duration) -> Duration {
    parse::delay(asked)
}
