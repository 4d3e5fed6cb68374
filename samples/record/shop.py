"""The shop: its functions, tables, queue, topic and bucket, as data. Everything else reads it here.

Limits are small, so that bursts are throttled and start new instances within minutes.
"""

from __future__ import annotations

from dataclasses import dataclass

REGION = "eu-west-1"
ACCOUNT = "123456789012"
API_HOST = f"a1b2c3d4e5.execute-api.{REGION}.amazonaws.com"
QUEUE = "shipments"
DEAD_LETTERS = "shipments-dlq"
TOPIC = "order-events"
TOPIC_ARN = f"arn:aws:sns:{REGION}:{ACCOUNT}:{TOPIC}"
BUCKET = "shop-files"
LABELS = "labels/"
SCHEDULE = "shop-report-every-15s"
PAYMENTS_HOST = "api.payments.example"
MAIL_HOST = "api.mail.example"
# Queues through which moto hands its SNS and S3 notifications to the edge; no function sees them.
SNS_RELAY = "edge-sns"
S3_RELAY = "edge-s3"

# The community OpenTelemetry layer's default, and two settings of teams that trace with X-Ray.
LAYER = "tracecontext,baggage,xray"
LAYER_AND_XRAY = "tracecontext,baggage,xray-lambda"
XRAY = "xray-lambda"


@dataclass(frozen=True)
class Function:
    """One Lambda function as it is deployed."""

    name: str
    module: str  # in functions/; its entry point is `handler`
    concurrency: int  # reserved concurrency: past it, invocations are throttled
    propagators: str  # OTEL_PROPAGATORS
    memory: int = 256  # MB
    timeout: float = 30.0  # seconds
    version: str = "1"


FUNCTIONS = {
    function.name: function
    for function in (
        Function("shop-web-orders", "orders", 12, LAYER, memory=512, version="31"),
        Function("shop-catalog", "catalog", 8, LAYER, version="12"),
        Function("shop-profile", "profile", 4, LAYER, version="5"),
        Function("shop-pricing", "pricing", 4, LAYER, version="7"),
        Function("shop-payment", "payment", 4, XRAY, memory=512, version="18"),
        Function("shop-shipping", "shipping", 2, LAYER_AND_XRAY, version="9"),
        Function("shop-label-indexer", "label_indexer", 3, LAYER_AND_XRAY, version="3"),
        Function("shop-mailer", "mailer", 4, LAYER_AND_XRAY, version="6"),
        Function("shop-analytics", "analytics", 4, LAYER_AND_XRAY, version="4"),
        Function("shop-report", "report", 1, LAYER, memory=1024, version="2"),
    )
}

PRODUCTS = [
    (f"{kind}-{number:02d}", kind, price + number)
    for kind, price in (("lamp", 49), ("chair", 129), ("table", 399), ("rug", 89), ("vase", 25))
    for number in range(1, 9)
]
CUSTOMERS = [f"c-{number:04d}" for number in range(1, 61)]


def route(method: str, path: str) -> str | None:
    """The function behind a route of the HTTP API."""
    if method == "POST" and path == "/orders":
        return "shop-web-orders"
    if method == "GET" and path.startswith("/products"):
        return "shop-catalog"
    if method == "GET" and path.startswith("/profile/"):
        return "shop-profile"
    return None
