"""An order was paid: count it, by the minute."""

import time

import boto3

_table = boto3.resource("dynamodb").Table("order-stats")


def handler(event, context):
    for _ in event["Records"]:
        _table.update_item(
            Key={"minute": int(time.time() // 60)},
            UpdateExpression="ADD paid :one",
            ExpressionAttributeValues={":one": 1},
        )
