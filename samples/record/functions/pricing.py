"""Adds up what some products cost today. A product that is not for sale is an error."""

import random
import time

import boto3

_database = boto3.resource("dynamodb")


def handler(event, context):
    items = {item["sku"]: item["count"] for item in event["items"]}
    found = _database.batch_get_item(RequestItems={"products": {"Keys": [{"sku": sku} for sku in items]}})
    prices = {item["sku"]: float(item["price"]) for item in found["Responses"]["products"]}
    missing = sorted(set(items) - set(prices))
    if missing:
        raise LookupError(f"not for sale: {', '.join(missing)}")
    # Campaign rules: mostly quick, now and then a long look.
    time.sleep(random.lognormvariate(-4.6, 0.7))
    return {"total": round(sum(prices[sku] * count for sku, count in items.items()), 2)}
