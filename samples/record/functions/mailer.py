"""An order was paid: send the confirmation by mail."""

import json

import requests

_session = requests.Session()


def handler(event, context):
    for record in event["Records"]:
        order = json.loads(record["Sns"]["Message"])
        answer = _session.post(
            "https://api.mail.example/v1/messages",
            json={"to": order["customer"], "template": "paid", "order": order["order"]},
            timeout=(1.0, 3.0),
        )
        answer.raise_for_status()
