"""GET /profile/ID is a customer; GET /profile/ID/orders are that customer's orders too."""

import json

import boto3
from boto3.dynamodb.conditions import Key

_database = boto3.resource("dynamodb")
_customers = _database.Table("customers")
_orders = _database.Table("orders")


def handler(event, context):
    parts = event["requestContext"]["http"]["path"].strip("/").split("/")
    customer = _customers.get_item(Key={"id": parts[1]}).get("Item")
    if customer is None:
        return {"statusCode": 404, "body": json.dumps({"error": "no such customer"})}
    answer = {"id": customer["id"], "name": customer["name"]}
    if parts[-1] == "orders":
        found = _orders.query(
            IndexName="by-customer", KeyConditionExpression=Key("customer").eq(parts[1]), Limit=20
        )
        answer["orders"] = [item["id"] for item in found["Items"]]
    return {"statusCode": 200, "body": json.dumps(answer)}
