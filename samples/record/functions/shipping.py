"""A batch of shipments from the queue: capture the payment, write the label. Failed ones come again."""

import json

import boto3
from botocore.exceptions import ClientError
from calling import CalleeFailed, call

_s3 = boto3.client("s3")


def handler(event, context):
    failed = []
    for record in event["Records"]:
        shipment = json.loads(record["body"])
        try:
            call("shop-payment", {"action": "capture", "charge": shipment["charge"]})
            _s3.put_object(
                Bucket="shop-files", Key=f"labels/{shipment['order']}.txt", Body=json.dumps(shipment).encode()
            )
        except (CalleeFailed, ClientError):
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
