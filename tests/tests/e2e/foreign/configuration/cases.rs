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

/// Who takes a file.
#[derive(Clone, Copy)]
pub(super) enum Takes {
    Both,
    Neither,
    Python,
    We,
}

impl Takes {
    /// Python, and we.
    pub(super) fn pair(self) -> (bool, bool) {
        match self {
            Self::Both => (true, true),
            Self::Neither => (false, false),
            Self::Python => (true, false),
            Self::We => (false, true),
        }
    }
}

/// A whole file, which some refuse.
pub(super) struct Refusal {
    pub(super) text: &'static str,
    pub(super) takes: Takes,
    /// Where only one takes it: the rule that decides.
    #[allow(dead_code, reason = "for who reads the list")]
    pub(super) rule: &'static str,
}

/// Both, or neither.
macro_rules! agreed {
    ($takes:ident: $($text:literal),* $(,)?) => { [$(Refusal { text: $text, takes: Takes::$takes, rule: "" }),*] };
}

macro_rules! only {
    ($takes:ident: $text:literal, $rule:literal) => {
        Refusal {
            text: $text,
            takes: Takes::$takes,
            rule: $rule,
        }
    };
}

pub(super) static REFUSALS: std::sync::LazyLock<Vec<Refusal>> = std::sync::LazyLock::new(|| {
    let mut all = Vec::new();
    all.extend(agreed![Both:
        "file_format: \"1.1\"\n",
        "file_format: \"1.0\"\n",
        "file_format: \"1.0-rc.2\"\n",
        "file_format: \"1.2\"\n",
        "file_format: '1.1'\nx-mine: {a: 1}\n",
        "file_format: \"1.1\"\ndisabled: ${NOT_SET}\n",
        "file_format: \"1.1\"\ndisabled: ${EMPTY}\n",
        "file_format: \"${NOT_SET:-1.1}\"\n",
        "file_format: \"1.1\"\nx: \"$${1}\"\n",
        "file_format: \"1.1\"\nx: \"${\"\n",
        "file_format: \"1.1\"\ndisabled: ${NOT_SET:-true}\n",
        "file_format: \"1.1\"\nattribute_limits: {attribute_count_limit: 0x10}\n",
        "file_format: \"1.1\"\nattribute_limits: {attribute_count_limit: 5.0}\n",
        "file_format: \"1.1\"\nattribute_limits: {attribute_count_limit: }\n",
        "file_format: \"1.1\"\nattribute_limits: {}\n",
        "file_format: \"1.1\"\ndistribution: {other: {a: 1}}\n",
        "file_format: \"1.1\"\npropagator: {composite: [{tracecontext: }, {baggage: {}}], composite_list: \"tracecontext,none\"}\n",
        "file_format: \"1.1\"\npropagator: {}\n",
        "file_format: \"1.1\"\n# ${1}\n",
        "file_format: \"1.1\"\ntracer_provider: {processors: [{simple: {exporter: {console: }}}], sampler: {parent_based: }, id_generator: {random: }}\n",
        "file_format: \"1.1\"\nmeter_provider: {readers: [{periodic: {exporter: {console: {}}, interval: 1.0}}], exemplar_filter: always_off}\n",
    ]);
    all.extend(agreed![Neither:
        "",
        "# nothing\n",
        "- a\n",
        "a: [\n",
        "file_format: \"1.1\"\n1: a\n",
        "disabled: true\n",
        "file_format: 1.1\n",
        "file_format: \"2.0\"\n",
        "file_format: \"0.4\"\n",
        "file_format: \"one\"\n",
        "file_format: \"1.1\"\n---\nfile_format: \"1.1\"\n",
        "file_format: \"1.1\"\ndisabled: \"true\"\n",
        "file_format: \"1.1\"\ndisabled: ${NAME}\n",
        "file_format: \"1.1\"\nattribute_limits: {attribute_count_limit: ${NUMBER}}\n",
        "file_format: \"1.1\"\nattribute_limits: {attribute_count_limit: \"${NUMBER}\"}\n",
        "file_format: ${NOT_SET}\n",
        "file_format: \"1.1\"\ndisabled: \"${NOT_SET:-true}\"\n",
        "file_format: \"1.1\"\ndisabled: 1\n",
        "file_format: \"1.1\"\nlog_level: LOUD\n",
        "file_format: \"1.1\"\nattribute_limits:\n",
        "file_format: \"1.1\"\nattribute_limits: {attribute_count_limit: -1}\n",
        "file_format: \"1.1\"\nattribute_limits: {attribute_count_limit: 1.5}\n",
        "file_format: \"1.1\"\nattribute_limits: {attribute_count_limit: \"1\"}\n",
        "file_format: \"1.1\"\nattribute_limits: {attribute_cuont_limit: 1}\n",
        "file_format: \"1.1\"\ndistribution: {}\n",
        "file_format: \"1.1\"\ndistribution: {other: 1}\n",
        "file_format: \"1.1\"\npropagator: {composite: []}\n",
        "file_format: \"1.1\"\npropagator: {composite: [{tracecontext: , baggage: }]}\n",
        "file_format: \"1.1\"\npropagator: {composite: [{unheard_of: }]}\n",
        "file_format: \"1.1\"\npropagator: {composite_list: \"unheard_of\"}\n",
        "file_format: \"1.1\"\nresource: {attributes: [{name: a}]}\n",
        "file_format: \"1.1\"\nresource: {attributes: [{value: a}]}\n",
        "file_format: \"1.1\"\nresource: {attributes: [{name: a, value: {b: c}}]}\n",
        "file_format: \"1.1\"\nresource: {attributes: [{name: a, value: []}]}\n",
        "file_format: \"1.1\"\nresource: {attributes: [{name: a, value: [1, b]}]}\n",
        "file_format: \"1.1\"\nresource: {attributes: [{name: a, value: b, type: text}]}\n",
        "file_format: \"1.1\"\nresource: {attributes: [{name: a, value: b, type: int}]}\n",
        "file_format: \"1.1\"\ntracer_provider: {}\n",
        "file_format: \"1.1\"\ntracer_provider: {processors: []}\n",
        "file_format: \"1.1\"\ntracer_provider: {processors: [{batch: }]}\n",
        "file_format: \"1.1\"\ntracer_provider: {processors: [{batch: {exporter: }}]}\n",
        "file_format: \"1.1\"\ntracer_provider: {processors: [{batch: {exporter: {}}}]}\n",
        "file_format: \"1.1\"\ntracer_provider: {processors: [{batch: {exporter: {unheard_of: }}}]}\n",
        "file_format: \"1.1\"\ntracer_provider: {processors: [{unheard_of: {}}]}\n",
        "file_format: \"1.1\"\ntracer_provider: {processors: [{batch: {max_queue_size: 0, exporter: {console: }}}]}\n",
        "file_format: \"1.1\"\ntracer_provider: {processors: [{simple: {exporter: {console: }}}], sampler: {trace_id_ratio_based: {ratio: 1.1}}}\n",
        "file_format: \"1.1\"\ntracer_provider: {processors: [{simple: {exporter: {console: }}}], sampler: {unheard_of: }}\n",
        "file_format: \"1.1\"\ntracer_provider: {processors: [{simple: {exporter: {otlp_http: {compression: brotli}}}}]}\n",
        "file_format: \"1.1\"\nmeter_provider: {readers: [{periodic: {exporter: {console: {temporality_preference: lowmemory}}}}]}\n",
        "file_format: \"1.1\"\nmeter_provider: {readers: [{push: {exporter: {console: }}}]}\n",
        "file_format: \"1.1\"\nmeter_provider: {readers: [{periodic: {exporter: {console: }}}], views: [{selector: {}}]}\n",
    ]);
    all.extend([
        only!(Python: "file_format: \"1.1\"\ntracer_providr: {}\n",
            "A key at the top that is nearly one of the schema would lose a whole signal."),
        only!(Python: "file_format: \"1.1\"\nfile_format: \"1.1\"\n", "YAML 1.2: keys are unique."),
        only!(Python: "file_format: \"1.1\"\ndisabled: yes\n", "YAML 1.2, core schema: `yes` is a text."),
        only!(Python: "file_format: \"1.1\"\na: &a {b: 1}\nc: {<<: *a}\n", "YAML 1.2 has no merge keys."),
        only!(Python: "file_format: \"1.1\"\nx: ${1A}\n",
            "Data model: a reference that is not valid is an error, with no partial result."),
        only!(Python: "file_format: \"1.1\"\nx: \"${}\"\n",
            "Data model: a reference that is not valid is an error, with no partial result."),
        only!(Python: "file_format: \"1.1\"\nx: \"${A-B}\"\n",
            "Data model: a reference that is not valid is an error, with no partial result."),
        only!(Python: "file_format: \"1.1\"\nx: \"${ NAME }\"\n",
            "Data model: a reference that is not valid is an error, with no partial result."),
        only!(Python: "file_format: \"1.1\"\nx: ${NAME:?error}\n",
            "Data model: a reference that is not valid is an error, with no partial result."),
        only!(Python: "file_format: \"1.1\"\nresource: {attributes_list: \"a=1,b\"}\n",
            "Resource: an error in decoding discards the whole value, and in a file that is an error."),
        only!(Python: "file_format: \"1.1\"\ntracer_provider: {processors: [{simple: {exporter: {otlp_http: {endpoint: localhost}}}}]}\n",
            "Create: a value that its description does not allow is an error."),
        only!(Python: "file_format: \"1.1\"\ntracer_provider: {processors: [{simple: {exporter: {otlp_http: {tls: {ca_file: ca.pem}}}}}]}\n",
            "Schema: an absolute path."),
        only!(We: "file_format: \"1.1\"\nlog_level: ${NOT_SET}\n",
            "Schema: the type has null, which means the default; its list of values has not, to which Python holds."),
        only!(We: "file_format: \"1.2\"\nattribute_limits: {new_in_the_future: 1}\n",
            "VERSIONING: a newer minor version is acceptable, with a warning."),
        only!(We: "file_format: \"1.1\"\nx: ${env:NAME}\ndisabled: ${env:NOT_SET:-true}\n",
            "Data model: `env:` may stand before the name."),
        only!(We: "file_format: \"1.1\"\npropagator: {composite: [{b3: }]}\n",
            "Context: B3 is among those that have to be there; Python has it in a package of its own."),
    ]);
    all
});
