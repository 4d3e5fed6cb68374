"""Invoke another function and wait for its answer, as all functions of the shop do."""

import json

import boto3

_lambda = boto3.client("lambda")


class CalleeFailed(Exception):
    """The function that was called raised an error."""


def call(name, payload):
    """Returns what function `name` answered to `payload`; raises CalleeFailed if it raised."""
    answer = _lambda.invoke(FunctionName=name, Payload=json.dumps(payload))
    body = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise CalleeFailed(f"{name}: {body.get('errorType')}: {body.get('errorMessage')}")
    return body
