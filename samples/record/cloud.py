"""Plays DynamoDB, S3, SQS and SNS: moto behind TLS, with every request that functions make written down.

In: the functions' own HTTPS requests (their host names lead here). Out: moto's answers, one log
entry a request, and the X-Ray header of each SNS publish, which Lambda would pass on.
"""

from __future__ import annotations

import base64
import io
import json
import re
import ssl
import threading
from typing import Callable
from urllib.parse import parse_qs

import moto.server
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

import shop

Log = Callable[[dict], None]


class KeepAlive(MotoRequestHandler):
    """Answers one request after the other on a connection, so that a function pays for TLS once."""

    protocol_version = "HTTP/1.1"

    def run_wsgi(self) -> None:
        environ = self.make_environ()
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", ""):
            body = environ["wsgi.input"].read()
        else:
            body = self.rfile.read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        environ["wsgi.input_terminated"] = True
        status, headers, answer = self.server.app(environ, body)
        code, _, reason = status.partition(" ")
        self.send_response_only(int(code), reason)
        for name, value in headers:
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


class Cloud:
    """moto's server in a thread of this process."""

    def __init__(self, tls: ssl.SSLContext, log: Log) -> None:
        self.publish_traces: dict[str, str] = {}  # SNS message id -> X-Amzn-Trace-Id of the publish
        self._log = log
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server(
            "127.0.0.1", 0, self._answer, threaded=True, request_handler=KeepAlive, ssl_context=tls
        )
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, name="moto", daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()

    def _answer(self, environ, body: bytes) -> tuple[str, list, bytes]:
        seen: list = []

        def note(status, headers, exc_info=None):
            seen[:] = [status, headers]

        answer = b"".join(self._moto(environ, note))
        source = application_of(environ.get("HTTP_USER_AGENT", ""))
        if source:
            self._write_down(source, environ, body, int(seen[0].split()[0]), answer)
        return (*seen, answer)

    def _write_down(self, source: str, environ, body: bytes, status: int, answer: bytes) -> None:
        operation, kind, name = target_of(environ, body)
        if operation == "Publish" and status == 200:
            if found := re.search(rb"<MessageId>([^<]+)", answer):
                self.publish_traces[found[1].decode()] = environ.get("HTTP_X_AMZN_TRACE_ID", "")
        self._log(
            {
                "what": "request",
                "call": environ.get("HTTP_AMZ_SDK_INVOCATION_ID"),
                "source": ["function", source],
                "target": [kind, name],
                "operation": operation,
                "status": status,
                "error": error_code(answer) if status >= 400 else None,
            }
        )


def application_of(user_agent: str) -> str | None:
    """The function that AWS_SDK_UA_APP_ID names in a user agent."""
    found = re.search(r"\bapp/(\S+)", user_agent)
    return found[1] if found else None


def target_of(environ, body: bytes) -> tuple[str, str, str]:
    """Operation, kind and name of the resource that an AWS request is for."""
    host = environ.get("HTTP_HOST", "")
    amz = environ.get("HTTP_X_AMZ_TARGET", "")
    if amz.startswith("DynamoDB_"):
        asked = json.loads(body)
        table = asked.get("TableName") or ",".join(sorted(asked.get("RequestItems", {})))
        return amz.split(".")[1], "table", table
    if amz.startswith("AmazonSQS."):
        return amz.split(".")[1], "queue", json.loads(body)["QueueUrl"].rsplit("/", 1)[-1]
    if host.startswith("sns."):
        asked = parse_qs(body.decode())
        return asked["Action"][0], "topic", asked.get("TopicArn", [""])[0].rsplit(":", 1)[-1]
    if ".s3." in f".{host}":
        verbs = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
        bucket = host.split(".s3.")[0] if not host.startswith("s3.") else environ["PATH_INFO"].split("/")[1]
        return verbs.get(environ["REQUEST_METHOD"], environ["REQUEST_METHOD"]), "bucket", bucket
    raise ValueError(f"a request for {host} {amz}, which is none of the shop's services")


def error_code(answer: bytes) -> str:
    """The error's name in a JSON or XML answer."""
    if found := re.search(rb'"__type"\s*:\s*"(?:[^"#]*#)?([^"]+)"|<Code>([^<]+)', answer):
        return (found[1] or found[2]).decode()
    return base64.b16encode(answer[:8]).decode()
