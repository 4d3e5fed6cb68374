"""Runs `spanfall-collector record` on a free local port, and packs what it wrote more tightly."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
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
        packer = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        with self._file.open("rb") as source, out.open("wb") as target:
            packer.copy_stream(source, target)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
