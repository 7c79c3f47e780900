//! Views: which instruments are exported, under which names, with which attributes and how many series.

use std::sync::Arc;

use opentelemetry::{InstrumentationScope, Key};
use opentelemetry_sdk::metrics::{
    Aggregation, Instrument, InstrumentKind, MeterProviderBuilder, Stream,
};

use super::DRAIN;
use super::exemplar::Shape;
use super::keys::{Keys, Sieve};
use crate::patterns::Patterns;
use crate::sampling::rules::Pattern;
use crate::scopes::Scopes;

/// The bounds that the SDK gives a histogram that says none.
pub(crate) const DEFAULT_BOUNDS: [f64; 15] = [
    0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1_000.0, 2_500.0, 5_000.0,
    7_500.0, 10_000.0,
];
/// Series of one instrument, beyond which all further ones are one.
pub(crate) const CARDINALITY: usize = 2_000;
/// With the specification's defaults.
const EXPONENTIAL: Aggregation = Aggregation::Base2ExponentialHistogram {
    max_size: 160,
    max_scale: 20,
    record_min_max: true,
};
/// Exemplars of a series that has no buckets.
const EXEMPLARS: usize = 1;
/// Exemplars of a series whose buckets change: as many as the specification says.
const EXPONENTIAL_EXEMPLARS: usize = 20;

/// Changes what an instrument brings, without changing the code that uses it: drops it, renames it, keeps fewer of its
/// attributes, limits its series.
///
/// ```
/// use trisignal::View;
///
/// let builder = trisignal::builder("checkout")
///     .view(View::of("http.client.*").drop())
///     .view(View::of("orders.placed").rename("orders.taken").attributes(["kind"]))
///     .view(View::of("http.server.request.duration").boundaries([0.01, 0.1, 1.0]).cardinality_limit(500));
/// # let _ = builder;
/// ```
///
/// Where several views choose the same instrument, each brings metrics of its own. An instrument that no view chooses
/// is as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    pub(crate) select: Select,
    pub(crate) keep: Keep,
}

/// Which instruments a view is for: those that fit everything that is said.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Select {
    /// A name, with `*` for any characters and `?` for one.
    pub(crate) name: Option<String>,
    pub(crate) kind: Option<InstrumentKind>,
    pub(crate) unit: Option<String>,
    pub(crate) meter_name: Option<String>,
    pub(crate) meter_version: Option<String>,
    pub(crate) meter_schema_url: Option<String>,
}

/// What a view makes of an instrument; what is `None` is as the instrument says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Keep {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    /// All when `None`.
    pub(crate) attributes: Option<Keys>,
    pub(crate) aggregation: Option<Aggregation>,
    pub(crate) cardinality_limit: Option<usize>,
}

impl View {
    /// For the instruments of this name. `*` stands for any characters, `?` for one; letters match in either case.
    #[must_use]
    pub fn of(instrument: impl Into<String>) -> Self {
        Self {
            select: Select {
                name: Some(instrument.into()),
                ..Select::default()
            },
            keep: Keep::default(),
        }
    }

    /// Only where this meter, the instrumentation scope, has made the instrument.
    #[must_use]
    pub fn meter(mut self, name: impl Into<String>) -> Self {
        self.select.meter_name = Some(name.into());
        self
    }

    /// Nothing is recorded.
    #[must_use]
    pub fn drop(mut self) -> Self {
        self.keep.aggregation = Some(Aggregation::Drop);
        self
    }

    /// Another name. With a pattern that fits several instruments they would all have it.
    #[must_use]
    pub fn rename(mut self, name: impl Into<String>) -> Self {
        self.keep.name = Some(name.into());
        self
    }

    /// Another description.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.keep.description = Some(description.into());
        self
    }

    /// Keeps only attributes with these keys; none at all makes one series. Exemplars still have the others.
    #[must_use]
    pub fn attributes<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        let keys = keys.into_iter().map(|key| Key::from(key.into()));
        self.keep.attributes = Some(Keys::Only(Arc::new(keys.collect())));
        self
    }

    /// Keeps all attributes but those with these keys, in which `*` stands for any characters and `?` for one; in place of
    /// [`attributes`](Self::attributes). Exemplars still have the others. Where several views choose the same instrument, what any
    /// of them keeps is in the metrics of this one.
    #[must_use]
    pub fn without_attributes<K: Into<String>>(
        mut self,
        keys: impl IntoIterator<Item = K>,
    ) -> Self {
        let patterns = Patterns {
            included: Vec::new(),
            excluded: keys.into_iter().map(Pattern::new).collect(),
        };
        self.keep.attributes = Some(Keys::Like(Arc::new(patterns)));
        self
    }

    /// Other upper bounds for the buckets of a histogram, each larger than the one before.
    #[must_use]
    pub fn boundaries(mut self, bounds: impl Into<Vec<f64>>) -> Self {
        self.keep.aggregation = Some(Aggregation::ExplicitBucketHistogram {
            boundaries: bounds.into(),
            record_min_max: true,
        });
        self
    }

    /// A histogram whose buckets adapt to what is measured.
    #[must_use]
    pub fn exponential_buckets(mut self) -> Self {
        self.keep.aggregation = Some(EXPONENTIAL);
        self
    }

    /// Series beyond this number, at least 1, are one. Default 2,000, or what
    /// [`Builder::cardinality_limit`](crate::Builder::cardinality_limit) says.
    #[must_use]
    pub fn cardinality_limit(mut self, limit: usize) -> Self {
        self.keep.cardinality_limit = Some(limit);
        self
    }

    /// What is impossible in it.
    pub(crate) fn problem(&self) -> Option<String> {
        let name = self.select.name.as_deref().unwrap_or("*");
        if self.keep.name.as_deref() == Some("") {
            return Some(format!("the view of {name} gives an empty name"));
        }
        let stream = self.keep.stream(CARDINALITY, None);
        let problem = stream.err()?;
        Some(format!("the view of {name} can't be used: {problem}"))
    }
}

