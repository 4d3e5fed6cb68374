"""Records one sample: starts moto, the edge, the functions and the collector; plays a scenario; stops.

    python record.py webshop --collector PATH --out ../webshop.jsonl.zst
    python record.py incident --otlp http://127.0.0.1:4318 --log incident.log.jsonl

With --otlp the spans go to a collector that already runs, and nothing is written but the log.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import aiohttp
import boto3
from aiohttp import web

import certificates
import shop
import truth
from cloud import Cloud
from collector import Collector
from lambda_service import Lambda
from sources import Gateway, Sources
from traffic import SCENARIOS, Users
from world import World

HERE = Path(__file__).parent
# Longest wait for queues and retries to come to rest after the last user left.
DRAIN_SECONDS = 120.0


class Log:
    """What the edge saw, a JSON line each, with seconds since the start. Written to from several threads."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w")
        self._lock = threading.Lock()
        self._started = time.monotonic()

    def __call__(self, entry: dict) -> None:
        line = json.dumps({"t": round(time.monotonic() - self._started, 3), **entry})
        with self._lock:
            self._file.write(line + "\n")

    def close(self) -> None:
        self._file.close()


class Nursery:
    """The process that forks instances."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, HERE / "nursery.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError("the nursery did not start; its error is above")
        self._process.stdout.close()

    def start(self, instance: str, environment: dict[str, str]) -> None:
        self._send({"start": instance, "env": environment})

    def end(self, instance: str) -> None:
        self._send({"end": instance})

    def stop(self) -> None:
        self._process.stdin.close()
        self._process.wait(10)

    def _send(self, order: dict) -> None:
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()


def environment(folder: Path, otlp: str, ports: dict[str, int], instrumentations: str) -> dict[str, str]:
    """What all functions have in their environment."""
    return {
        "AWS_REGION": shop.REGION,
        "AWS_DEFAULT_REGION": shop.REGION,
        "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE000000000",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
        "AWS_CA_BUNDLE": str(folder / "ca.pem"),
        "REQUESTS_CA_BUNDLE": str(folder / "ca.pem"),
        "AWS_MAX_ATTEMPTS": "3",
        "AWS_EC2_METADATA_DISABLED": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": otlp,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_PYTHON_ENABLED_INSTRUMENTATIONS": instrumentations,
        "RECORD_PORTS": json.dumps(ports),
        "RECORD_CONSOLE": os.environ.get("RECORD_CONSOLE", os.devnull),
        "no_proxy": "*",
    }


def furnish(cloud: Cloud, ca: Path) -> None:
    """Makes the shop's tables, queues, topic and bucket, and fills the shelves."""

    def client(service: str):
        url = f"https://127.0.0.1:{cloud.port}"
        keys = {"aws_access_key_id": "EDGE", "aws_secret_access_key": "secret"}
        return boto3.client(service, endpoint_url=url, verify=str(ca), region_name=shop.REGION, **keys)

    dynamodb, sqs, sns, s3 = (client(service) for service in ("dynamodb", "sqs", "sns", "s3"))
    for name, key, kind, index in (
        ("orders", "id", "S", "customer"),
        ("products", "sku", "S", "category"),
        ("customers", "id", "S", None),
        ("order-stats", "minute", "N", None),
    ):
        attributes = [{"AttributeName": key, "AttributeType": kind}]
        options = {}
        if index:
            attributes.append({"AttributeName": index, "AttributeType": "S"})
            schema = [{"AttributeName": index, "KeyType": "HASH"}]
            projection = {"ProjectionType": "ALL"}
            indexes = [{"IndexName": f"by-{index}", "KeySchema": schema, "Projection": projection}]
            options["GlobalSecondaryIndexes"] = indexes
        dynamodb.create_table(
            TableName=name,
            AttributeDefinitions=attributes,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            **options,
        )
    for sku, category, price in shop.PRODUCTS:
        item = {"sku": {"S": sku}, "category": {"S": category}, "price": {"N": str(price)}}
        dynamodb.put_item(TableName="products", Item=item)
    for customer in shop.CUSTOMERS:
        dynamodb.put_item(TableName="customers", Item={"id": {"S": customer}, "name": {"S": f"Customer {customer}"}})

    arn = f"arn:aws:sqs:{shop.REGION}:{shop.ACCOUNT}:"
    for queue in (shop.DEAD_LETTERS, shop.SNS_RELAY, shop.S3_RELAY):
        sqs.create_queue(QueueName=queue)
    redrive = json.dumps({"deadLetterTargetArn": arn + shop.DEAD_LETTERS, "maxReceiveCount": 3})
    attributes = {"VisibilityTimeout": str(int(shop.FUNCTIONS["shop-shipping"].timeout)), "RedrivePolicy": redrive}
    sqs.create_queue(QueueName=shop.QUEUE, Attributes=attributes)
    sns.create_topic(Name=shop.TOPIC)
    sns.subscribe(TopicArn=shop.TOPIC_ARN, Protocol="sqs", Endpoint=arn + shop.SNS_RELAY)
    s3.create_bucket(Bucket=shop.BUCKET, CreateBucketConfiguration={"LocationConstraint": shop.REGION})
    labels = {"Key": {"FilterRules": [{"Name": "prefix", "Value": shop.LABELS}]}}
    to_relay = {"QueueArn": arn + shop.S3_RELAY, "Events": ["s3:ObjectCreated:*"], "Filter": labels}
    s3.put_bucket_notification_configuration(
        Bucket=shop.BUCKET, NotificationConfiguration={"QueueConfigurations": [to_relay]}
    )


