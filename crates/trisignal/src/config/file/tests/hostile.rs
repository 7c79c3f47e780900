//! Files that nobody means: refused quickly, with a clear word, without a panic and without a secret.

use std::time::Duration;

use super::super::read;
use super::{errors, load};
use crate::cpu_time::CpuTime;

#[test]
fn yaml_that_is_none_or_too_much() {
    let deep = format!(
        "file_format: \"1.1\"\na: {}{}\n",
        "[".repeat(200),
        "]".repeat(200)
    );
    let open = format!("a: {}", "{".repeat(100_000));
    let indented: String = (0..200)
        .map(|depth| format!("{}a:\n", " ".repeat(depth)))
        .collect();
    let laughs = format!(
        "file_format: \"1.1\"\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n{}",
        (1..12)
            .map(|n| format!(
                "a{n}: &a{n} [{}]\n",
                vec![format!("*a{}", n - 1); 10].join(",")
            ))
            .collect::<String>()
    );
    let copies = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(500_000),
        vec!["*a"; 1000].join(",")
    );
    let cases = [
        (deep.as_str(), "nested more than 64 levels deep"),
        (&open, "nested more than 64 levels deep"),
        (&indented, "nested more than 64 levels deep"),
        (&laughs, "the document is too large"),
        (&copies, "the document is too large"),
        ("a: &a [*a]\n", "an alias"),
        (
            "a: *hush\n",
            "an alias whose anchor is not defined; a text that begins with `*` needs quotes",
        ),
        (
            "a: @hush\n",
            "a character that no value begins with; quotes make it a text",
        ),
        ("a: \"hush\n", "not YAML: "),
        ("a: [hush\n", "not YAML: "),
        ("a: b: hush\n", "not YAML: "),
        ("a: 1\n b: 2\n", "not YAML: "),
        ("a:\n\tb: 1\n", "not YAML: "),
        (
            "--- {file_format: \"1.1\"}\n--- {}\n",
            "a second document, where one is expected",
        ),
        ("%YAML 3.0\n---\na: 1\n", "not YAML: "),
        ("a: !hush b\n", "a tag that is not of YAML's core schema"),
        (
            "a: !!binary aHVzaA==\n",
            "a tag that is not of YAML's core schema",
        ),
        (
            "a: !!int hush\n",
            "a tag that is not of YAML's core schema, or that its value does not fit",
        ),
        ("!!set {a, b}\n", "a tag that is not of YAML's core schema"),
        ("1: a\n", "a key that is not a text; quotes make it one"),
        ("null: a\n", "a key that is not a text; quotes make it one"),
        ("? [a]\n: b\n", "a key that is not a text"),
        (
            "a: &a {b: 1}\nc:\n  <<: *a\n",
            "the merge key `<<`, which YAML 1.2 does not have",
        ),
    ];
    for (text, expected) in cases {
        let begin = CpuTime::now();
        let found = errors(text);
        let start = &text[..text.len().min(60)];
        assert_eq!(found.len(), 1, "{found:#?} of {start}");
        assert!(found[0].contains(expected), "{} of {start}", found[0]);
        assert!(!found[0].contains("hush"), "{}", found[0]);
        assert!(begin.elapsed() < Duration::from_secs(10), "{start}");
    }
}

#[test]
fn many_variables_do_not_add_up() {
    let big = "x".repeat(200_000);
    let text = format!(
        "file_format: \"1.1\"\na: [{}]\n",
        vec!["\"${BIG}\""; 10_000].join(",")
    );
    let found = load(&text, &[("BIG", &big)]).unwrap_err();
    assert!(
        found[0].contains("the document is too large"),
        "{}",
        found[0]
    );
    let text = format!("file_format: \"1.1\"\na: {}\n", "${BIG}".repeat(100));
    let found = load(&text, &[("BIG", &big)]).unwrap_err();
    assert!(
        found[0].contains("too long with its variables"),
        "{}",
        found[0]
    );
}

