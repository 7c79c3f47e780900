"""A service between two others, observed by OpenTelemetry's own SDK; nothing in it knows Trisignal.

`GET /relay` calls the URL of the first argument and answers what it got, as JSON. Context comes in and goes out by
the SDK's default propagators (W3C Trace Context and Baggage) and by no other header.

The port is free, and is printed. Where spans go is said by the standard variables. SIGTERM ends it, with all sent.
"""

import json
import signal
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry import baggage, context, propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

CORRELATION = "correlation.id"
TIMEOUT_SECONDS = 30

tracer = trace.get_tracer("relay")
# A proxy of the machine has no business between two ports of it.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Relay(BaseHTTPRequestHandler):
    """Passes each request on, in the trace that it came with."""

    def do_GET(self):
        # Attached, not just given to the span as its parent: baggage goes on only with the current context.
        attached = context.attach(propagate.extract(self.headers))
        try:
            with observed("GET /relay", SpanKind.SERVER):
                answer = json.dumps(call(sys.argv[1])).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
        finally:
            context.detach(attached)


def call(url):
    """Calls `url`, and gives what it answers beside what it was sent."""
    with observed("GET", SpanKind.CLIENT):
        headers = {}
        propagate.inject(headers)
        request = urllib.request.Request(url, headers=headers)
        with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            return {
                "sent": headers,
                "correlation": response.headers["x-correlation-id"],
                "body": json.load(response),
            }


def observed(name, kind):
    """A span that shows the correlation ID as this side reads it, where there is one."""
    correlation = baggage.get_baggage(CORRELATION)
    attributes = {} if correlation is None else {CORRELATION: correlation}
    return tracer.start_as_current_span(name, kind=kind, attributes=attributes)


def main():
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    print(f"listening on {server.server_port}", flush=True)
    try:
        server.serve_forever()
    finally:
        provider.shutdown()


if __name__ == "__main__":
    main()
