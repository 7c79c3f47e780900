//! Rules about the text of files.

use super::Finding;

/// Longer files are two modules that have not been told apart yet. Tests do not count.
const MAX_LINES: usize = 500;

/// Starts of paths that exist on one machine only. Split, so that this file passes its own rule.
const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
];

/// Checks one file; `path` is relative to the root of the workspace.
pub(crate) fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = machine_paths(path, text);
    if path.ends_with(".rs") {
        if !text.lines().next().unwrap_or_default().starts_with("//!") {
            findings.push(Finding::new(path, "does not start with a `//!` line"));
        }
        let lines = lines_without_tests(path, text);
        if lines > MAX_LINES {
            findings.push(Finding::new(
                path,
                format!("has {lines} lines without tests, at most {MAX_LINES}"),
            ));
        }
    }
    findings
}

/// Whether a manifest has `[lints]` with `workspace = true`.
pub(crate) fn inherits_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim);
    lines.any(|line| line == "[lints]") && lines.next() == Some("workspace = true")
}

fn machine_paths(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for start in MACHINE_PATHS.iter().filter(|start| names_path(line, start)) {
            findings.push(Finding::new(
                format!("{path}:{number}"),
                format!("names a path of one machine: {start}…"),
            ));
        }
    }
    findings
}

/// Whether the line has an absolute path that starts so. The end of a longer path or of a URL is none.
fn names_path(line: &str, start: &str) -> bool {
    line.match_indices(start).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-}*~".contains(c))
    })
}

/// Counts lines up to where the tests begin: a `#[cfg(test)] mod … {` runs to the `}` in column 0.
fn lines_without_tests(path: &str, text: &str) -> usize {
    let is_test_file = path
        .split('/')
        .any(|part| matches!(part, "tests" | "benches" | "tests.rs"));
    // `tests/` at the root is a package; its library is code like any other.
    if is_test_file && !path.starts_with("tests/src/") {
        return 0;
    }
    let mut count = 0;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let opens_tests = line == "#[cfg(test)]"
            && lines
                .peek()
                .is_some_and(|next| next.starts_with("mod ") && next.ends_with('{'));
        if opens_tests {
            lines.by_ref().find(|line| *line == "}");
            continue;
        }
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<String> {
        check(path, text)
            .into_iter()
            .map(|f| f.to_string())
            .collect()
    }

    #[test]
    fn a_module_needs_its_line_of_documentation() {
        assert!(rules("a.rs", "//! What it is.\nfn f() {}\n").is_empty());
        assert!(rules("a.txt", "no rust").is_empty());
        for text in [
            "",
            "fn f() {}\n",
            "\n//! late\n",
            "/// of an item\nfn f() {}\n",
        ] {
            assert_eq!(
                rules("a.rs", text),
                ["a.rs: does not start with a `//!` line"],
                "{text:?}"
            );
        }
    }

    #[test]
    fn code_counts_and_tests_do_not() {
        let doc = "//! Doc.\n";
        let code = "fn f() {}\n";
        let long = format!("{doc}{}", code.repeat(MAX_LINES));
        assert_eq!(rules("a.rs", &long).len(), 1);
        assert_eq!(rules("crates/a/tests/b.rs", &long).len(), 0);
        assert_eq!(rules("tests/src/b.rs", &long).len(), 1);
        let tested = format!(
            "{doc}#[cfg(test)]\nmod tests {{\n{}}}\n{code}",
            code.repeat(MAX_LINES)
        );
        assert_eq!(lines_without_tests("a.rs", &tested), 2);
    }

    #[test]
    fn a_path_of_one_machine_is_found_with_its_line() {
        let start = MACHINE_PATHS[0];
        for bad in [
            format!("x = \"{start}main\""),
            format!("see {start}x"),
            format!("{start}x"),
        ] {
            let text = format!("first\n{bad}\n");
            let found = rules("a.md", &text);
            assert_eq!(found.len(), 1, "{text}");
            assert!(found[0].starts_with("a.md:2: "), "{found:?}");
        }
        for good in [
            format!("https://example.com{start}x"),
            format!("${{DIR}}{start}x"),
        ] {
            assert_eq!(rules("a.md", &good), Vec::<String>::new(), "{good}");
        }
    }

    #[test]
    fn lints_are_inherited_by_two_lines() {
        assert!(inherits_lints("[package]\n\n[lints]\nworkspace = true\n"));
        assert!(!inherits_lints("[package]\nname = \"a\"\n"));
        assert!(!inherits_lints("[lints]\nrust = {}\n"));
    }
}
