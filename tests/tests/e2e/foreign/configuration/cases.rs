//! The files that both SDKs run, and where they differ.

/// A file, without its first line.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    /// Facts that differ, each with the rule that decides.
    pub(super) differs: &'static [(&'static str, &'static str)],
}

impl Case {
    pub(super) fn document(&self) -> String {
        format!("file_format: \"1.1\"\n{}", self.text)
    }
}

const NEWEST: &str =
    "Limits: what is added beyond the limit is dropped; Python drops what was there first.";

const PATTERNS: &str = "Schema: `*` and `?` are wildcards, and what is excluded is left out; Python takes a list of keys as it is, and no other.";

/// Everything to the receiver, over HTTP.
macro_rules! all {
    ($traces:literal, $metrics:literal, $logs:literal, $rest:literal) => {
        concat!(
            "tracer_provider:\n  processors: [{batch: {schedule_delay: 50, exporter: {otlp_http: {endpoint: \"${HTTP}/v1/traces\"}}}}]\n", $traces,
            "meter_provider:\n  readers: [{periodic: {exporter: {otlp_http: {endpoint: \"${HTTP}/v1/metrics\"}}}}]\n", $metrics,
            "logger_provider:\n  processors: [{batch: {schedule_delay: 50, exporter: {otlp_http: {endpoint: \"${HTTP}/v1/logs\"}}}}]\n", $logs,
            $rest
        )
    };
}

