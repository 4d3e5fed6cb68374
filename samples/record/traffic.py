"""What users do, and what happens to the shop meanwhile: the two scenarios.

A scenario is its length, the users' rates over time, and the events on its way (a deployment, a
provider that fails). Users are people with browsers: when an order fails on the server's side, they
press the button again.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import shop
from lambda_service import Lambda
from sources import Gateway
from world import Mood, World

AGENTS = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 26_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1",
    "ShopApp/4.2 (Android 16)",
]


@dataclass
class Scenario:
    """One recording's story."""

    seconds: float
    orders: Callable[[float], float]  # orders a second, by seconds since the start
    browsing: Callable[[float], float]  # other requests a second
    impatience: int  # how often a user repeats an order that failed on the server's side
    instrumentations: str  # OTEL_PYTHON_ENABLED_INSTRUMENTATIONS of the layer, besides what it always has
    shipment_pollers: int  # more than shop-shipping may have instances: then Lambda throttles its own poller
    events: list[tuple[float, Callable[[World, Lambda], None]]]


def rate(base: float, bursts: list[tuple[float, float, float]]) -> Callable[[float], float]:
    """A rate that breathes by a third either way, plus bursts of (from, to, more a second)."""

    def at(t: float) -> float:
        breath = 1 + 0.2 * math.sin(t / 9.0) + 0.13 * math.sin(t / 3.7)
        return base * breath + sum(more for start, end, more in bursts if start <= t < end)

    return at


def _payments(**changes) -> Callable[[World, Lambda], None]:
    def apply(world: World, functions: Lambda) -> None:
        world.moods[shop.PAYMENTS_HOST] = Mood(**changes)

    return apply


SCENARIOS = {
    # A good day: doors open, waves, a sale that throttles and cold-starts, a deployment, a slow spell of mail.
    "webshop": Scenario(
        seconds=240,
        orders=rate(0.55, [(0, 3, 1.5), (96, 112, 3.0), (176, 184, 2.4)]),
        browsing=rate(3.2, [(0, 4, 5.0), (92, 116, 6.0), (174, 186, 4.0)]),
        impatience=1,
        instrumentations="requests,boto3sqs",
        shipment_pollers=2,
        events=[
            (142, lambda world, functions: functions.deploy("shop-pricing", "8")),
            (150, lambda world, functions: world.moods.update({shop.MAIL_HOST: Mood(0.9, broken=0.05)})),
            (170, lambda world, functions: world.moods.update({shop.MAIL_HOST: Mood(0.05, limited=0.01)})),
        ],
    ),
    # The payment provider slows down, captures first, fails, half recovers, recovers.
    "incident": Scenario(
        seconds=300,
        orders=rate(0.85, [(0, 3, 1.0)]),
        browsing=rate(2.8, [(0, 4, 4.0)]),
        impatience=3,
        instrumentations="requests",
        shipment_pollers=3,
        events=[
            (60, _payments(latency=0.45, spread=0.4, broken=0.02, refused=0.02, captures=3.0)),
            (85, _payments(latency=0.8, spread=0.35, broken=0.06, hanging=0.05, refused=0.02, captures=2.6)),
            (115, _payments(latency=1.0, spread=0.5, broken=0.4, hanging=0.45, captures=1.5)),
            (165, _payments(latency=0.7, spread=0.5, broken=0.25, hanging=0.08, limited=0.15, refused=0.02)),
            (185, _payments(latency=0.12, broken=0.01, refused=0.02)),
        ],
    ),
}


class Users:
    """Everyone who uses the shop."""

    def __init__(self, scenario: Scenario, gateway: Gateway) -> None:
        self._scenario = scenario
        self._gateway = gateway
        self._visits: set[asyncio.Task] = set()
        self._started = time.monotonic()

    def visiting(self) -> int:
        """How many requests are on their way."""
        return len(self._visits)

    async def play(self, world: World, functions: Lambda) -> None:
        """The whole scenario; returns when its time is over."""
        self._started = time.monotonic()
        jobs = [
            self._arrive(self._scenario.orders, self._order),
            self._arrive(self._scenario.browsing, self._browse),
            self._happen(world, functions),
        ]
        await asyncio.gather(*jobs)

    def _now(self) -> float:
        return time.monotonic() - self._started

    async def _arrive(self, rate_at: Callable[[float], float], visit: Callable) -> None:
        # Gamma intervals: livelier than a clock, without the long silences of a Poisson process.
        while (now := self._now()) < self._scenario.seconds:
            await asyncio.sleep(min(random.gammavariate(3.0, 1 / (3.0 * rate_at(now))), 2.0))
            task = asyncio.create_task(visit())
            self._visits.add(task)
            task.add_done_callback(self._visits.discard)

    async def _happen(self, world: World, functions: Lambda) -> None:
        for at, event in self._scenario.events:
            if at >= self._scenario.seconds:
                return
            await asyncio.sleep(max(0.0, at - self._now()))
            event(world, functions)

    async def _order(self) -> None:
        if random.random() < 0.012:
            items = [{"sku": "lava-lamp-00", "count": 1}]  # from an old bookmark: pricing raises
        else:
            skus = random.sample(shop.PRODUCTS, random.randint(1, 4))
            items = [{"sku": sku, "count": random.randint(1, 2)} for sku, _, _ in skus]
        order = {"id": uuid.uuid4().hex[:12], "customer": random.choice(shop.CUSTOMERS), "items": items}
        who = _someone()
        for attempt in range(1 + self._scenario.impatience):
            status = await self._gateway.request("POST", "/orders", "", *who, body=json.dumps(order))
            if status < 500:
                break
            await asyncio.sleep(random.uniform(0.5, 2.0) * (attempt + 1))
        if status == 201 and random.random() < 0.03:
            # A double click: the same order again, which the orders table refuses.
            await self._gateway.request("POST", "/orders", "", *who, body=json.dumps(order))

    async def _browse(self) -> None:
        dice = random.random()
        who = _someone()
        sku, category, _ = random.choice(shop.PRODUCTS)
        customer = random.choice(shop.CUSTOMERS)
        if dice < 0.45:
            await self._gateway.request("GET", "/products", f"category={category}", *who)
        elif dice < 0.75:
            path = f"/products/{sku}" if random.random() > 0.02 else "/products/lava-lamp-00"
            await self._gateway.request("GET", path, "", *who)
        elif dice < 0.9:
            await self._gateway.request("GET", f"/profile/{customer}", "", *who)
        else:
            await self._gateway.request("GET", f"/profile/{customer}/orders", "", *who)


def _someone() -> tuple[str, str]:
    # Addresses from the range that is reserved for documentation.
    return random.choice(AGENTS), f"203.0.113.{random.randint(1, 254)}"
