"""POST /orders: price it, note it, charge it, then tell shipping and everyone else."""

import json
import time
from decimal import Decimal

import boto3
from botocore.exceptions import ClientError
from calling import CalleeFailed, call

_table = boto3.resource("dynamodb").Table("orders")
_sqs = boto3.client("sqs")
_sns = boto3.client("sns")
_queue_url = "https://sqs.eu-west-1.amazonaws.com/123456789012/shipments"
_topic_arn = "arn:aws:sns:eu-west-1:123456789012:order-events"


def handler(event, context):
    order = json.loads(event["body"])
    order_id = order["id"]
    try:
        total = call("shop-pricing", {"items": order["items"]})["total"]
        if not _note(order, total):
            return _answer(409, {"order": order_id, "error": "this order exists already"})
        charge = call("shop-payment", {"action": "charge", "order": order_id, "amount": total})
    except CalleeFailed as failure:
        return _answer(502, {"order": order_id, "error": str(failure)})
    except ClientError as failure:
        return _answer(503, {"order": order_id, "error": failure.response["Error"]["Code"]})
    if charge["status"] != "authorized":
        _set_status(order_id, "declined")
        return _answer(402, {"order": order_id, "error": "the card was declined"})
    _set_status(order_id, "paid")
    _tell(order, charge["charge"])
    return _answer(201, {"order": order_id, "total": total})


def _note(order, total):
    """Writes the order once. A second request with the same id is told so; a failed one may try again."""
    try:
        _table.put_item(
            Item={
                "id": order["id"],
                "customer": order["customer"],
                "total": Decimal(str(total)),
                "status": "new",
                "at": int(time.time()),
            },
            ConditionExpression="attribute_not_exists(id) OR #s = :new",
            ExpressionAttributeNames={"#s": "status"},
            ExpressionAttributeValues={":new": "new"},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True


def _set_status(order_id, status):
    _table.update_item(
        Key={"id": order_id},
        UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": status},
    )


def _tell(order, charge):
    _sqs.send_message(
        QueueUrl=_queue_url,
        MessageBody=json.dumps({"order": order["id"], "charge": charge, "items": order["items"]}),
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "ship"}},
    )
    _sns.publish(
        TopicArn=_topic_arn,
        Message=json.dumps({"order": order["id"], "customer": order["customer"]}),
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "paid"}},
    )


def _answer(status, body):
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
