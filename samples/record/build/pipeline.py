#!/usr/bin/env python3
"""Builds a real project, ripgrep, as its CI would, and records the spans of it: pipeline.py --collector BINARY --out FILE.

Every step is a span of OpenTelemetry's SDK around the real command. Within a step, cargo hands `TRACEPARENT` on to
each rustc, rustdoc and test program, which runs under `tool.py` and is a span too, linked to the units that it is
built from."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from collector import Collector  # noqa: E402
from telemetry import CONTEXTS, Step, tracer  # noqa: E402

PROJECT, VERSION = "ripgrep", "15.2.0"

# Each step follows the one before it.
STEPS = [
    ("fetch", "cargo fetch --locked"),
    ("check", "cargo check --locked --offline"),
    ("build", "cargo build --locked --offline"),
    ("test", "cargo test --locked --offline --quiet"),
    ("doc", "cargo doc --locked --offline --no-deps"),
    ("package", "cargo package --locked --offline --no-verify --allow-dirty --quiet"),
]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--collector", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="build-") as folder:
        project = source(Path(folder))
        collector = Collector(arguments.collector, Path(folder))
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.start()
        os.environ[CONTEXTS] = str(Path(folder, "contexts"))
        Path(folder, "contexts").mkdir()
        try:
            build(project)
        finally:
            collector.stop()
        collector.collect(arguments.out)


def source(folder: Path) -> Path:
    """The project's source as its authors published it, fetched by cargo, in a folder of its own."""
    # What cargo tells of a package, it reads from the package's source.
    subprocess.run(["cargo", "info", "--quiet", f"{PROJECT}@{VERSION}"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    registry = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"), "registry", "src")
    published = next(registry.glob(f"*/{PROJECT}-{VERSION}"))
    project = folder / PROJECT
    shutil.copytree(published, project)
    # Cargo made it when it published, and would not publish it again.
    (project / "Cargo.toml.orig").unlink()
    return project


def build(project: Path) -> None:
    """Runs all steps; the pipeline is the span around them."""
    span = tracer().start_span(f"build {PROJECT} {VERSION}", attributes={"cicd.pipeline.name": "pipeline"})
    os.environ["TRACEPARENT"] = traceparent(span.get_span_context())
    before: list[str] = []
    for name, command in STEPS:
        with Step(name, command, "test" if name == "test" else "build", before, f"step-{name}") as step:
            print(f"==> {command}", flush=True)
            ended = subprocess.run(shlex.split(command), cwd=project, check=False, env=environment(step))
            step.ended(ended.returncode)
        if ended.returncode != 0:
            raise SystemExit(f"{command} ended with {ended.returncode}")
        before = [f"step-{name}"]
    span.end()


def environment(step: Step) -> dict[str, str]:
    """What makes cargo run its tools under `tool.py`."""
    folder = Path(os.environ[CONTEXTS])
    tools = {"RUSTC_WRAPPER": "rustc", "RUSTDOC": "rustdoc", "RUNNER": "test"}
    for role in tools.values():
        script = folder.parent / f"{role}-tool"
        real = " rustdoc" if role == "rustdoc" else ""
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(HERE / "tool.py"))} {role}{real} "$@"\n')
        script.chmod(0o755)
    host = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    triple = next(line.split()[1] for line in host.splitlines() if line.startswith("host:"))
    runner = f"CARGO_TARGET_{triple.upper().replace('-', '_')}_RUNNER"
    given = {key: value for key, value in os.environ.items() if not key.startswith(("CARGO_TARGET_DIR", "RUSTC"))}
    return {
        **given,
        **step.environment(),
        "RUSTC_WRAPPER": str(folder.parent / "rustc-tool"),
        "RUSTDOC": str(folder.parent / "rustdoc-tool"),
        runner: str(folder.parent / "test-tool"),
    }


def traceparent(context: object) -> str:
    """A span's context as W3C writes it."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


if __name__ == "__main__":
    main()
