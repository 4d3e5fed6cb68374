"""Plays the Lambda service: instances, concurrency limits, the Invoke API, the runtime API, request ids.

In: invocations, from functions over HTTPS and from the event sources in this process. Out: the
functions' answers, and one log entry for every invocation and every throttled attempt.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from aiohttp import web

import shop
from cloud import application_of

# Lambda keeps an idle instance for minutes; here they go sooner, so that a short recording has cold starts.
IDLE_SECONDS = 40.0


class Throttled(Exception):
    """All the instances that the function may have are busy."""


@dataclass
class Outcome:
    """What became of one invocation."""

    payload: bytes
    failed: bool  # the function raised, or ran out of time
    cold: bool
    request_id: str


@dataclass
class Instance:
    """One sandbox: a process that asks for work over its own runtime API address."""

    id: str
    function: shop.Function
    work: asyncio.Queue = field(default_factory=lambda: asyncio.Queue(1))
    answer: asyncio.Future | None = None
    asking: asyncio.Task | None = None  # its request for work, while that waits
    fresh: bool = True
    idle_since: float = 0.0


class Lambda:
    """All functions and their instances."""

    def __init__(self, log: Callable[[dict], None], nursery, environment: dict[str, str]) -> None:
        self.functions = dict(shop.FUNCTIONS)
        self.runtime_address = ""
        self._log = log
        self._nursery = nursery
        self._environment = environment
        self._idle: dict[str, list[Instance]] = {name: [] for name in self.functions}
        self._all: dict[str, Instance] = {}
        self._serial = 0

    def busy(self) -> int:
        """How many instances are at work now."""
        return len(self._all) - sum(len(idle) for idle in self._idle.values())

    def deploy(self, name: str, version: str) -> None:
        """Publishes a new version: what is idle goes now, what is busy after its answer."""
        self.functions[name] = replace(self.functions[name], version=version)
        for instance in self._idle[name]:
            self._end(instance)
        self._idle[name].clear()

    def set_concurrency(self, name: str, concurrency: int) -> None:
        """Changes how many instances a function may have."""
        self.functions[name] = replace(self.functions[name], concurrency=concurrency)

    def retire_idle(self) -> None:
        """Ends the instances that had nothing to do for IDLE_SECONDS."""
        limit = time.monotonic() - IDLE_SECONDS
        for idle in self._idle.values():
            for instance in [instance for instance in idle if instance.idle_since < limit]:
                idle.remove(instance)
                self._end(instance)

    async def invoke(self, name: str, payload: bytes, trace: str, source: dict, request_id: str = "") -> Outcome:
        """Runs a function once. `source` goes into the log: who asked, and for how many messages."""
        function = self.functions[name]
        instance = self._take(function)
        entry = {"what": "invocation", "target": ["function", name], **source}
        if instance is None:
            self._log({**entry, "what": "throttle"})
            raise Throttled(name)
        request_id = request_id or str(uuid.uuid4())
        cold, instance.fresh = instance.fresh, False
        instance.answer = asyncio.get_running_loop().create_future()
        started = time.monotonic()
        await instance.work.put((request_id, payload, trace, started + function.timeout))
        try:
            body, failed = await asyncio.wait_for(instance.answer, function.timeout)
            self._give_back(instance)
        except asyncio.TimeoutError:
            self._end(instance)
            message = f"{request_id} Task timed out after {function.timeout:.2f} seconds"
            body, failed = json.dumps({"errorMessage": message}).encode(), True
        elapsed = round((time.monotonic() - started) * 1000, 1)
        result = {"cold": cold, "failed": failed, "ms": elapsed, "request": request_id, **_reading(body)}
        self._log({**entry, **result})
        return Outcome(body, failed, cold, request_id)

    def _take(self, function: shop.Function) -> Instance | None:
        idle = self._idle[function.name]
        if idle:
            return idle.pop()
        if sum(instance.function.name == function.name for instance in self._all.values()) >= function.concurrency:
            return None
        return self._start(function)

    def _give_back(self, instance: Instance) -> None:
        if instance.function.version != self.functions[instance.function.name].version:
            self._end(instance)
            return
        instance.idle_since = time.monotonic()
        self._idle[instance.function.name].append(instance)

    def _start(self, function: shop.Function) -> Instance:
        self._serial += 1
        instance = Instance(f"{function.module}-{self._serial}", function)
        self._all[instance.id] = instance
        self._nursery.start(instance.id, self._environment_of(instance))
        return instance

    def _end(self, instance: Instance) -> None:
        self._all.pop(instance.id, None)
        self._nursery.end(instance.id)
        if instance.asking:
            instance.asking.cancel()

    def stop(self) -> None:
        """Ends all instances."""
        for instance in list(self._all.values()):
            self._end(instance)

    def _environment_of(self, instance: Instance) -> dict[str, str]:
        function = instance.function
        day = datetime.now(timezone.utc).strftime("%Y/%m/%d")
        return {
            **self._environment,
            "_HANDLER": f"{function.module}.handler",
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": function.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": f"{day}/[{function.version}]{secrets.token_hex(16)}",
            "AWS_LAMBDA_RUNTIME_API": f"{self.runtime_address}/instance/{instance.id}",
            "AWS_SDK_UA_APP_ID": function.name,
            "OTEL_PROPAGATORS": function.propagators,
            "OTEL_SERVICE_NAME": function.name,
        }

    # The runtime API, which every instance's runtime interface client asks.

    def runtime_routes(self) -> list[web.RouteDef]:
        base = "/instance/{instance}/2018-06-01/runtime"
        return [
            web.get(f"{base}/invocation/next", self._next),
            web.post(base + "/invocation/{request}/response", self._response),
            web.post(base + "/invocation/{request}/error", self._error),
            web.post(f"{base}/init/error", self._init_error),
        ]

    async def _next(self, request: web.Request) -> web.Response:
        instance = self._all.get(request.match_info["instance"])
        if instance is None:
            return web.Response(status=410)
        instance.asking = asyncio.current_task()
        request_id, payload, trace, deadline = await instance.work.get()
        instance.asking = None
        arn = f"arn:aws:lambda:{shop.REGION}:{shop.ACCOUNT}:function:{instance.function.name}:live"
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + deadline - time.monotonic()) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": arn,
            "Lambda-Runtime-Trace-Id": trace,
        }
        return web.Response(body=payload, headers=headers, content_type="application/json")

    async def _response(self, request: web.Request) -> web.Response:
        return await self._answered(request, failed=False)

    async def _error(self, request: web.Request) -> web.Response:
        return await self._answered(request, failed=True)

    async def _answered(self, request: web.Request, failed: bool) -> web.Response:
        body = await request.read()
        instance = self._all.get(request.match_info["instance"])
        if instance and instance.answer and not instance.answer.done():
            instance.answer.set_result((body, failed))
        return web.json_response({"status": "OK"}, status=202)

    async def _init_error(self, request: web.Request) -> web.Response:
        raise RuntimeError(f"{request.match_info['instance']} could not start: {await request.text()}")

    # The public API, which functions ask through boto3.

    async def invoke_api(self, request: web.Request) -> web.Response:
        """POST /2015-03-31/functions/NAME/invocations"""
        name = request.match_info["name"].split(":")[0]
        caller = application_of(request.headers.get("User-Agent", ""))
        source = {"source": ["function", caller], "call": request.headers.get("amz-sdk-invocation-id")}
        payload = await request.read()
        try:
            outcome = await self.invoke(name, payload, passed_on(request.headers.get("X-Amzn-Trace-Id")), source)
        except Throttled:
            answer = {
                "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
                "Type": "User",
                "message": "Rate Exceeded.",
            }
            headers = {"x-amzn-RequestId": str(uuid.uuid4()), "x-amzn-ErrorType": "TooManyRequestsException"}
            return web.json_response(answer, status=429, headers=headers)
        headers = {"x-amzn-RequestId": outcome.request_id, "X-Amz-Executed-Version": self.functions[name].version}
        if outcome.failed:
            headers["X-Amz-Function-Error"] = "Unhandled"
        return web.Response(body=outcome.payload, headers=headers, content_type="application/json")


def _reading(body: bytes) -> dict:
    """What an answer says by itself: an HTTP status, or messages that failed."""
    try:
        answer = json.loads(body or b"null")
    except ValueError:
        return {}
    if not isinstance(answer, dict):
        return {}
    reading = {}
    if isinstance(answer.get("statusCode"), int):
        reading["status"] = answer["statusCode"]
    if isinstance(answer.get("batchItemFailures"), list):
        reading["item_failures"] = len(answer["batchItemFailures"])
    return reading


def new_trace() -> str:
    """An X-Ray header as an actively traced function finds it: its parent is a segment that only X-Ray has."""
    return f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)};Parent={secrets.token_hex(8)};Sampled=1"


def passed_on(header: str | None) -> str:
    """The header that the callee finds: the caller's trace, and a segment of the Lambda service as parent."""
    root = next((part for part in (header or "").split(";") if part.startswith("Root=")), None)
    return f"{root};Parent={secrets.token_hex(8)};Sampled=1" if root else new_trace()
