"""Spans of a build: OpenTelemetry's own SDK and exporter, a parent from the environment, links from files."""

from __future__ import annotations

import os
from pathlib import Path

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Link, Status, StatusCode

# Where every step leaves its context, for steps that need what it made: a file a step.
CONTEXTS = "BUILD_CONTEXTS"


def tracer() -> trace.Tracer:
    """A tracer that sends each span when it ends. The resource says what is built, and nothing of the machine."""
    provider = TracerProvider(resource=Resource({"service.name": "ripgrep-build"}))
    # The endpoint is in OTEL_EXPORTER_OTLP_ENDPOINT.
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("spanfall.samples.build")


class Step:
    """One step: a span while it runs. Its node is named by `cicd.pipeline.task.name`."""

    def __init__(self, task: str, operation: str, kind: str, needs: list[str], makes: str | None = None) -> None:
        self._contexts = Path(os.environ[CONTEXTS])
        self._makes = makes
        self._span = tracer().start_span(
            operation,
            context=propagate.extract({"traceparent": os.environ.get("TRACEPARENT", "")}),
            links=[link for need in needs if (link := self._link(need))],
            attributes={"cicd.pipeline.task.name": task, "cicd.pipeline.task.type": kind},
        )

    def _link(self, need: str) -> Link | None:
        file = self._contexts / need
        if not file.exists():
            return None
        context = propagate.extract({"traceparent": file.read_text()})
        return Link(trace.get_current_span(context).get_span_context())

    def __enter__(self) -> Step:
        if self._makes is not None:
            # Cargo starts what needs this as soon as it may, perhaps before this step ends.
            (self._contexts / self._makes).write_text(self.environment()["TRACEPARENT"])
        return self

    def environment(self) -> dict[str, str]:
        """What programs within this step need to know to be part of it."""
        carrier: dict[str, str] = {}
        propagate.inject(carrier, trace.set_span_in_context(self._span))
        return {"TRACEPARENT": carrier["traceparent"]}

    def ended(self, code: int) -> None:
        """Says how the program ended that this step ran."""
        self._span.set_attribute("process.exit.code", code)
        if code != 0:
            self._span.set_status(Status(StatusCode.ERROR, f"exit code {code}"))

    def __exit__(self, *_: object) -> None:
        self._span.end()