async def serve(app: web.Application, tls: ssl.SSLContext | None) -> tuple[web.AppRunner, int]:
    """Serves `app` on a free local port."""
    # Instances that wait for work hold their connections open; nothing is lost by cutting those.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    return runner, runner.addresses[0][1]


def public_app(functions: Lambda, world: World) -> web.Application:
    """What functions reach over HTTPS besides moto: Lambda's API and the providers, told apart by host."""

    async def by_host(request: web.Request) -> web.StreamResponse:
        if request.host.startswith("lambda."):
            return await functions.invoke_api(request)
        return await world.answer(request)

    app = web.Application()
    app.router.add_post("/2015-03-31/functions/{name}/invocations", by_host)
    app.router.add_route("*", "/{rest:.*}", by_host)
    return app


async def play(scenario, otlp: str, instrumentations: str, log: Log, folder: Path) -> None:
    """Everything between the first process and the last span."""
    tls = certificates.make(folder)
    cloud = Cloud(tls, log)
    await asyncio.to_thread(furnish, cloud, folder / "ca.pem")
    world = World(log)
    ports: dict[str, int] = {}
    common = environment(folder, otlp, ports, instrumentations)
    nursery = Nursery(common)
    functions = Lambda(log, nursery, common)
    runtime_app = web.Application(client_max_size=8 << 20)
    runtime_app.add_routes(functions.runtime_routes())
    runtime, port = await serve(runtime_app, None)
    functions.runtime_address = f"127.0.0.1:{port}"
    public, port = await serve(public_app(functions, world), tls)
    local = {f"lambda.{shop.REGION}.amazonaws.com": port, shop.PAYMENTS_HOST: port, shop.MAIL_HOST: port}
    common["RECORD_PORTS"] = json.dumps({**local, "amazonaws.com": cloud.port})

    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=folder / "ca.pem"))
    async with aiohttp.ClientSession(connector=connector) as session:
        sources = Sources(functions, cloud, session, log)
        users = Users(scenario, Gateway(functions))
        pollers = sources.start(scenario.shipment_pollers)
        aside = [asyncio.create_task(reap(functions)), asyncio.create_task(report(users, functions, sources))]
        try:
            story = asyncio.create_task(tell(users, world, functions, sources))
            done, _ = await asyncio.wait({story, *pollers, *aside}, return_when=asyncio.FIRST_COMPLETED)
            for job in done:
                job.result()  # a poller that died would leave a quiet hole in the recording
        finally:
            sources.stopping = True
            for job in aside:
                job.cancel()
            await asyncio.wait(pollers, timeout=20)
            functions.stop()
            nursery.stop()
            await public.cleanup()
            await runtime.cleanup()
            cloud.stop()


async def tell(users: Users, world: World, functions: Lambda, sources: Sources) -> None:
    """The whole story, until nothing is on its way any more."""
    await users.play(world, functions)
    await drain(users, functions, sources)


async def reap(functions: Lambda) -> None:
    while True:
        await asyncio.sleep(1.0)
        functions.retire_idle()


async def report(users: Users, functions: Lambda, sources: Sources) -> None:
    started = time.monotonic()
    while True:
        await asyncio.sleep(10.0)
        depth = await sources.depth()
        told = f"{users.visiting()} requests, {functions.busy()} busy instances, {depth[shop.QUEUE]} shipments"
        print(f"{time.monotonic() - started:5.0f} s  {told}, {depth[shop.DEAD_LETTERS]} dead", flush=True)


async def drain(users: Users, functions: Lambda, sources: Sources) -> None:
    """Waits until nothing is on its way any more. Dead letters stay where they are."""
    end = time.monotonic() + DRAIN_SECONDS
    quiet = 0
    while quiet < 3:
        if time.monotonic() > end:
            raise SystemExit(f"still busy {DRAIN_SECONDS:.0f} s after the last user: {await sources.depth()}")
        await asyncio.sleep(0.5)
        depth = await sources.depth()
        waiting = sum(depth.values()) - depth[shop.DEAD_LETTERS]
        quiet = 0 if users.visiting() or functions.busy() or sources.waiting() or waiting else quiet + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", choices=SCENARIOS)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--collector", type=Path, help="the spanfall-collector to start and record with")
    where.add_argument("--otlp", help="send the spans to this OTLP/HTTP endpoint instead")
    parser.add_argument("--out", type=Path, help="the recording; with --collector")
    parser.add_argument("--log", type=Path, help="keep the edge's log here")
    parser.add_argument("--console", type=Path, help="keep what the functions print here")
    parser.add_argument("--seconds", type=float, help="play only so much of the scenario")
    asked = parser.parse_args()
    if asked.collector and not asked.out:
        parser.error("--collector needs --out")
    scenario = SCENARIOS[asked.scenario]
    if asked.console:
        os.environ["RECORD_CONSOLE"] = str(asked.console)
    if asked.seconds:
        scenario.seconds = asked.seconds

    with tempfile.TemporaryDirectory(prefix="spanfall-record-") as temporary:
        folder = Path(temporary)
        log_path = asked.log or folder / "log.jsonl"
        log = Log(log_path)
        collector = Collector(asked.collector, folder) if asked.collector else None
        otlp = collector.start() if collector else asked.otlp
        try:
            asyncio.run(play(scenario, otlp, scenario.instrumentations, log, folder))
        finally:
            if collector:
                collector.stop()
            log.close()
        if collector:
            collector.collect(asked.out)
            name = asked.out.name.split(".")[0]
            truth.write(log_path, asked.out.with_name(f"{name}.truth.json"))


if __name__ == "__main__":
    main()
