"""On a schedule: read the statistics, write a report to the bucket."""

import json

import boto3

_table = boto3.resource("dynamodb").Table("order-stats")
_s3 = boto3.client("s3")


def handler(event, context):
    minutes = _table.scan()["Items"]
    report = {str(item["minute"]): int(item["paid"]) for item in minutes}
    _s3.put_object(Bucket="shop-files", Key=f"reports/{event['id']}.json", Body=json.dumps(report).encode())
    return {"minutes": len(report)}
