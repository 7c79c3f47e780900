//! The files that both SDKs refuse or take, and those that only one of them takes.

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