pub(super) const CASES: &[Case] = &[
    Case {
        name: "three signals",
        text: all!(
            "",
            "",
            "",
            "resource: {attributes: [{name: service.name, value: \"${NAME}\"}]}\n"
        ),
        differs: &[],
    },
    Case {
        name: "resource",
        text: all!(
            "",
            "",
            "",
            r#"resource:
  attributes:
    - {name: service.name, value: shop}
    - {name: text, value: "1", type: string}
    - {name: bool, value: true, type: bool}
    - {name: int, value: "${NUMBER:-1}", type: string}
    - name: number
      value: ${NUMBER}
      type: int
    - {name: double, value: 1.5, type: double}
    - {name: texts, value: [a, b], type: string_array}
    - {name: bools, value: [true, false], type: bool_array}
    - {name: ints, value: [1, 2], type: int_array}
    - {name: doubles, value: [1.5, 2.5], type: double_array}
    - {name: both, value: of attributes}
    - name: unset
      value: ${NOT_SET}
    - name: empty
      value: ${EMPTY:-default}
    - {name: escaped, value: "$${NAME}"}
    - {name: not recursive, value: "${REFERENCE}"}
  attributes_list: both=of%20the%20list,listed=a%20b
  schema_url: https://example.com/schema
  detection/development: {detectors: [{service: {}}]}
"#
        ),
        differs: &[(
            "resource.empty",
            "Data model: the default counts for an empty variable as for an unset one.",
        )],
    },
    Case {
        name: "the detector of services reads the name that the schema says",
        text: all!(
            "",
            "",
            "",
            "resource: {detection/development: {detectors: [{service: {}}]}}\n"
        ),
        differs: &[],
    },
    Case {
        name: "limits of spans",
        text: all!(
            "  limits: {attribute_value_length_limit: 4, event_count_limit: 2, link_count_limit: 1, event_attribute_count_limit: 2, link_attribute_count_limit: 1}\n",
            "",
            "",
            "resource: {attributes: [{name: service.name, value: a}]}\n"
        ),
        differs: &[
            ("event.text", NEWEST),
            ("root.events", NEWEST),
            (
                "link.attributes",
                "Limits: what is dropped is counted; Python counts it on links as 0.",
            ),
        ],
    },
    Case {
        name: "limits of attributes",
        text: all!(
            "  limits: {attribute_count_limit: 3}\n",
            "",
            "  limits: {attribute_count_limit: 2}\n",
            "attribute_limits: {attribute_value_length_limit: 5, attribute_count_limit: 5}\nresource: {attributes: [{name: service.name, value: a}]}\n"
        ),
        differs: &[("log.attributes", NEWEST), ("root.attributes", NEWEST)],
    },
    Case {
        name: "nothing is sampled",
        text: all!(
            "  sampler: {always_off: }\n",
            "",
            "",
            "resource: {attributes: [{name: service.name, value: a}]}\n"
        ),
        differs: &[],
    },
    Case {
        name: "no share of the traces, not even of sampled parents",
        text: all!(
            "  sampler: {trace_id_ratio_based: {ratio: 0}}\n",
            "",
            "",
            "resource: {attributes: [{name: service.name, value: a}]}\n"
        ),
        differs: &[],
    },
    Case {
        name: "as the parent says, and no roots",
        text: all!(
            "  sampler: {parent_based: {root: {always_off: }}}\n",
            "",
            "",
            "resource: {attributes: [{name: service.name, value: a}]}\n"
        ),
        differs: &[],
    },
    Case {
        name: "the opposite of what the parent says",
        text: all!(
            "  sampler: {parent_based: {root: {always_on: }, remote_parent_sampled: {always_off: }, remote_parent_not_sampled: {always_on: }, local_parent_sampled: {always_off: }}}\n",
            "",
            "",
            "resource: {attributes: [{name: service.name, value: a}]}\n"
        ),
        differs: &[],
    },
    Case {
        name: "rules",
        text: all!(
            "  sampler: {composite/development: {rule_based: {rules: [{attribute_values: {key: http.route, values: [/health]}, sampler: {always_off: }}, {span_kinds: [server], sampler: {always_on: }}, {parent: [none], sampler: {probability: {ratio: 1}}}]}}}\n",
            "",
            "",
            "resource: {attributes: [{name: service.name, value: a}]}\n"
        ),
        differs: &[
            (
                "root.attributes",
                "A sampler adds attributes; with Python's composite one, those of the span are gone.",
            ),
            ("root.attributes.count", "The same."),
        ],
    },
    Case {
        name: "exporters with everything",
        text: r#"
tracer_provider:
  processors:
    - batch:
        exporter:
          otlp_http:
            endpoint: ${HTTP}/v1/traces?a=b
            headers: [{name: x-one, value: "${NUMBER}"}, {name: x-both, value: a}, {name: x-none, value: }]
            headers_list: x-both=b,x-two=two
            compression: gzip
            timeout: 5000
    - simple: {exporter: {otlp_grpc: {endpoint: "${GRPC}", headers: [{name: x-one, value: one}], tls: {insecure: true}}}}
logger_provider:
  processors: [{simple: {exporter: {otlp_http: {endpoint: "${HTTP}/v1/logs", compression: none}}}}]
resource: {attributes: [{name: service.name, value: a}]}
"#,
        differs: &[(
            "request.traces.HttpProtobuf.headers",
            "Schema: a header without a value is ignored; Python sends it empty.",
        )],
    },
    Case {
        name: "differences, and exponential buckets",
        text: r#"
meter_provider:
  readers:
    - periodic:
        interval: 60000
        exporter:
          otlp_http:
            endpoint: ${HTTP}/v1/metrics
            temporality_preference: delta
            default_histogram_aggregation: base2_exponential_bucket_histogram
resource: {attributes: [{name: service.name, value: a}]}
"#,
        differs: &[],
    },
    Case {
        name: "low memory",
        text: r#"
meter_provider:
  readers: [{periodic: {exporter: {otlp_http: {endpoint: "${HTTP}/v1/metrics", temporality_preference: low_memory}}}}]
resource: {attributes: [{name: service.name, value: a}]}
"#,
        differs: &[],
    },
    Case {
        name: "views",
        text: r#"
meter_provider:
  readers: [{periodic: {exporter: {otlp_http: {endpoint: "${HTTP}/v1/metrics"}}}}]
  views:
    - selector: {instrument_name: placed, instrument_type: counter, unit: "{order}", meter_name: work}
      stream: {name: taken, description: Orders taken., attribute_keys: {included: [item]}}
    - selector: {instrument_type: histogram}
      stream: {aggregation: {explicit_bucket_histogram: {boundaries: [2, 4], record_min_max: false}}}
    - selector: {instrument_name: op*}
      stream: {aggregation: {drop: }}
resource: {attributes: [{name: service.name, value: a}]}
"#,
        differs: &[(
            "metric.size.values",
            "Protocol: minimum and maximum are absent where they are not kept; Python sends infinities.",
        )],
    },
    Case {
        name: "views choose attributes by patterns",
        text: r#"
meter_provider:
  readers: [{periodic: {exporter: {otlp_http: {endpoint: "${HTTP}/v1/metrics"}}}}]
  views:
    - selector: {instrument_name: placed}
      stream: {attribute_keys: {included: ["*"], excluded: [more]}}
    - selector: {instrument_name: open}
      stream: {attribute_keys: {excluded: ["i*"]}}
resource: {attributes: [{name: service.name, value: a}]}
"#,
        differs: &[
            ("metric.open.attributes", PATTERNS),
            ("metric.placed.attributes", PATTERNS),
        ],
    },
    Case {
        name: "two views of one instrument",
        text: r#"
meter_provider:
  readers: [{periodic: {exporter: {otlp_http: {endpoint: "${HTTP}/v1/metrics"}}}}]
  views:
    - selector: {instrument_name: placed}
      stream: {name: by.item, attribute_keys: {included: [item]}}
    - selector: {instrument_name: placed}
      stream: {name: by.more, attribute_keys: {included: [more]}}
    - selector: {meter_name: other}
      stream: {aggregation: {drop: }}
resource: {attributes: [{name: service.name, value: a}]}
"#,
        differs: &[],
    },
    Case {
        name: "substitution at its edges",
        text: all!(
            "",
            "",
            "",
            r#"resource:
  attributes:
    - {name: service.name, value: shop}
    - {name: twice, value: "${NAME}-${NUMBER}"}
    - {name: default in default, value: "${NOT_SET:-a:-b}"}
    - {name: nested, value: "${NOT_SET:-${NAME}}"}
    - {name: dollars, value: "$$$$$${NAME}"}
    - {name: odd dollars, value: "$$$${NAME}"}
    - {name: alone, value: "a $ b"}
    - {name: open, value: "a ${NAME"}
    - {name: empty default, value: "${NOT_SET:-}x"}
    - {name: quoted unset, value: "x${NOT_SET}"}
    - {name: single, value: '${NAME}'}
    - {name: blanks, value: "${NOT_SET:- a }"}
    - name: folded
      value: >-
        a ${NAME}
        b
    - name: plain number
      value: ${NOT_SET:-7}
      type: int
    - name: plain boolean
      value: ${NOT_SET:-true}
      type: bool
"#
        ),
        differs: &[],
    },
    Case {
        name: "limits of nothing",
        text: all!(
            "  limits: {attribute_value_length_limit: 0, event_count_limit: 0, link_count_limit: 0}\n",
            "",
            "  limits: {attribute_value_length_limit: 0}\n",
            "resource: {attributes: [{name: service.name, value: a}]}\n"
        ),
        differs: &[],
    },
    Case {
        name: "three exporters of one signal",
        text: r#"
tracer_provider:
  processors:
    - simple: {exporter: {otlp_http: {endpoint: "${HTTP}/v1/traces", headers: [{name: x-one, value: "1"}]}}}
    - simple: {exporter: {otlp_http: {endpoint: "${HTTP}/v1/traces?second", headers: [{name: x-two, value: "2"}]}}}
    - batch: {schedule_delay: 50, exporter: {otlp_grpc: {endpoint: "${GRPC}"}}}
  sampler: {parent_based: {root: {trace_id_ratio_based: {ratio: 1}}}}
resource: {attributes: [{name: service.name, value: a}]}
"#,
        differs: &[],
    },
    Case {
        name: "disabled",
        text: all!("", "", "", "disabled: true\n"),
        differs: &[],
    },
    Case {
        name: "nothing at all",
        text: "resource: {attributes: [{name: service.name, value: a}]}\n",
        differs: &[],
    },
    Case {
        name: "aliases",
        text: r#"
x-name: &name {name: service.name, value: shop}
resource: {attributes: [*name]}
logger_provider: {processors: [{simple: {exporter: {otlp_http: {endpoint: "${HTTP}/v1/logs"}}}}]}
"#,
        differs: &[],
    },
];
