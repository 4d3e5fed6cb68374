"""Plays the world outside: the payment provider and the mail provider, with moods that scenarios change.

In: HTTPS requests of functions. Out: answers, late ones and bad ones among them, and one log entry each.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from dataclasses import dataclass

from aiohttp import web

import shop

# The only functions that know these hosts.
CALLERS = {shop.PAYMENTS_HOST: "shop-payment", shop.MAIL_HOST: "shop-mailer"}

# What a request that hangs would be told, were its caller still there.
HANGING = 504


@dataclass
class Mood:
    """How a provider does at the moment."""

    latency: float  # median seconds
    spread: float = 0.45  # standard deviation of the logarithm
    broken: float = 0.0  # share answered with HTTP 500 or 503
    hanging: float = 0.0  # share that is not answered in time
    limited: float = 0.0  # share answered with HTTP 429
    refused: float = 0.0  # share answered with HTTP 402: the customer's card is declined
    captures: float = 1.0  # how many times longer a capture takes than a charge


class World:
    """Both providers."""

    def __init__(self, log) -> None:
        self.moods = {
            shop.PAYMENTS_HOST: Mood(0.11, broken=0.012, refused=0.03),
            shop.MAIL_HOST: Mood(0.05, broken=0.004, limited=0.01),
        }
        self._log = log

    async def answer(self, request: web.Request) -> web.Response:
        host = request.host.split(":")[0]
        mood = self.moods[host]
        await request.read()
        capture = request.path.endswith("/capture")
        status = _status(mood, capture)
        seconds = mood.latency * random.lognormvariate(0, mood.spread) * (mood.captures if capture else 1.0)
        if status == HANGING:
            seconds = random.uniform(4.0, 6.0)
        await asyncio.sleep(min(seconds, 6.0))
        gone = request.transport is None or request.transport.is_closing()
        self._log(
            {
                "what": "request",
                "source": ["function", CALLERS[host]],
                "target": ["host", host],
                "operation": request.method,
                "status": None if gone else status,
                "error": "timeout" if gone else None,
                "ms": round(seconds * 1000),
            }
        )
        return web.json_response(_body(request, status), status=status)


def _status(mood: Mood, capture: bool) -> int:
    dice = random.random()
    for share, status in (
        (mood.hanging, HANGING),
        (mood.broken, random.choice((500, 503, 503))),
        (mood.limited, 429),
        (0.0 if capture else mood.refused, 402),
    ):
        if dice < share:
            return status
        dice -= share
    return 200


def _body(request: web.Request, status: int) -> dict:
    if status == 402:
        return {"id": str(uuid.uuid4()), "status": "declined"}
    if status >= 400:
        return {"error": "try again later"}
    if request.path.endswith("/capture"):
        return {"id": request.path.split("/")[-2], "status": "captured"}
    return {"id": str(uuid.uuid4()), "status": "authorized"}
