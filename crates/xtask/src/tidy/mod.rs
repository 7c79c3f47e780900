//! `cargo xtask tidy`: the rules of the house that a compiler does not know.
//!
//! Each rule is a pure function from what was found to findings, so that its tests can show it a broken
//! workspace. Only this file asks cargo and git.

mod budgets;
mod sources;
mod walls;

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::metadata::{self, Members};
use crate::run::{Result, capture, root};

/// One broken rule, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    place: String,
    rule: String,
}

impl Finding {
    fn new(place: impl Into<String>, rule: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            rule: rule.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.rule)
    }
}

/// Checks every rule and names each broken one.
///
/// # Errors
///
/// When a rule is broken, or cargo or git fails.
pub(crate) fn run() -> Result {
    let members = metadata::members()?;
    let mut findings = walls::declared(&members);
    findings.extend(manifests(&members)?);
    findings.extend(trees(&members)?);
    let files = project_files()?;
    for (path, text) in &files {
        findings.extend(sources::check(path, text));
    }
    for finding in &findings {
        println!("tidy: {finding}");
    }
    if findings.is_empty() {
        println!(
            "tidy: {} crates and {} files follow the rules",
            members.len(),
            files.len()
        );
        return Ok(());
    }
    Err(format!("{} rules broken", findings.len()).into())
}

/// What the crates really pull in, walls and budgets alike.
fn trees(members: &Members) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for wall in walls::WALLS
        .iter()
        .filter(|wall| members.contains_key(wall.package))
    {
        let tree = metadata::tree(wall.package, wall.edges(), Some("--all-features"))?;
        findings.extend(walls::pulled(wall, &tree, members));
    }
    for budget in budgets::BUDGETS {
        let tree = metadata::tree(budget.package, "normal", None)?;
        println!(
            "tidy: {} pulls {} crates of at most {}",
            budget.package,
            tree.len(),
            budget.crates
        );
        findings.extend(budgets::over(budget, &tree));
    }
    for member in members.values().filter(|member| member.published) {
        let tree = metadata::tree(&member.name, "normal,build", Some("--all-features"))?;
        findings.extend(budgets::banned(&member.name, &tree));
    }
    Ok(findings)
}

/// Lints are inherited; a crate that forgets the line has none, and nothing says so.
fn manifests(members: &Members) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for member in members.values() {
        let text = fs::read_to_string(&member.manifest)?;
        if !sources::inherits_lints(&text) {
            findings.push(Finding::new(
                format!("{}/Cargo.toml", member.name),
                "has no `[lints] workspace = true`",
            ));
        }
    }
    Ok(findings)
}

/// Every text file that is tracked, or would be with the next `git add`.
fn project_files() -> Result<Vec<(String, String)>> {
    let mut git = Command::new("git");
    git.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let listed = capture(git.current_dir(root()))?;
    let files = listed
        .split('\0')
        .filter(|path| !path.is_empty())
        .filter_map(|path| {
            // Not there: deleted and not yet committed. Not UTF-8: a picture, of no concern to these rules.
            let text = fs::read_to_string(Path::new(&root()).join(path)).ok()?;
            Some((path.to_owned(), text))
        });
    Ok(files.collect())
}