impl Select {
    fn fits(&self, instrument: &Described<'_>) -> bool {
        let same = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|it| it == is);
        let scope = instrument.scope;
        self.name
            .as_deref()
            .is_none_or(|pattern| matches(pattern, instrument.name))
            && self.kind.is_none_or(|kind| kind == instrument.kind)
            && same(&self.unit, instrument.unit)
            && same(&self.meter_name, scope.name())
            && same(&self.meter_version, scope.version().unwrap_or_default())
            && same(
                &self.meter_schema_url,
                scope.schema_url().unwrap_or_default(),
            )
    }
}

impl Keep {
    /// The stream that the SDK makes by it.
    fn stream(
        &self,
        limit: usize,
        histogram: Option<&Aggregation>,
    ) -> Result<Stream, Box<dyn std::error::Error>> {
        let mut builder =
            Stream::builder().with_cardinality_limit(self.cardinality_limit.unwrap_or(limit));
        if let Some(name) = &self.name {
            builder = builder.with_name(name.clone());
        }
        if let Some(description) = &self.description {
            builder = builder.with_description(description.clone());
        }
        if let Some(Keys::Only(keys)) = &self.attributes {
            builder = builder.with_allowed_attribute_keys(keys.iter().cloned());
        }
        if let Some(aggregation) = self.aggregation.as_ref().or(histogram) {
            builder = builder.with_aggregation(aggregation.clone());
        }
        builder.build()
    }
}

/// What views go by.
#[derive(Clone, Copy)]
pub(crate) struct Described<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: InstrumentKind,
    pub(crate) unit: &'a str,
    pub(crate) scope: &'a InstrumentationScope,
}

impl<'a> Described<'a> {
    fn of(instrument: &'a Instrument) -> Self {
        Self {
            name: instrument.name(),
            kind: instrument.kind(),
            unit: instrument.unit(),
            scope: instrument.scope(),
        }
    }
}

/// What becomes of one instrument by one view.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) name: String,
    /// All when `None`.
    pub(crate) attributes: Option<Keys>,
    pub(crate) shape: Shape,
    pub(crate) limit: usize,
}

/// All views of a provider.
#[derive(Clone, Debug)]
pub(crate) struct Views {
    views: Arc<[View]>,
    limit: usize,
    /// Of kinds of instruments that have one of their own.
    kind_limits: Arc<[(InstrumentKind, usize)]>,
    /// Of histograms that say no bounds.
    histogram: Option<Aggregation>,
    /// Meters that are off.
    meters: Option<Arc<Scopes>>,
}

impl Views {
    /// `limit` is of instruments whose view says none. With `exponential`, so are the histograms that say no bounds.
    pub(crate) fn new(
        views: Vec<View>,
        limit: usize,
        kind_limits: Vec<(InstrumentKind, usize)>,
        exponential: bool,
    ) -> Self {
        Self {
            views: views.into(),
            limit,
            kind_limits: kind_limits.into(),
            histogram: exponential.then_some(EXPONENTIAL),
            meters: None,
        }
    }

    /// Instruments of meters that are off bring nothing, whatever views say.
    pub(crate) fn with_meters(mut self, meters: Option<Arc<Scopes>>) -> Self {
        self.meters = meters;
        self
    }

    /// Gives them to the SDK.
    pub(crate) fn install(&self, mut builder: MeterProviderBuilder) -> MeterProviderBuilder {
        for index in 0..self.views.len() {
            let views = self.clone();
            builder = builder.with_view(move |instrument: &Instrument| {
                let described = Described::of(instrument);
                let view = views.views.get(index)?;
                let chosen = views.applies_to(&described) && view.select.fits(&described);
                chosen.then(|| views.stream(&view.keep, described.kind))?
            });
        }
        let views = self.clone();
        builder.with_view(move |instrument: &Instrument| {
            let described = Described::of(instrument);
            if !views.is_on(&described) {
                return Stream::builder()
                    .with_aggregation(Aggregation::Drop)
                    .build()
                    .ok();
            }
            let is_chosen = views.chosen(&described).next().is_some();
            (!is_chosen).then(|| views.stream(&Keep::default(), described.kind))?
        })
    }