#[test]
fn bytes_that_are_no_text() {
    assert_eq!(
        read::text(b"\xef\xbb\xbfa: 1".to_vec()),
        Ok("a: 1".to_owned())
    );
    assert_eq!(
        read::text(b"a: 1\nb: \xff\n".to_vec()),
        Err((2, "is not UTF-8".to_owned()))
    );
    assert_eq!(
        read::text("a".encode_utf16().flat_map(u16::to_be_bytes).collect()),
        Ok("\0a".to_owned())
    );
    assert_eq!(
        read::text(vec![b'#'; 10 << 20]),
        Err((0, "is larger than 1 MiB".to_owned()))
    );
    assert!(load("file_format: \"1.1\"\0\n", &[]).is_err());
}

#[test]
fn files_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let link = folder.path().join("loop.yaml");
    #[cfg(unix)]
    std::os::unix::fs::symlink(&link, &link).unwrap();
    let cases = [
        (folder.path().to_owned(), "is a directory"),
        (
            folder.path().join("none.yaml"),
            "can't be read: there is no such file",
        ),
        (link, "can't be read"),
        (
            file("huge.yaml", &vec![b'\n'; 10 << 20]),
            "is larger than 1 MiB",
        ),
        (file("latin.yaml", b"# \xe9\n"), "is not UTF-8"),
        ("/dev/zero".into(), "is not a regular file"),
    ];
    for (path, expected) in cases {
        let begin = CpuTime::now();
        let (_, text) = read::read(&path).unwrap_err();
        assert!(text.contains(expected), "{text} of {}", path.display());
        assert!(
            begin.elapsed() < Duration::from_secs(2),
            "{}",
            path.display()
        );
    }
}

/// Line ends of Windows and what its editors put first change nothing, and a tab between values is a blank.
#[test]
fn other_ways_to_write_the_same() {
    let sink = super::sink::SINK;
    let explained = |text: &str| {
        let read = read::text(text.as_bytes().to_vec()).unwrap();
        let config = load(&read, &[("API_KEY", "a")]).unwrap();
        let lines = config.effective.iter().map(ToString::to_string);
        lines.collect::<Vec<_>>()
    };
    let expected = explained(sink);
    assert_eq!(explained(&format!("\u{feff}{sink}")), expected);
    assert_eq!(explained(&sink.replace('\n', "\r\n")), expected);
    assert_eq!(explained(&sink.replace(": ", ":\t")), expected);
    // Places are those of the editor.
    let text = "file_format: \"1.1\"\r\nresource:\r\n  schema_url: 1\r\n";
    assert!(errors(text)[0].starts_with("telemetry.yaml:3:15: "));
}

#[cfg(unix)]
#[test]
fn a_pipe_does_not_hang_and_what_is_not_ours_is_said() {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.yaml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let problem = (0, "is not a regular file".to_owned());
    assert_eq!(read::read(&pipe), Err(problem));

    let hidden = folder.path().join("hidden.yaml");
    std::fs::write(&hidden, "file_format: \"1.1\"").unwrap();
    std::fs::set_permissions(&hidden, Permissions::from_mode(0o000)).unwrap();
    // Root may read everything.
    if std::fs::read(&hidden).is_err() {
        let problem = (0, "can't be read: permission denied".to_owned());
        assert_eq!(read::read(&hidden), Err(problem));
    }
}

#[test]
fn what_comes_from_variables_is_never_repeated() {
    const CANARY: &str = "hush-\u{1b}[31m";
    let values = [
        "disabled",
        "log_level",
        "file_format",
        "resource: {schema_url",
        "resource: {attributes_list",
        "propagator: {composite_list",
        "attribute_limits: {attribute_count_limit",
        "distribution: {trisignal: {outbox_bytes",
        "distribution: {trisignal: {console: {filter",
        "distribution: {trisignal: {console: {format",
        "meter_provider: {exemplar_filter",
    ];
    for place in values {
        let close = "}".repeat(place.matches('{').count());
        let mut text = format!("{place}: \"[${{CANARY}}\"{close}\n");
        if place != "file_format" {
            text.push_str("file_format: \"1.1\"\n");
        }
        let shown = match load(&text, &[("CANARY", CANARY)]) {
            Ok(config) => format!("{:?}", config.warnings),
            Err(errors) => errors.join("\n"),
        };
        assert!(!shown.contains("hush"), "{shown}");
    }
}
