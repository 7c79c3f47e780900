//! The arrows of the design: which crate may use which.
//!
//! A wall is checked twice. What a manifest declares is checked by kind, so a dev-dependency may do what
//! a normal one may not. What cargo would really pull in is checked by `cargo tree`, so a wall does not
//! fall because a third crate stands between.

use std::collections::BTreeSet;

use super::Finding;
use crate::metadata::{Kind, Members};

/// `package` does not use any crate that one of `never` names.
pub(crate) struct Wall {
    pub(crate) package: &'static str,
    /// A trailing `*` stands for any end of the name; [`ANY_MEMBER`] for each crate of the workspace.
    never: &'static [&'static str],
    /// Whether dev-dependencies stop at the wall too.
    dev_too: bool,
    why: &'static str,
}

const ANY_MEMBER: &str = "(a workspace crate)";

/// The walls. A crate that does not exist yet has its wall already.
pub(crate) const WALLS: &[Wall] = &[
    Wall {
        package: "trisignal",
        never: &["trisignal-receiver"],
        dev_too: false,
        why: "the receiver is for its tests only",
    },
    Wall {
        package: "trisignal-instrumentation",
        never: &[
            "trisignal",
            "trisignal-receiver",
            "trisignal-spool",
            "opentelemetry_sdk",
            "opentelemetry-otlp",
            "opentelemetry-proto",
            "tracing-opentelemetry",
        ],
        dev_too: false,
        why: "a library that is instrumented must not pull an SDK, an exporter or a bridge",
    },
    Wall {
        package: "trisignal-receiver",
        never: &["trisignal", "trisignal-instrumentation", "trisignal-spool"],
        dev_too: true,
        why: "what judges the pipeline shares nothing with it",
    },
    Wall {
        package: "trisignal-spool",
        never: &[
            "opentelemetry*",
            "tracing-opentelemetry",
            "tokio",
            "trisignal*",
        ],
        dev_too: false,
        why: "the spool stores bytes and knows no telemetry and no runtime",
    },
    Wall {
        package: "xtask",
        never: &[ANY_MEMBER],
        dev_too: true,
        why: "the chores run when everything else is broken",
    },
];

impl Wall {
    /// The edges of `cargo tree` that must not cross the wall.
    pub(crate) fn edges(&self) -> &'static str {
        if self.dev_too { "all" } else { "normal,build" }
    }

    fn forbids(&self, name: &str, members: &Members) -> bool {
        name != self.package
            && self
                .never
                .iter()
                .any(|pattern| match pattern.strip_suffix('*') {
                    Some(start) => name.starts_with(start),
                    None if *pattern == ANY_MEMBER => members.contains_key(name),
                    None => *pattern == name,
                })
    }

    fn finding(&self, name: &str, how: &str) -> Finding {
        Finding::new(
            self.package,
            format!("must not use {name}, {how}: {}", self.why),
        )
    }
}

/// Checks what the manifests declare.
pub(crate) fn declared(members: &Members) -> Vec<Finding> {
    let mut findings = Vec::new();
    for wall in WALLS {
        let Some(member) = members.get(wall.package) else {
            continue;
        };
        for dependency in &member.dependencies {
            let counts = dependency.kind != Kind::Dev || wall.dev_too;
            if counts && wall.forbids(&dependency.name, members) {
                findings.push(wall.finding(&dependency.name, "as its manifest says"));
            }
        }
    }
    findings
}

/// Checks what cargo would pull in: lines of `name version`.
pub(crate) fn pulled(wall: &Wall, tree: &BTreeSet<String>, members: &Members) -> Vec<Finding> {
    tree.iter()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| wall.forbids(name, members))
        .map(|name| wall.finding(name, "even through another crate"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::{Dependency, Member};

    fn workspace(crates: &[(&str, &[(&str, Kind)])]) -> Members {
        let member = |(name, dependencies): &(&str, &[(&str, Kind)])| Member {
            name: (*name).to_owned(),
            published: true,
            manifest: String::new(),
            dependencies: dependencies
                .iter()
                .map(|(name, kind)| Dependency {
                    name: (*name).to_owned(),
                    kind: *kind,
                })
                .collect(),
            features: Vec::new(),
        };
        crates
            .iter()
            .map(member)
            .map(|member| (member.name.clone(), member))
            .collect()
    }

    #[test]
    fn a_workspace_that_keeps_its_walls_has_no_finding() {
        let members = workspace(&[
            (
                "trisignal",
                &[
                    ("trisignal-instrumentation", Kind::Normal),
                    ("opentelemetry_sdk", Kind::Normal),
                    ("trisignal-receiver", Kind::Dev),
                ],
            ),
            (
                "trisignal-instrumentation",
                &[
                    ("opentelemetry", Kind::Normal),
                    ("opentelemetry_sdk", Kind::Dev),
                ],
            ),
            (
                "trisignal-receiver",
                &[("opentelemetry-proto", Kind::Normal)],
            ),
            (
                "trisignal-spool",
                &[("crc32fast", Kind::Normal), ("tokio", Kind::Dev)],
            ),
            ("xtask", &[("serde_json", Kind::Normal)]),
        ]);
        assert_eq!(declared(&members), []);
    }

    #[test]
    fn each_broken_arrow_is_found() {
        for (from, to, kind) in [
            ("trisignal", "trisignal-receiver", Kind::Normal),
            ("trisignal", "trisignal-receiver", Kind::Build),
            (
                "trisignal-instrumentation",
                "opentelemetry_sdk",
                Kind::Normal,
            ),
            ("trisignal-instrumentation", "trisignal", Kind::Normal),
            (
                "trisignal-instrumentation",
                "tracing-opentelemetry",
                Kind::Normal,
            ),
            ("trisignal-receiver", "trisignal", Kind::Normal),
            ("trisignal-receiver", "trisignal", Kind::Dev),
            ("trisignal-spool", "tokio", Kind::Normal),
            ("trisignal-spool", "opentelemetry_sdk", Kind::Normal),
            ("xtask", "trisignal", Kind::Normal),
            ("xtask", "some-member", Kind::Dev),
        ] {
            let members = workspace(&[
                (from, &[("bytes", Kind::Normal), (to, kind)]),
                ("some-member", &[]),
                (
                    if from == "trisignal" {
                        "other"
                    } else {
                        "trisignal"
                    },
                    &[],
                ),
            ]);
            let findings = declared(&members);
            assert_eq!(findings.len(), 1, "{from} -> {to} ({kind:?}): {findings:?}");
            assert_eq!(findings[0].place, from);
            assert!(findings[0].rule.contains(to), "{findings:?}");
        }
    }

    #[test]
    fn an_sdk_behind_a_third_crate_is_found() {
        let wall = WALLS
            .iter()
            .find(|wall| wall.package == "trisignal-instrumentation");
        let tree = BTreeSet::from([
            "trisignal-instrumentation v0.1.0".to_owned(),
            "helper v1.0.0".to_owned(),
            "opentelemetry_sdk v0.33.1".to_owned(),
        ]);
        let findings: Vec<Finding> = wall
            .into_iter()
            .flat_map(|wall| pulled(wall, &tree, &Members::new()))
            .collect();
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].rule.contains("opentelemetry_sdk"));
    }
}
