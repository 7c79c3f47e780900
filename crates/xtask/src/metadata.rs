//! What `cargo metadata` and `cargo tree` say, in the few words that the chores need.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::run::{Result, capture, cargo};

/// Budgets and walls are about what a service on Linux pulls in.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// When a dependency is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

/// One line of a `[dependencies]` table.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// One crate of the workspace.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) published: bool,
    pub(crate) manifest: String,
    pub(crate) dependencies: Vec<Dependency>,
    /// Without `default` and without the implicit ones of optional dependencies.
    pub(crate) features: Vec<String>,
}

/// The crates of the workspace, by name.
pub(crate) type Members = BTreeMap<String, Member>;

/// Asks cargo for the crates of this workspace.
///
/// # Errors
///
/// When cargo fails, for example because a manifest is broken.
pub(crate) fn members() -> Result<Members> {
    parse(&capture(&mut cargo(&[
        "metadata",
        "--no-deps",
        "--format-version=1",
    ]))?)
}

/// Reads the JSON of `cargo metadata`.
///
/// # Errors
///
/// When it is not JSON or has no packages.
pub(crate) fn parse(json: &str) -> Result<Members> {
    let json: Value = serde_json::from_str(json)?;
    let packages = json["packages"]
        .as_array()
        .ok_or("cargo metadata names no packages")?;
    Ok(packages
        .iter()
        .map(member)
        .map(|member| (member.name.clone(), member))
        .collect())
}

/// The names of all crates that `cargo tree` shows for a package, itself included, each as `name version`.
///
/// # Errors
///
/// When cargo fails.
pub(crate) fn tree(package: &str, edges: &str, features: Option<&str>) -> Result<BTreeSet<String>> {
    let mut command = cargo(&["tree", "--prefix=none", "--format={p}"]);
    command.args(["--package", package, "--edges", edges, "--target", TARGET]);
    command.args(features);
    Ok(parse_tree(&capture(&mut command)?))
}

/// Reads the output of `cargo tree --prefix=none --format={p}`: a crate shown twice counts once.
pub(crate) fn parse_tree(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some(format!("{} {}", words.next()?, words.next()?))
        })
        .collect()
}

fn member(package: &Value) -> Member {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let dependencies = package["dependencies"].as_array();
    Member {
        name: text(&package["name"]),
        // `publish = false` is an empty list of registries; null is every registry.
        published: package["publish"].is_null(),
        manifest: text(&package["manifest_path"]),
        dependencies: dependencies
            .into_iter()
            .flatten()
            .map(|dependency| Dependency {
                name: text(&dependency["name"]),
                kind: match dependency["kind"].as_str() {
                    Some("dev") => Kind::Dev,
                    Some("build") => Kind::Build,
                    _ => Kind::Normal,
                },
            })
            .collect(),
        features: package["features"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .filter(|name| name != "default")
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panic")]
    use super::*;

    #[test]
    fn metadata_is_read() {
        let json = r#"{"packages":[{"name":"a","publish":[],"manifest_path":"m","features":{"default":[],"x":[]},
            "dependencies":[{"name":"b","kind":null},{"name":"c","kind":"dev"},{"name":"d","kind":"build"}]},
            {"name":"e","publish":null,"manifest_path":"n","features":{},"dependencies":[]}]}"#;
        let members = parse(json).unwrap();
        assert!(!members["a"].published);
        assert!(members["e"].published);
        assert_eq!(members["a"].features, ["x"]);
        let kinds: Vec<Kind> = members["a"].dependencies.iter().map(|d| d.kind).collect();
        assert_eq!(kinds, [Kind::Normal, Kind::Dev, Kind::Build]);
    }

    #[test]
    fn a_crate_shown_twice_counts_once_and_two_versions_count_twice() {
        let tree = parse_tree(
            "a v1.0.0 (/x)\nb v1.0.0\nb v1.0.0 (*)\nb v2.0.0\nm v1.0.0 (proc-macro)\n\n",
        );
        let found: Vec<&str> = tree.iter().map(String::as_str).collect();
        assert_eq!(found, ["a v1.0.0", "b v1.0.0", "b v2.0.0", "m v1.0.0"]);
    }
}
