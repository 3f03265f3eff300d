"""The recipes of the NATS CLI that the operating guide shows, as the requests they make."""

from __future__ import annotations

import json

import pytest
from common.testing.events import fill

from tests.contract.recipes import RECIPES, Asked, Heard
from tests.integration.connections import connected
from tests.integration.raw_users import raw
from tests.servers import Broker

BUS_RECIPES = [(command, recipe) for command, recipe in RECIPES.items() if isinstance(recipe, Asked | Heard)]


@pytest.mark.parametrize(("command", "recipe"), BUS_RECIPES, ids=[command for command, _ in BUS_RECIPES])
async def test_r53_a_recipe_of_the_bus_does_what_the_guide_says(
    shared_broker: Broker, command: str, recipe: Asked | Heard
) -> None:
    async with connected(shared_broker, "quoter") as quoter:
        await quoter.publish_acked(fill(1))
    async with raw(shared_broker, "operator") as client:
        if isinstance(recipe, Heard):
            assert await client.may_subscribe(recipe.subject)
            return
        assert await client.may_publish(recipe.subject, recipe.document.encode()) is recipe.allowed
    if recipe.allowed and recipe.subject.startswith("streams."):
        async with connected(shared_broker, "operator") as operator:
            answer = json.loads((await operator.request(recipe.subject, recipe.document.encode())).data)
            assert "error" not in answer, answer
