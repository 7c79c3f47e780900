"""Work under OpenTelemetry's own SDK as configuration files or variables set it up; nothing in it knows Trisignal.

Standard input is a JSON list of jobs, each with a `file` or null, its `environment`, and whether there is `work` to do. Each runs in
a process of its own, forked from this one, which has everything loaded. Standard output is the list of how they ended: 0, or 3
where the SDK refuses the file. The work is the same as that of the Rust side, item by item: see `configuration/work.rs`.
"""

import json
import logging
import os
import sys

import jsonschema
from opentelemetry import _logs, metrics, trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.configuration import configure_sdk, load_config_file
from opentelemetry.sdk._configuration import _OTelSDKConfigurator
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, TraceFlags

TEXT = "0123456789"

# Whether files fit the schema is still checked; that the schema is one is checked again for each file, and takes a hundred times as long.
jsonschema.Draft202012Validator.check_schema = classmethod(lambda *_, **__: None)


def parent(sampled):
    """A parent in another process."""
    flags = TraceFlags(1 if sampled else 0)
    context = SpanContext(0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, True, flags)
    return trace.set_span_in_context(NonRecordingSpan(context))


def work():
    tracer = trace.get_tracer("work")
    link = Link(SpanContext(1, 1, False), {"a": 1, "b": 2, "c": 3})
    attributes = {"text": TEXT, **{f"k{n}": n for n in range(6)}}
    with tracer.start_as_current_span("root", attributes=attributes, links=[link, link, link]) as root:
        for name in ("e0", "e1", "e2"):
            root.add_event(name, {"text": TEXT, "b": 2, "c": 3})
        tracer.start_span("child").end()
        emit()
    for sampled in (True, False):
        tracer.start_span(f"of-{sampled}".lower(), context=parent(sampled), kind=SpanKind.SERVER).end()
    tracer.start_span("health", attributes={"http.route": "/health"}, kind=SpanKind.SERVER).end()
    meter = metrics.get_meter("work")
    meter.create_counter("placed", unit="{order}").add(2, {"item": "book", "more": "x"})
    meter.create_histogram("size", unit="{item}").record(3.0, {"item": "book"})
    meter.create_up_down_counter("open").add(1, {"item": "book"})


def emit():
    attributes = {"text": TEXT, "k0": 0, "k1": 1}
    record = LogRecord(body="paid", severity_number=SeverityNumber.INFO, attributes=attributes)
    _logs.get_logger("work").emit(record)


def run(job):
    """What the process of one job does, and how it ends."""
    os.environ.clear()
    os.environ.update(job["environment"])
    logging.basicConfig(level=logging.CRITICAL)
    try:
        if job["file"] is None:
            _OTelSDKConfigurator().configure()
        else:
            configure_sdk(load_config_file(job["file"]))
    except Exception as error:  # whatever it refuses with
        print(job["file"], error, file=sys.stderr)
        return 3
    if job["work"]:
        work()
        for provider in (trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider()):
            getattr(provider, "shutdown", lambda: None)()
    return 0


def ended(job):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = run(job)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


results = [ended(job) for job in json.load(sys.stdin)]
# What exporters to the console wrote is before it.
print("\n" + json.dumps(results))
