//! What is said about a configuration file that changes: one line for each fact, and none of it a secret.

use std::collections::HashMap;

use serde_json::Value;

use super::common::eventually;
use super::isolated::isolated;
use super::lines::Lines;

const IN_FORCE: &str = "the configuration file has changed and is in force";
const RESTART: &str = "the configuration file has changed, and some of it needs a restart";
const REFUSED: &str =
    "the configuration file has changed and can't be used, the old one stays in force";
const SAME: &str = "the configuration file was read again and says the same";

fn file(filter: &str, sampler: &str, more: &str) -> String {
    format!(
        "file_format: \"1.1\"
tracer_provider:
  processors: [{{batch: {{exporter: {{otlp_http: {{endpoint: \"http://127.0.0.1:9/v1/traces\"}}}}}}}}]
  sampler: {sampler}
distribution:
  trisignal:
    console: {{format: json, filter: \"{filter}\"}}
{more}"
    )
}

#[test]
fn each_change_of_the_file_is_told_in_lines() {
    isolated("reload::each_change_of_the_file_is_told_in_lines", || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("telemetry.yaml");
        let name = path.to_str().unwrap();
        let write = |text: String| {
            let next = folder.path().join("next");
            std::fs::write(&next, text).unwrap();
            std::fs::rename(&next, &path).unwrap();
        };
        write(file("info", "{always_off: }", ""));
        let lines = Lines::default();
        let telemetry = lines
            .attach(trisignal::builder("checkout"))
            .environment(HashMap::from([("HUSH".to_owned(), "hush".to_owned())]))
            .config_file(&path)
            .install()
            .unwrap();
        // The lines about the file since the last call, when there are as many.
        let told = |count: usize| {
            let about = |lines: Vec<Value>| -> Vec<Value> {
                let is_about = |line: &Value| line["file"] == name;
                lines.into_iter().filter(is_about).collect()
            };
            eventually("the lines", || about(lines.ours()).len() >= count);
            let found = about(lines.ours());
            lines.take();
            assert_eq!(found.len(), count, "{found:#?}");
            found
        };

        write(file("info,a=debug", "{parent_based: }", ""));
        let [line] = &told(1)[..] else { panic!() };
        assert_eq!(
            (&line["message"], &line["level"]),
            (&IN_FORCE.into(), &"INFO".into())
        );
        assert_eq!(line["changed"], "console.filter, traces.sampler");

        // All that is wrong in one line, with its places, and nothing of it in force.
        let before = telemetry.explain();
        write(file(
            "warn",
            "{always_onn: }",
            "    outbox_bytes: ${HUSH}\n    retry: {max: 0}\n",
        ));
        let [line] = &told(1)[..] else { panic!() };
        assert_eq!(
            (&line["message"], &line["level"]),
            (&REFUSED.into(), &"WARN".into())
        );
        let ours = "distribution.trisignal";
        let problems = [
            format!(
                "{name}:4:13: tracer_provider.sampler.always_onn: is not a known sampler; did you mean `always_on`?"
            ),
            format!(
                "{name}:8:19: {ours}.outbox_bytes: expected a whole number from 1, found a text from a variable"
            ),
            format!("{name}:9:18: {ours}.retry.max: expected a whole number from 1, found 0"),
        ];
        assert_eq!(line["reason"], problems.join("; "));
        assert_eq!(telemetry.explain(), before);
        let many: String = (0..20).map(|n| format!("    key_{n}: 1\n")).collect();
        write(file("warn", "{always_on: }", &many));
        let [line] = &told(1)[..] else { panic!() };
        let reason = line["reason"].as_str().unwrap();
        assert!(reason.ends_with("; and 12 more"), "{reason}");
        std::fs::remove_file(&path).unwrap();
        let [line] = &told(1)[..] else { panic!() };
        assert_eq!(
            line["reason"],
            format!("{name}: can't be read: there is no such file")
        );

        write(file("info", "{parent_based: }", "    max_age: 1000\n"));
        let [in_force, restart] = &told(2)[..] else {
            panic!()
        };
        assert_eq!(in_force["message"], IN_FORCE);
        assert_eq!(in_force["changed"], "console.filter");
        assert_eq!(
            (&restart["message"], &restart["settings"]),
            (&RESTART.into(), &"max_age".into())
        );

        write(file("info", "{parent_based: }", ""));
        let [line] = &told(1)[..] else { panic!() };
        assert_eq!(
            (&line["message"], &line["level"]),
            (&SAME.into(), &"INFO".into())
        );
    });
}
