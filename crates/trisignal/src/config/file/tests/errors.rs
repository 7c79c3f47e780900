//! What is wrong is told with its place, all of it at once.

use super::{errors, load, warnings};

#[test]
fn each_mistake_is_named_with_its_place_and_what_was_expected() {
    let cases: &[(&str, &[&str])] = &[
        (
            "",
            &["telemetry.yaml: is empty: expected at least the key `file_format`"],
        ),
        (
            "# only this\n",
            &["telemetry.yaml: is empty: expected at least the key `file_format`"],
        ),
        (
            "~",
            &["telemetry.yaml: is empty: expected at least the key `file_format`"],
        ),
        (
            "- a\n",
            &["telemetry.yaml:1:1: expected a mapping, found a list"],
        ),
        (
            "disabled: true\n",
            &["telemetry.yaml:1:1: the key `file_format` is missing, which is a text"],
        ),
        (
            "file_format: 1.1\n",
            &["telemetry.yaml:1:14: file_format: expected a text (in quotes), found 1.1"],
        ),
        (
            "file_format: \"0.4\"\nnonsense: {}\n",
            &[
                "telemetry.yaml:1:14: file_format: version 0.4 of the schema is not supported: expected 1.1 or another 1.x",
            ],
        ),
        (
            "file_format: \"one\"\n",
            &[
                "telemetry.yaml:1:14: file_format: expected a version such as \"1.1\", found another text",
            ],
        ),
        (
            "file_format: \"1.1\"\ntracer_provider:\n",
            &["telemetry.yaml:2:1: tracer_provider: expected a mapping, found nothing"],
        ),
        (
            "file_format: \"1.1\"\ntracer_provider: {}\n",
            &[
                "telemetry.yaml:2:18: tracer_provider: the key `processors` is missing, which is a list",
            ],
        ),
        (
            "file_format: \"1.1\"\ntracer_provider:\n  processors: []\n",
            &["telemetry.yaml:3:15: tracer_provider.processors: the list is empty"],
        ),
        (
            "file_format: \"1.1\"\ntracer_providr:\n  processors: []\n",
            &[
                "telemetry.yaml:2:1: tracer_providr: is not a known key; did you mean `tracer_provider`?",
            ],
        ),
        (
            "file_format: \"1.1\"\nattribute_limits:\n  attributeCountLimit: 3\n",
            &[
                "telemetry.yaml:3:3: attribute_limits.attributeCountLimit: is not a known key; did you mean `attribute_count_limit`?",
            ],
        ),
        (
            "file_format: \"1.1\"\nattribute_limits:\n  size: 3\n",
            &[
                "telemetry.yaml:3:3: attribute_limits.size: is not a known key; known are attribute_value_length_limit, attribute_count_limit",
            ],
        ),
        (
            "file_format: \"1.1\"\nattribute_limits:\n  attribute_count_limit: -1\n  attribute_value_length_limit: many\n",
            &[
                "telemetry.yaml:3:26: attribute_limits.attribute_count_limit: expected a whole number from 0, found -1",
                "telemetry.yaml:4:33: attribute_limits.attribute_value_length_limit: expected a whole number from 0, found a text",
            ],
        ),
        (
            "file_format: \"1.1\"\ndisabled: \"true\"\nlog_level: loud\n",
            &[
                "telemetry.yaml:2:11: disabled: expected true or false, found a text",
                "telemetry.yaml:3:12: log_level: expected one of trace, trace2, trace3, trace4, debug, debug2, debug3, debug4, info, info2, info3, info4, warn, warn2, warn3, warn4, error, error2, error3, error4, fatal, fatal2, fatal3, fatal4, found a text",
            ],
        ),
        (
            "file_format: \"1.1\"\ndisabled: yes\n",
            &["telemetry.yaml:2:11: disabled: expected true or false, found a text"],
        ),
        (
            "file_format: \"1.1\"\ndisabled: false\ndisabled: true\n",
            &["telemetry.yaml:3:1: disabled: the key is there twice"],
        ),
        (
            "file_format: \"1.1\"\npropagator:\n  composite: [tracecontext]\n",
            &["telemetry.yaml:3:15: propagator.composite[0]: expected a mapping, found a text"],
        ),
        (
            "file_format: \"1.1\"\npropagator:\n  composite:\n    - trace_context:\n    - jaeger:\n    - b3:\n      b3multi:\n",
            &[
                "telemetry.yaml:4:7: propagator.composite[0].trace_context: is not a known propagator; did you mean `tracecontext`?",
                "telemetry.yaml:5:7: propagator.composite[1].jaeger: is not a known propagator; known are tracecontext, baggage, b3, b3multi, xray",
                "telemetry.yaml:6:7: propagator.composite[2]: expected exactly one propagator, found 2",
            ],
        ),
        (
            "file_format: \"1.1\"\npropagator:\n  composite_list: tracecontext,ottrace\n",
            &[
                "telemetry.yaml:3:19: propagator.composite_list: asks for the propagator \"ottrace\", which is deprecated in favour of tracecontext",
            ],
        ),
        (
            "file_format: \"1.1\"\nresource:\n  attributes:\n    - name: a\n      value: [1, x]\n    - name: b\n      value: x\n      type: int\n    - value: c\n",
            &[
                "telemetry.yaml:5:14: resource.attributes[0].value: expected a value or a list of values of one type, found a list",
                "telemetry.yaml:7:14: resource.attributes[1].value: expected a value of the type int, found a text",
                "telemetry.yaml:9:7: resource.attributes[2]: the key `name` is missing, which is a text",
            ],
        ),
        (
            "file_format: \"1.1\"\nresource:\n  attributes_list: a=1,b\n",
            &[
                "telemetry.yaml:3:20: resource.attributes_list: has a member that can't be read, number 2",
            ],
        ),
        (
            "file_format: \"1.1\"\ndistribution:\n  trisignal:\n    console:\n      filter: \"[\"\n      formatt: json\n",
            &[
                "telemetry.yaml:5:15: distribution.trisignal.console.filter: holds the directive \"[\", which can't be read",
                "telemetry.yaml:6:7: distribution.trisignal.console.formatt: is not a known key; did you mean `format`?",
            ],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(errors(text), *expected, "{text}");
    }
}

/// A file with one OTLP exporter over HTTP, whose keys are `keys`.
fn exporter(kind: &str, keys: &[&str]) -> String {
    let mut text = format!(
        "file_format: \"1.1\"\ntracer_provider:\n  processors:\n    - batch:\n        exporter:\n          {kind}:\n"
    );
    for key in keys {
        text.push_str("            ");
        text.push_str(key);
        text.push('\n');
    }
    text
}

#[test]
fn an_exporter_that_cannot_work_is_an_error() {
    const PLACE: &str = "tracer_provider.processors[0].batch.exporter.otlp_http";
    let cases = [
        (
            "endpoint: localhost:4318",
            "7:23",
            ".endpoint: has no scheme such as http://",
        ),
        (
            "endpoint: ftp://localhost",
            "7:23",
            ".endpoint: has a scheme other than http and https",
        ),
        (
            "endpoint: http://me:hush@localhost:4318",
            "7:23",
            ".endpoint: has user information, which belongs in a header",
        ),
        (
            "endpoint: http://localhost:99999",
            "7:23",
            ".endpoint: has a port that is not a number from 1 to 65535",
        ),
        (
            "compression: brotli",
            "7:26",
            ".compression: is none of auto, none, gzip, zstd",
        ),
        (
            "encoding: xml",
            "7:23",
            ".encoding: expected one of protobuf, json, found a text",
        ),
        (
            "timeout: -5",
            "7:22",
            ".timeout: expected a whole number from 0, found -5",
        ),
        (
            "tls: {ca_file: ca.pem}",
            "7:28",
            ".tls.ca_file: expected an absolute path, found a relative one",
        ),
        (
            "tls: {key_file: /k.pem}",
            "7:18",
            ".tls: expected `cert_file` and `key_file` together, found one of them",
        ),
        (
            "tls: {insecure: true}",
            "7:19",
            ".tls.insecure: is not a known key; known are ca_file, key_file, cert_file",
        ),
        (
            "headers: [{name: \"a b\", value: hush}]",
            "7:23",
            ".headers[0]: has a name that is no header name",
        ),
        (
            "headers: [{name: host, value: hush}]",
            "7:23",
            ".headers[0]: has a name that belongs to the transport",
        ),
        (
            "headers: {authorization: hush}",
            "7:22",
            ".headers: expected a list, found a mapping",
        ),
        (
            "headers_list: \"a=b,hush\"",
            "7:27",
            ".headers_list: has a member without `=`, number 2",
        ),
        (
            "max_request_size: 5",
            "7:13",
            ".max_request_size: is not a known key; known are endpoint, tls, headers, headers_list, compression, timeout, encoding",
        ),
    ];
    for (key, at, text) in cases {
        let expected = format!("telemetry.yaml:{at}: {PLACE}{text}");
        assert_eq!(errors(&exporter("otlp_http", &[key])), [expected], "{key}");
    }
    for (kind, text) in [
        (
            "otlp_htp",
            "is not a known span exporter; did you mean `otlp_http`?",
        ),
        (
            "zipkin",
            "is not a known span exporter; known are otlp_http, otlp_grpc, otlp_file/development, console",
        ),
    ] {
        let place = format!("tracer_provider.processors[0].batch.exporter.{kind}");
        let expected = format!("telemetry.yaml:6:11: {place}: {text}");
        assert_eq!(errors(&exporter(kind, &[])), [expected]);
    }
}

#[test]
fn all_kinds_of_errors_come_together_and_in_order() {
    let text = exporter(
        "otlp_http",
        &[
            "endpoint: ${1}",
            "timeout: soon",
            "compression: ${env:1}",
            "encoding: xml",
        ],
    );
    let places: Vec<String> = errors(&text)
        .iter()
        .map(|error| error.split(' ').next().unwrap().to_owned())
        .collect();
    let expected = ["7:23:", "8:22:", "9:26:", "10:23:"].map(|at| format!("telemetry.yaml:{at}"));
    assert_eq!(places, expected);
}

#[test]
fn the_future_is_a_warning() {
    let newer = "file_format: \"1.2\"\nattribute_limits:\n  attribute_value_depth_limit: 3\n  attribute_count_limit: 7\n";
    let config = load(newer, &[]).unwrap();
    assert_eq!(config.limits.spans.attribute_count, 7);
    assert_eq!(
        warnings(&config),
        [
            "telemetry.yaml:1:14: file_format version 1.2 of the schema is newer than 1.1, which is known; what is new in it is left out",
            "telemetry.yaml:3:3: attribute_limits.attribute_value_depth_limit is not a known key; known are attribute_value_length_limit, attribute_count_limit; it is left out",
        ]
    );
    // Nothing new at the top is a mistake in any version: it is there to be extended.
    assert_eq!(
        warnings(&load("file_format: \"1.1\"\nx-mine: 1\n", &[]).unwrap()),
        [""; 0]
    );
}

#[test]
fn what_is_experimental_and_not_known_is_a_warning() {
    let text = "file_format: \"1.1\"\nlogger_provider:\n  processors:\n    - filter/development:\n    - event_to_span_event_bridge/development:\n    - batch: {exporter: {console: }}\n";
    let config = load(text, &[]).unwrap();
    assert_eq!(config.logs.exporters.len(), 1);
    let told = warnings(&config);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].contains(
        "4:7: logger_provider.processors[0].filter/development is not a known log record processor"
    ));
    assert!(told[1].contains(
        "5:7: logger_provider.processors[1].event_to_span_event_bridge/development is not used"
    ));
}
