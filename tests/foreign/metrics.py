"""Reads a page of metrics from standard input with the parsers of Prometheus' Python client, and prints what it says.

usage: metrics.py openmetrics|text

The answer is one line of JSON: families with their samples. Numbers are texts there, because JSON has no infinity.
"""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

PARSERS = {"openmetrics": read_openmetrics, "text": read_text}


def exemplar(sample):
    if sample.exemplar is None:
        return None
    return {"labels": sample.exemplar.labels, "value": repr(float(sample.exemplar.value))}


def main():
    # Line ends as they are: a carriage return in a label is part of the label.
    page = sys.stdin.buffer.read().decode("utf-8")
    families = [
        {
            "name": family.name,
            "type": family.type,
            "unit": family.unit,
            "help": family.documentation,
            "samples": [
                {
                    "name": sample.name,
                    "labels": sample.labels,
                    "value": repr(float(sample.value)),
                    "exemplar": exemplar(sample),
                }
                for sample in family.samples
            ],
        }
        for family in PARSERS[sys.argv[1]](page)
    ]
    print(json.dumps(families))


main()