    /// What becomes of an instrument that asks for `bounds`; nothing where it is dropped.
    pub(crate) fn plans(&self, instrument: Described<'_>, bounds: Option<&[f64]>) -> Vec<Plan> {
        if !self.is_on(&instrument) {
            return Vec::new();
        }
        let default = Keep::default();
        let mut chosen: Vec<&Keep> = self.chosen(&instrument).map(|view| &view.keep).collect();
        if chosen.is_empty() {
            chosen.push(&default);
        }
        let is_kept = |keep: &&Keep| !matches!(keep.aggregation, Some(Aggregation::Drop));
        let plan = |keep: &Keep| Plan {
            name: keep
                .name
                .clone()
                .unwrap_or_else(|| instrument.name.to_owned()),
            attributes: keep.attributes.clone(),
            shape: self.shape(keep, instrument.kind, bounds),
            limit: keep
                .cardinality_limit
                .unwrap_or_else(|| self.limit_of(instrument.kind)),
        };
        chosen.into_iter().filter(is_kept).map(plan).collect()
    }

    fn chosen(&self, instrument: &Described<'_>) -> impl Iterator<Item = &View> {
        let applies = self.applies_to(instrument);
        let fits = move |view: &&View| applies && view.select.fits(instrument);
        self.views.iter().filter(fits)
    }

    /// Whether any view may choose it.
    fn applies_to(&self, instrument: &Described<'_>) -> bool {
        // What a view for everything is not for: it brings no metrics, and all of them would be lost without it.
        instrument.name != DRAIN && self.is_on(instrument)
    }

    fn is_on(&self, instrument: &Described<'_>) -> bool {
        let meters = self.meters.as_ref();
        instrument.name == DRAIN
            || meters.is_none_or(|meters| meters.enabled(instrument.scope.name()))
    }

    /// What chooses the attributes of an instrument before the SDK does.
    pub(crate) fn sieve(&self, instrument: Described<'_>) -> Option<Sieve> {
        let is_kept = |view: &&View| !matches!(view.keep.aggregation, Some(Aggregation::Drop));
        let chosen = self.chosen(&instrument).filter(is_kept);
        Sieve::of(chosen.map(|view| view.keep.attributes.as_ref()))
    }

    fn limit_of(&self, kind: InstrumentKind) -> usize {
        let own = self.kind_limits.iter().find(|(of, _)| *of == kind);
        own.map_or(self.limit, |(_, limit)| *limit)
    }

    fn stream(&self, keep: &Keep, kind: InstrumentKind) -> Option<Stream> {
        // Bounds that an instrument asks for are put in by the SDK where nothing else is said.
        let histogram = self.histogram.as_ref();
        let histogram = histogram.filter(|_| kind == InstrumentKind::Histogram);
        // Views are checked when they are given; one that failed now would leave the instrument as it is.
        keep.stream(self.limit_of(kind), histogram).ok()
    }

    fn shape(&self, keep: &Keep, kind: InstrumentKind, bounds: Option<&[f64]>) -> Shape {
        let default = self
            .histogram
            .as_ref()
            .filter(|_| kind == InstrumentKind::Histogram);
        match keep.aggregation.as_ref().or(default) {
            Some(Aggregation::ExplicitBucketHistogram { boundaries, .. }) => {
                Shape::Buckets(boundaries.clone())
            }
            Some(Aggregation::Base2ExponentialHistogram { .. }) => {
                Shape::Fixed(EXPONENTIAL_EXEMPLARS)
            }
            None | Some(Aggregation::Default) if kind == InstrumentKind::Histogram => {
                Shape::Buckets(bounds.unwrap_or(&DEFAULT_BOUNDS).to_vec())
            }
            _ => Shape::Fixed(EXEMPLARS),
        }
    }
}

/// Whether `name` fits a pattern with `*` and `?`, without regard to case.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where to go on after a `*` that took too little.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, n));
                p += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted.eq_ignore_ascii_case(&name[n]) => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((star, taken)) = retry else {
                    return false;
                };
                retry = Some((star, taken + 1));
                (p, n) = (star + 1, taken + 1);
            }
        }
    }
    pattern[p..].iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_shells() {
        let rows = [
            ("*", "anything", true),
            ("http.*", "http.server.request.duration", true),
            ("http.*", "rpc.server", false),
            ("*.duration", "http.server.request.duration", true),
            ("*.duration", "http.duration.x", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("A.B", "a.b", true),
            ("a*b*c", "aXXbYYbZc", true),
            ("a*b*c", "aXXbYY", false),
            ("", "", true),
            ("", "a", false),
            ("**", "", true),
        ];
        for (pattern, name, expected) in rows {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_view_that_the_sdk_would_refuse_is_a_problem() {
        assert!(View::of("a").boundaries([1.0, 1.0]).problem().is_some());
        assert!(View::of("a").cardinality_limit(0).problem().is_some());
        assert!(View::of("a").rename("").problem().is_some());
        assert!(
            View::of("a")
                .rename("b")
                .attributes(["c"])
                .problem()
                .is_none()
        );
    }
}
