"""Plays what calls functions by itself: API Gateway, and SQS, SNS, S3 and schedule triggers.

Each builds the event that AWS documents for it, from what moto really holds (message ids, bodies,
attributes), and says in the log who asked and for how many messages.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import uuid
from datetime import datetime, timezone

import aiohttp

import shop
from cloud import Cloud
from lambda_service import Lambda, Throttled, new_trace, passed_on

# Lambda waits a minute, then two, before it repeats a failed asynchronous invocation; shorter here.
ASYNC_RETRY_SECONDS = (8.0, 16.0)
BATCH_SIZE = 5
BATCH_WINDOW_SECONDS = 0.8


class Gateway:
    """An HTTP API with payload format 2.0."""

    def __init__(self, functions: Lambda) -> None:
        self._lambda = functions

    async def request(self, method: str, path: str, query: str, agent: str, address: str, body=None) -> int:
        """One request of one user; the HTTP status that the user gets."""
        name = shop.route(method, path)
        trace = new_trace()
        source = {"source": ["api", shop.API_HOST]}
        event = _http_event(method, path, query, agent, address, body, trace.split(";")[0])
        try:
            outcome = await self._lambda.invoke(name, json.dumps(event).encode(), trace, source)
        except Throttled:
            return 503
        return 502 if outcome.failed else json.loads(outcome.payload)["statusCode"]


def _http_event(method, path, query, agent, address, body, root) -> dict:
    now = datetime.now(timezone.utc)
    headers = {
        "accept": "application/json",
        "content-length": str(len(body or "")),
        "host": shop.API_HOST,
        "user-agent": agent,
        "x-amzn-trace-id": root,
        "x-forwarded-for": address,
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }
    key = f"{method} {path}"
    event = {
        "version": "2.0",
        "routeKey": key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": shop.ACCOUNT,
            "apiId": shop.API_HOST.split(".")[0],
            "domainName": shop.API_HOST,
            "domainPrefix": shop.API_HOST.split(".")[0],
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": address,
                "userAgent": agent,
            },
            "requestId": base64.b64encode(secrets.token_bytes(11)).decode(),
            "routeKey": key,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    if query:
        event["queryStringParameters"] = dict(part.split("=", 1) for part in query.split("&"))
    if body is not None:
        event["body"] = body
    return event


class Sources:
    """The triggers that are not requests of users."""

    def __init__(self, functions: Lambda, cloud: Cloud, session: aiohttp.ClientSession, log) -> None:
        self._lambda = functions
        self._cloud = cloud
        self._session = session
        self._log = log
        self._retries: set[asyncio.Task] = set()
        self.stopping = False

    def waiting(self) -> int:
        """How many asynchronous invocations are not over."""
        return len(self._retries)

    def start(self, shipment_pollers: int) -> list[asyncio.Task]:
        """Starts all pollers and the schedule."""
        jobs = [self._poll_shipments() for _ in range(shipment_pollers)]
        jobs += [self._relay_sns(), self._relay_s3(), self._schedule()]
        return [asyncio.create_task(job) for job in jobs]

    async def depth(self) -> dict[str, int]:
        """How many messages each queue holds, seen and unseen; for the drain at the end."""
        depth = {}
        for queue in (shop.QUEUE, shop.DEAD_LETTERS, shop.SNS_RELAY, shop.S3_RELAY):
            answer = await self._sqs("GetQueueAttributes", queue, AttributeNames=["All"])
            counts = answer["Attributes"]
            depth[queue] = int(counts["ApproximateNumberOfMessages"]) + int(
                counts["ApproximateNumberOfMessagesNotVisible"]
            )
        return depth

    async def _sqs(self, operation: str, queue: str, **asked) -> dict:
        asked["QueueUrl"] = f"https://sqs.{shop.REGION}.amazonaws.com/{shop.ACCOUNT}/{queue}"
        headers = {
            "X-Amz-Target": f"AmazonSQS.{operation}",
            "Authorization": f"AWS4-HMAC-SHA256 Credential=EDGE/20260101/{shop.REGION}/sqs/aws4_request, "
            "SignedHeaders=host, Signature=0",
        }
        data = json.dumps(asked).encode()
        headers["Content-Type"] = "application/x-amz-json-1.0"
        url = f"https://127.0.0.1:{self._cloud.port}/"
        async with self._session.post(url, data=data, headers=headers) as answer:
            body = await answer.read()
            if answer.status != 200:
                raise RuntimeError(f"SQS {operation} {queue}: HTTP {answer.status} {body[:300]!r}")
            return json.loads(body) if body else {}

    async def _receive(self, queue: str, most: int) -> list[dict]:
        names = {"AttributeNames": ["All"], "MessageAttributeNames": ["All"]}
        answer = await self._sqs("ReceiveMessage", queue, MaxNumberOfMessages=most, WaitTimeSeconds=0, **names)
        return answer.get("Messages", [])

    async def _delete(self, queue: str, messages: list[dict]) -> None:
        entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
        if entries:
            await self._sqs("DeleteMessageBatch", queue, Entries=entries)

    # SQS: an event source mapping with ReportBatchItemFailures.

    async def _poll_shipments(self) -> None:
        while not self.stopping:
            batch = await self._receive(shop.QUEUE, BATCH_SIZE)
            if not batch:
                await asyncio.sleep(0.25)
                continue
            if len(batch) < BATCH_SIZE:
                await asyncio.sleep(BATCH_WINDOW_SECONDS)
                batch += await self._receive(shop.QUEUE, BATCH_SIZE - len(batch))
            await self._deliver_shipments(batch)

    async def _deliver_shipments(self, batch: list[dict]) -> None:
        event = {"Records": [_sqs_record(message) for message in batch]}
        source = {"source": ["queue", shop.QUEUE], "count": len(batch)}
        try:
            payload = json.dumps(event).encode()
            outcome = await self._lambda.invoke("shop-shipping", payload, new_trace(), source)
        except Throttled:
            # The messages come back when they are visible again; the poller slows down.
            await asyncio.sleep(1.0)
            return
        if outcome.failed:
            return
        failures = (json.loads(outcome.payload) or {}).get("batchItemFailures", [])
        failed = {failure["itemIdentifier"] for failure in failures}
        await self._delete(shop.QUEUE, [message for message in batch if message["MessageId"] not in failed])

    # SNS: moto's topic delivers to a queue of the edge, the edge invokes the subscribers.

    async def _relay_sns(self) -> None:
        while not self.stopping:
            messages = await self._receive(shop.SNS_RELAY, 10)
            for message in messages:
                envelope = json.loads(message["Body"])
                trace = self._cloud.publish_traces.pop(envelope["MessageId"], None)
                for name in ("shop-mailer", "shop-analytics"):
                    event = _sns_event(name, envelope)
                    self._invoke_async(name, event, passed_on(trace), ["topic", shop.TOPIC])
            await self._delete(shop.SNS_RELAY, messages)
            await asyncio.sleep(0.0 if messages else 0.15)

    # S3: moto's bucket notifies a queue of the edge.

    async def _relay_s3(self) -> None:
        while not self.stopping:
            messages = await self._receive(shop.S3_RELAY, 10)
            for message in messages:
                event = json.loads(message["Body"])
                if "Records" in event:  # not the test event of a new notification
                    self._invoke_async("shop-label-indexer", event, new_trace(), ["bucket", shop.BUCKET])
            await self._delete(shop.S3_RELAY, messages)
            await asyncio.sleep(0.0 if messages else 0.15)

    # EventBridge.

    async def _schedule(self) -> None:
        await asyncio.sleep(4.0)
        while not self.stopping:
            arn = f"arn:aws:events:{shop.REGION}:{shop.ACCOUNT}:rule/{shop.SCHEDULE}"
            event = {
                "version": "0",
                "id": str(uuid.uuid4()),
                "detail-type": "Scheduled Event",
                "source": "aws.events",
                "account": shop.ACCOUNT,
                "time": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "region": shop.REGION,
                "resources": [arn],
                "detail": {},
            }
            self._invoke_async("shop-report", event, new_trace(), ["schedule", shop.SCHEDULE])
            await asyncio.sleep(15.0)

    # Lambda's own queue for asynchronous invocations: a failed one runs twice more, with the same request id.

    def _invoke_async(self, name: str, event: dict, trace: str, source: list[str]) -> None:
        task = asyncio.create_task(self._with_retries(name, json.dumps(event).encode(), trace, source))
        self._retries.add(task)
        task.add_done_callback(self._retries.discard)

    async def _with_retries(self, name: str, payload: bytes, trace: str, source: list[str]) -> None:
        request_id = str(uuid.uuid4())
        failures, throttles = 0, 0
        while True:
            try:
                outcome = await self._lambda.invoke(name, payload, trace, {"source": source}, request_id)
            except Throttled:
                throttles += 1
                await asyncio.sleep(min(1.0 * 2**throttles, 20.0))
                continue
            if not outcome.failed:
                return
            if failures == len(ASYNC_RETRY_SECONDS):
                self._log({"what": "dropped", "source": source, "target": ["function", name]})
                return
            await asyncio.sleep(ASYNC_RETRY_SECONDS[failures])
            failures += 1


def _sqs_record(message: dict) -> dict:
    attributes = {
        name: {
            "stringValue": value.get("StringValue"),
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": value["DataType"],
        }
        for name, value in message.get("MessageAttributes", {}).items()
    }
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": attributes,
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{shop.REGION}:{shop.ACCOUNT}:{shop.QUEUE}",
        "awsRegion": shop.REGION,
    }


def _sns_event(name: str, envelope: dict) -> dict:
    subscription = f"{shop.TOPIC_ARN}:{uuid.uuid5(uuid.NAMESPACE_DNS, name)}"
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription,
        "Sns": {**envelope, "UnsubscribeUrl": envelope.get("UnsubscribeURL"), "SignatureVersion": "1"},
    }
    return {"Records": [record]}


