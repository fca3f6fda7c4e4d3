"""Clients take turns, and bodies make room for others."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from psdl.deploy.serve import arrivals
from psdl.deploy.serve.arrivals import Arrivals
from psdl.deploy.serve.bounds import Bounds, Refused
from psdl.deploy.serve.turns import Turns


def test_one_that_sends_many_does_not_keep_another_waiting():
    async def work() -> list[str]:
        turns, order = Turns(1), []

        async def one(client: str) -> None:
            await turns.take(client)
            order.append(client)
            await asyncio.sleep(0)
            turns.leave()

        many = [asyncio.create_task(one("many")) for _ in range(10)]
        await asyncio.sleep(0)
        await asyncio.gather(*many, *(asyncio.create_task(one(name)) for name in ("a", "b")))
        assert turns.free == 1
        return order

    order = asyncio.run(work())
    assert order.count("many") == 10
    assert max(order.index("a"), order.index("b")) <= 4


def test_a_computer_that_asks_now_and_then_is_not_behind_those_of_its_address_that_never_pause():
    async def work() -> list[str]:
        turns, order = Turns(1), []

        async def one(name: str, rested: bool) -> None:
            await turns.take("one address", rested)
            order.append(name)
            await asyncio.sleep(0)
            turns.leave()

        never = [asyncio.create_task(one("never", False)) for _ in range(10)]
        await asyncio.sleep(0)
        now_and_then = [asyncio.create_task(one("now and then", True)) for _ in range(4)]
        await asyncio.gather(*never, *now_and_then)
        assert turns.free == 1
        return order

    order = asyncio.run(work())
    places = [n for n, name in enumerate(order) if name == "now and then"]
    assert places[0] <= 2
    assert all(second - first == 2 for first, second in pairwise(places)), "the others have every second turn"


def test_a_turn_that_nobody_waits_for_any_more_is_given_on():
    async def work() -> None:
        turns = Turns(1)
        await turns.take("a")
        gone = [asyncio.create_task(turns.take("b")) for _ in range(3)]
        await asyncio.sleep(0)
        for task in gone:
            task.cancel()
        last = asyncio.create_task(turns.take("c"))
        await asyncio.sleep(0)
        turns.leave()
        await asyncio.wait_for(last, 5)
        turns.leave()
        assert turns.free == 1

    asyncio.run(work())


def test_a_body_that_stands_still_makes_room_at_once(monkeypatch):
    monkeypatch.setattr(arrivals, "STILL", 0.05)
    found = Arrivals(Bounds(arriving=2, held=100))

    async def crowd() -> None:
        with found.held("a", asyncio.timeout(60)) as still, found.held("b", asyncio.timeout(60)) as growing:
            await asyncio.sleep(0.1)
            found.grow(growing, 1)
            still.evict = growing.evict = lambda: None  # type: ignore[method-assign]
            with found.held("c", asyncio.timeout(60)):
                assert still not in found._all
                assert growing in found._all
                with pytest.raises(Refused, match="bodies are arriving"), found.held("d", asyncio.timeout(60)):
                    pass

    asyncio.run(crowd())


def test_the_oldest_body_of_who_has_most_makes_room(monkeypatch):
    monkeypatch.setattr(arrivals, "GRACE", 0.0)

    found = Arrivals(Bounds(arriving=3, held=100))

    async def crowd() -> None:
        limits = [asyncio.timeout(60) for _ in range(4)]
        async with limits[0], limits[1], limits[2], limits[3]:
            with found.held("many", limits[0]) as first, found.held("one", limits[1]) as one:
                found.grow(first, 60)
                found.grow(one, 30)
                with found.held("many", limits[2]), found.held("new", limits[3]) as new:
                    assert (first.evicted, one.evicted, found.bytes) == (True, False, 30)
                    found.grow(new, 70)
                    with pytest.raises(Refused, match="70 bytes are held"):
                        found.grow(new, 200)
                await asyncio.sleep(5)

    with pytest.raises(TimeoutError):
        asyncio.run(crowd())
    assert found.bytes == 0


def test_bodies_that_have_just_begun_are_left_alone():
    async def work() -> None:
        found = Arrivals(Bounds(arriving=1))
        async with asyncio.timeout(60) as limit:
            with found.held("a", limit), pytest.raises(Refused, match="arriving"), found.held("b", limit):
                pass

    asyncio.run(work())
