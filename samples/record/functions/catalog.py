"""GET /products?category=… lists a category; GET /products/SKU is one product with today's price."""

import json

import boto3
from boto3.dynamodb.conditions import Key
from calling import CalleeFailed, call

_table = boto3.resource("dynamodb").Table("products")


def handler(event, context):
    path = event["requestContext"]["http"]["path"]
    if path == "/products":
        category = (event.get("queryStringParameters") or {}).get("category", "lamp")
        found = _table.query(IndexName="by-category", KeyConditionExpression=Key("category").eq(category))
        return _answer(200, [item["sku"] for item in found["Items"]])
    sku = path.rsplit("/", 1)[-1]
    if "Item" not in _table.get_item(Key={"sku": sku}):
        return _answer(404, {"error": f"no product {sku}"})
    try:
        price = call("shop-pricing", {"items": [{"sku": sku, "count": 1}]})
    except CalleeFailed as failure:
        return _answer(502, {"error": str(failure)})
    return _answer(200, {"sku": sku, "price": price["total"]})


def _answer(status, body):
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
