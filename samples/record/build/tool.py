#!/usr/bin/env python3
"""Stands before a tool that cargo runs, and makes the run a span: rustc (RUSTC_WRAPPER), rustdoc (RUSTDOC), a
test program (CARGO_TARGET_..._RUNNER). What the run needs is in its arguments, as cargo puts them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from telemetry import Step


def main() -> int:
    role, *command = sys.argv[1:]
    # Tests start programs of their own, which are no steps of the build.
    step = {"rustc": rustc, "rustdoc": rustdoc, "test": test}[role](command)
    if step is None:
        return subprocess.run(command, check=False, close_fds=False).returncode
    with step:
        code = subprocess.run(command, check=False, close_fds=False, env={**os.environ, **step.environment()}).returncode
        step.ended(code)
    return code


def rustc(command: list[str]) -> Step | None:
    """A unit of the build: one crate, as a library, program, test or build script."""
    name, out = option(command, "--crate-name"), option(command, "--out-dir")
    # Cargo also asks rustc what it can do.
    if name is None or out is None or "CARGO_PKG_NAME" not in os.environ:
        return None
    unit = name + codegen(command, "extra-filename")
    emits = option(command, "--emit") or ""
    if name.startswith("build_script_"):
        what = "build script"
    elif "--test" in command:
        what = "tests"
    elif "link" not in emits:
        what = "check"
    else:
        what = {"bin": "program", "proc-macro": "proc macro"}.get(option(command, "--crate-type") or "", "library")
    return Step(os.environ["CARGO_PKG_NAME"], f"rustc {name} ({what})", "build", externs(command), unit)


def rustdoc(command: list[str]) -> Step | None:
    """The documentation of one crate."""
    name = option(command, "--crate-name")
    if name is None or "CARGO_PKG_NAME" not in os.environ:
        return None
    return Step(os.environ["CARGO_PKG_NAME"], f"rustdoc {name}", "build", externs(command))


def test(command: list[str]) -> Step:
    """A run of a test program."""
    unit = Path(command[0]).name
    name = re.sub(r"-[0-9a-f]{16}$", "", unit)
    task = "integration tests" if name == "integration" else "unit tests"
    return Step(task, f"run {name}", "test", [unit])


def option(command: list[str], name: str) -> str | None:
    """The value of `--name VALUE` or `--name=VALUE`."""
    for at, word in enumerate(command):
        if word == name and at + 1 < len(command):
            return command[at + 1]
        if word.startswith(name + "="):
            return word[len(name) + 1 :]
    return None


def codegen(command: list[str], name: str) -> str:
    """The value of `-C name=VALUE`."""
    for word in command:
        if word.startswith(f"{name}="):
            return word[len(name) + 1 :]
    return ""


def externs(command: list[str]) -> list[str]:
    """The units that this one is built from: `--extern name=/path/libname-hash.rlib`."""
    given = [command[at + 1] for at, word in enumerate(command[:-1]) if word == "--extern"]
    files = [Path(value.split("=", 1)[1]).name for value in given if "=" in value]
    return [file.split(".")[0].removeprefix("lib") for file in files]


if __name__ == "__main__":
    sys.exit(main())
