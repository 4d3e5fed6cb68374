"""Starts and ends function instances: in, JSON lines on standard input; out, one process each.

A parent that has imported everything heavy forks one process for every instance. Each then does
what a Lambda sandbox with the OpenTelemetry layer does: takes its environment, builds its own
tracer provider, instruments the libraries, and hands over to AWS's runtime interface client.

    {"start": ID, "env": {...}}     {"end": ID}
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
import traceback
from importlib.metadata import entry_points
from pathlib import Path

FUNCTIONS_DIR = Path(__file__).parent / "functions"


def main() -> None:
    sys.path.insert(0, str(FUNCTIONS_DIR))
    warm_up()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    children: dict[str, int] = {}
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if "start" in order:
            pid = os.fork()
            if pid == 0:
                live_as_instance(order["env"])
            children[order["start"]] = pid
        elif (pid := children.pop(order["end"], None)) is not None:
            kill(pid)
    for pid in children.values():
        kill(pid)


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def warm_up() -> None:
    """Imports and caches what every instance needs; starts no thread, makes no connection."""
    import boto3
    import opentelemetry.exporter.otlp.proto.http.trace_exporter
    import opentelemetry.instrumentation.aws_lambda
    import opentelemetry.instrumentation.boto3sqs
    import opentelemetry.instrumentation.botocore
    import opentelemetry.instrumentation.requests
    import opentelemetry.sdk.extension.aws.resource
    import opentelemetry.sdk.trace.export
    import requests  # noqa: F401

    boto3.setup_default_session()
    for service in ("lambda", "sqs", "sns", "s3", "dynamodb"):
        boto3.client(service)  # fills the session's cache of service models
    boto3.resource("dynamodb")


def live_as_instance(env: dict[str, str]) -> None:
    """Never returns."""
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.update(env)
        console = os.open(env["RECORD_CONSOLE"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(console, 1)
        os.dup2(console, 2)
        resolve_locally(json.loads(env["RECORD_PORTS"]))
        instrument(env)
        run_runtime(env["_HANDLER"], env["AWS_LAMBDA_RUNTIME_API"])
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def resolve_locally(ports: dict[str, int]) -> None:
    """Lets AWS's and the outside world's host names lead to local ports, so that URLs stay as they are."""
    resolve = socket.getaddrinfo

    def getaddrinfo(host, port, *args, **kwargs):
        name = host.decode() if isinstance(host, bytes) else host
        for suffix, local in ports.items():
            if name and (name == suffix or name.endswith("." + suffix)):
                return resolve("127.0.0.1", local, *args, **kwargs)
        return resolve(host, port, *args, **kwargs)

    socket.getaddrinfo = getaddrinfo


def instrument(env: dict[str, str]) -> None:
    """What the layer's wrapper does, with the same libraries in the same order."""
    from opentelemetry import propagate, trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.aws_lambda import AwsLambdaInstrumentor
    from opentelemetry.instrumentation.boto3sqs import Boto3SQSInstrumentor
    from opentelemetry.instrumentation.botocore import BotocoreInstrumentor
    from opentelemetry.instrumentation.requests import RequestsInstrumentor
    from opentelemetry.propagators.composite import CompositePropagator
    from opentelemetry.sdk.extension.aws.resource import AwsLambdaResourceDetector
    from opentelemetry.sdk.resources import get_aggregated_resources
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    # The API read OTEL_PROPAGATORS when the parent imported it; this instance has its own.
    propagators = []
    for name in env["OTEL_PROPAGATORS"].split(","):
        (entry,) = entry_points(group="opentelemetry_propagator", name=name)
        propagators.append(entry.load()())
    propagate.set_global_textmap(CompositePropagator(propagators))

    resource = get_aggregated_resources([AwsLambdaResourceDetector()])
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    BotocoreInstrumentor().instrument()
    RequestsInstrumentor().instrument()
    if "boto3sqs" in env.get("OTEL_PYTHON_ENABLED_INSTRUMENTATIONS", ""):
        Boto3SQSInstrumentor().instrument()
    AwsLambdaInstrumentor().instrument()
    # It warns after every invocation that no meter provider is there; none should be.
    logging.getLogger("opentelemetry.instrumentation.aws_lambda").setLevel(logging.ERROR)


def run_runtime(handler: str, address: str) -> None:
    # Imported here: its native part reads the address of the runtime API when it is imported.
    from awslambdaric import bootstrap
    from awslambdaric.lambda_runtime_client import LambdaRuntimeClient

    bootstrap.run(handler, LambdaRuntimeClient(address))


if __name__ == "__main__":
    main()
