"""What really went over each edge, counted from the edge's log, never from spans.

    python truth.py LOG.jsonl OUT.truth.json

A hop is one request as its caller knows it: the HTTP attempts of one SDK call are one hop, whose last
attempt says how it went; a batch from a queue is as many hops as it has messages; an asynchronous
invocation that Lambda repeats is a hop each time.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

ABOUT = {
    "hops": "requests that were made, or messages that were delivered",
    "errors": "of these: the callee failed (a function error, HTTP 5xx, no answer), or refused (another HTTP 4xx)",
    "expected": "of these: a refusal that programs expect (ConditionalCheckFailedException); not among the errors",
    "throttled": "of these: refused for their number (HTTP 429); not among the errors",
    "cold": "of these: met a new instance; a batch counts all its messages",
    "unseen": "not among the hops: attempts of API Gateway and of event sources that Lambda throttled; no span tells",
    "attempts": "HTTP requests on the wire, where the SDK repeated some",
    "statuses": "hops by what the caller was told: an HTTP status, an error's name",
}
EXPECTED = {"ConditionalCheckFailedException"}


def write(log: Path, out: Path) -> dict:
    """Counts `log` and writes the result to `out`."""
    truth = count(log)
    out.write_text(_lay_out(truth))
    return truth


def count(log: Path) -> dict:
    """The truth of one log."""
    with log.open() as lines:
        entries = [json.loads(line) for line in lines]
    edges: dict[tuple, dict] = defaultdict(_empty)
    dropped = sum(entry["what"] == "dropped" for entry in entries)
    seconds = entries[-1]["t"] - entries[0]["t"] if entries else 0.0
    for attempts in _calls(entries):
        last = attempts[-1]
        edge = edges[(*last["source"], *last["target"])]
        if last["what"] == "throttle" and last.get("call") is None:
            edge["unseen"] += last.get("count", 1)
            continue
        _add(edge, last, len(attempts))
    return {
        "about": ABOUT,
        "seconds": round(seconds, 1),
        "hops": sum(edge["hops"] for edge in edges.values()),
        "dropped_after_retries": dropped,
        "edges": [_named(key, edge) for key, edge in sorted(edges.items())],
    }


def _calls(entries: list[dict]) -> list[list[dict]]:
    """Log entries grouped into what callers see as one call."""
    calls: dict = {}
    for number, entry in enumerate(entries):
        if entry["what"] in ("request", "invocation", "throttle"):
            calls.setdefault(entry.get("call") or number, []).append(entry)
    return list(calls.values())


def _empty() -> dict:
    zero = {"hops": 0, "errors": 0, "expected": 0, "throttled": 0, "cold": 0, "unseen": 0, "attempts": 0}
    return {**zero, "statuses": defaultdict(int)}


def _add(edge: dict, last: dict, attempts: int) -> None:
    weight = last.get("count", 1)
    told, kind = _verdict(last)
    edge["hops"] += weight
    edge["attempts"] += attempts * weight
    edge["statuses"][told] += weight
    if kind:
        edge[kind] += weight
    if last.get("cold"):
        edge["cold"] += weight


def _verdict(last: dict) -> tuple[str, str | None]:
    """What the caller was told, and which count it belongs to."""
    status, name = last.get("status"), last.get("error")
    if last["what"] == "throttle" or status == 429:
        return "429", "throttled"
    if last.get("failed"):
        return "function error", "errors"
    if last["what"] == "invocation":
        return str(status or "ok"), "errors" if status and status >= 500 else None
    if status is None:
        return name or "no answer", "errors"
    if name in EXPECTED:
        return name, "expected"
    return name or str(status), "errors" if status >= 400 else None


def _named(key: tuple, edge: dict) -> dict:
    source = {"kind": key[0], "name": key[1]}
    target = {"kind": key[2], "name": key[3]}
    return {"source": source, "target": target, **edge, "statuses": dict(sorted(edge["statuses"].items()))}


def _lay_out(truth: dict) -> str:
    """JSON with an edge a line, so that two recordings can be compared by eye."""
    edges = ",\n".join("    " + json.dumps(edge) for edge in truth["edges"])
    head = json.dumps({**truth, "edges": []}, indent=2)
    return head.replace('"edges": []', f'"edges": [\n{edges}\n  ]') + "\n"


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
