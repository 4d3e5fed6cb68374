"""Counts a recording's spans edge by edge and compares with the truth that was written beside it.

    python count.py ../webshop.jsonl.zst ../webshop.truth.json

Deliberately simple, and no kin of the collector: it knows this one shop, and each rule is a line or
two on the attributes of single spans; only a callee's failure is looked up by request id. Prints one
line an edge and leaves with status 1 if any differs.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from urllib.parse import urlsplit

import zstandard

import shop

CLIENT, PRODUCER, CONSUMER, SERVER = 3, 4, 5, 2
ERROR = 2
COUNTS = ("hops", "errors", "expected", "throttled", "cold")
# Spans of these triggers name no source; each such function of the shop has one.
SILENT_SOURCES = {
    "shop-mailer": ("topic", shop.TOPIC),
    "shop-analytics": ("topic", shop.TOPIC),
    "shop-label-indexer": ("bucket", shop.BUCKET),
    "shop-report": ("schedule", shop.SCHEDULE),
}


class Span:
    """The parts of one span that are looked at."""

    def __init__(self, resource: dict, scope: str, span: dict) -> None:
        self.function = resource["faas.name"]
        self.instance = resource["faas.instance"]
        self.scope = scope
        self.name, self.kind = span["name"], span["kind"]
        self.id, self.parent = span["spanId"], span.get("parentSpanId", "")
        self.start = int(span["startTimeUnixNano"])
        self.attributes = attributes_of(span)
        self.status = span.get("status", {})
        self.links = span.get("links", [])
        self.flags = span.get("flags", 0)

    @property
    def failed(self) -> bool:
        return self.status.get("code") == ERROR


def attributes_of(thing: dict) -> dict:
    return {pair["key"]: _value(pair["value"]) for pair in thing.get("attributes", [])}


def _value(value: dict):
    ((kind, plain),) = value.items()
    if kind == "arrayValue":
        return [_value(item) for item in plain.get("values", [])]
    return int(plain) if kind == "intValue" else plain


def read(path: Path) -> Iterator[Span]:
    """All spans of OTLP JSON lines, compressed or not."""
    with path.open("rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file) if path.suffix == ".zst" else file
        for line in TextIOWrapper(stream, "utf-8"):
            for group in json.loads(line).get("resourceSpans", []):
                resource = attributes_of(group["resource"])
                for scoped in group["scopeSpans"]:
                    for span in scoped["spans"]:
                        yield Span(resource, scoped["scope"]["name"].rsplit(".", 1)[-1], span)


def count(spans: list[Span]) -> dict[tuple, Counter]:
    """Hops and their classes by (source kind, source name, target kind, target name)."""
    servers = {span.id: span for span in spans if span.kind == SERVER}
    by_request = {span.attributes["faas.invocation_id"]: span for span in servers.values()}
    first = {}
    for span in servers.values():
        if span.instance not in first or span.start < first[span.instance].start:
            first[span.instance] = span
    cold = {span.id for span in first.values()}
    invoked = set()
    batches = {span.parent: span for span in spans if span.kind == CONSUMER}
    edges: dict[tuple, Counter] = defaultdict(Counter)
    for span in spans:
        if span.kind in (CLIENT, PRODUCER) and span.scope != "boto3sqs":
            callee = by_request.get(span.attributes.get("aws.request_id"))
            if callee:
                invoked.add(callee.id)
            tally(edges[("function", span.function, *target(span))], span, callee, cold)
    for server in servers.values():
        if batch := batches.get(server.id):
            source = ("queue", batch.attributes["messaging.destination.name"])
            messages = batch.attributes.get("messaging.batch.message_count", 1)
        elif server.id in invoked:
            continue
        else:
            source = ("api", server.attributes.get("net.host.name")) if "faas.trigger" in server.attributes else ()
            source, messages = source or SILENT_SOURCES[server.function], 1
        for _ in range(messages):
            tally(edges[(*source, "function", server.function)], server, server, cold)
    return edges


def target(span: Span) -> tuple[str, str]:
    """Kind and name of what a client span called."""
    found = span.attributes
    if span.scope == "requests":
        return "host", urlsplit(found["http.url"]).hostname
    if "faas.invoked_name" in found:
        return "function", found["faas.invoked_name"]
    if "aws.dynamodb.table_names" in found:
        return "table", ",".join(found["aws.dynamodb.table_names"])
    if found["rpc.service"] == "S3":
        return "bucket", shop.BUCKET
    if found["rpc.service"] == "SNS":
        return "topic", found["messaging.destination.name"].rsplit(":", 1)[-1]
    return "queue", found["messaging.destination"]


def tally(edge: Counter, span: Span, callee: Span | None, cold: set[str]) -> None:
    """Adds one hop that `span` tells of."""
    status = span.attributes.get("http.status_code", 0)
    edge["hops"] += 1
    edge["cold"] += callee is not None and callee.id in cold
    if status == 429:
        edge["throttled"] += 1
    elif "ConditionalCheckFailedException" in span.status.get("message", ""):
        edge["expected"] += 1
    elif span.failed or (callee and callee.failed) or status >= 500:
        edge["errors"] += 1


def main() -> None:
    spans = list(read(Path(sys.argv[1])))
    truth = json.loads(Path(sys.argv[2]).read_text())
    counted = count(spans)
    different = 0
    for edge in truth["edges"]:
        key = (edge["source"]["kind"], edge["source"]["name"], edge["target"]["kind"], edge["target"]["name"])
        found = counted.pop(key, Counter())
        if not edge["hops"]:
            continue
        wrong = [f"{name} {found[name]}, truth {edge[name]}" for name in COUNTS if found[name] != edge[name]]
        different += bool(wrong)
        print(f"{key[1]:>52} -> {key[3]:22} {found['hops']:6}  {'; '.join(wrong) or 'as in truth'}")
    for key, found in counted.items():
        different += 1
        print(f"{key[1]:>52} -> {key[3]:22} {found['hops']:6}  not in truth")
    exported = {span.id for span in spans}
    links = [link for span in spans for link in span.links]
    print(f"{len(spans)} spans ({len(exported)} different), {sum(Counter(c)['hops'] for c in count(spans).values())} hops")
    print(f"{sum(1 for span in spans if span.parent and span.parent not in exported)} parents that no one exported")
    print(f"{len(links)} links, {sum(link['spanId'] in exported for link in links)} of them to exported spans")
    print(f"flags: {dict(Counter(hex(span.flags) for span in spans))}")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
