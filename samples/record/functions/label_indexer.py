"""A label was written to the bucket: note on the order where it is."""

import boto3

_table = boto3.resource("dynamodb").Table("orders")


def handler(event, context):
    for record in event["Records"]:
        key = record["s3"]["object"]["key"].replace("%2F", "/")
        order_id = key.rsplit("/", 1)[-1].removesuffix(".txt")
        _table.update_item(
            Key={"id": order_id},
            UpdateExpression="SET label = :l",
            ExpressionAttributeValues={":l": key},
        )
