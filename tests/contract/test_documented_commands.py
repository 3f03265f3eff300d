"""No command is documented that no test runs, and no recipe is left of one that is documented no more."""

from __future__ import annotations

import pytest

from tests.contract.documented import Documented, commands_in, documented
from tests.contract.recipes import RECIPES, Elsewhere
from tests.contract.test_requirements import names


@pytest.mark.parametrize("found", documented(), ids=lambda found: found.command)
def test_r53_every_documented_command_is_run_by_a_test(found: Documented) -> None:
    said = f"{found.page} shows a command that tests/contract/recipes.py does not run: {found.command}"
    assert found.command in RECIPES, said


def test_r53_no_recipe_is_left_of_a_command_that_is_documented_no_more() -> None:
    assert set(RECIPES) - {found.command for found in documented()} == set()


@pytest.mark.parametrize("recipe", [each for each in RECIPES.values() if isinstance(each, Elsewhere)])
def test_r53_a_test_that_runs_a_command_elsewhere_exists(recipe: Elsewhere) -> None:
    assert recipe.test in names()


def test_r53_commands_are_found_in_blocks_and_in_running_text() -> None:
    page = """Run `./mm up` or `nats sub 'fill.>'`, with `nats` and `python` at hand, not `risk:0` or `POST /reload`.

```
./mm status      # what is there
curl -s localhost:1/ready
a line of prose
```

```json
curl is no command here
```
"""
    assert list(commands_in(page)) == ["./mm status", "curl -s localhost:1/ready", "./mm up", "nats sub 'fill.>'"]
