"""Runs `spanfall-collector record` on a free local port, and packs what it wrote."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sysconfig
import time
from pathlib import Path

import zstandard

# The recording is made once and shipped often.
LEVEL = 19
START_SECONDS = 20.0


class Collector:
    """The process, and the file that it writes."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self._binary = binary
        self._file = folder / "recording.jsonl"
        self._process: subprocess.Popen | None = None

    def start(self) -> str:
        """Starts it; returns its OTLP/HTTP endpoint when that answers."""
        port = _free_port()
        settings = {
            "SPANFALL_LISTEN_HTTP": str(port),
            "SPANFALL_LISTEN_GRPC": "off",
            "SPANFALL_LISTEN_VIEW": "off",
        }
        command = [self._binary, "record", self._file]
        self._process = subprocess.Popen(command, env={**os.environ, **settings})
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1.0).close()
                return f"http://127.0.0.1:{port}"
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the collector did not start; what it says is above")

    def stop(self) -> None:
        """Asks it to finish, and waits until everything is on disk."""
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(15)
        if status != 0:
            raise SystemExit(f"the collector ended with status {status}")

    def collect(self, out: Path) -> None:
        """Writes the recording to `out`, compressed."""
        pack(self._file, out)


def pack(recording: Path, out: Path) -> None:
    """Compresses a recording. Stack traces get the folders that they would have in Lambda, not this machine's."""
    folders = [
        (str(Path(__file__).parent / "functions"), "/var/task"),
        (sysconfig.get_path("purelib"), "/opt/python"),
        (sysconfig.get_path("stdlib"), f"/var/lang/lib/python{sysconfig.get_python_version()}"),
    ]
    packer = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
    with recording.open("rb") as source, out.open("wb") as file, packer.stream_writer(file) as target:
        for line in source:
            for here, there in folders:
                line = line.replace(json.dumps(here)[1:-1].encode(), there.encode())
            target.write(line)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
