"""What the pages tell people to type, typed on a platform of real processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from toolkit.operating.gateway_client import PlatformClient
from toolkit.ports import USUAL
from toolkit.testing.trial import Trial

from tests.contract.documented import ROOT
from tests.contract.recipes import RECIPES, Typed

pytestmark = pytest.mark.timeout(600)
PASSWORD = "a pass phrase of the tests"
SKETCH = "feeds: {binance: {symbols: [BTCUSDT]}}\n"


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    made = Trial(tmp_path_factory.mktemp("documented"))
    try:
        made.start()
        made.wait("two-sided quote", made.two_sided, 120)
        yield made
    finally:
        made.close()


def typed(trial: Trial, text: str) -> subprocess.CompletedProcess[str]:
    """Run a text in a shell, this platform's ports and folders in the place of the usual ones."""
    ports = {getattr(USUAL, name): getattr(trial.ports, name) for name in vars(USUAL)}
    text = text.replace("./mm ", f"{sys.executable} -m toolkit ").replace(".mm/", f"{trial.data_dir}/")
    text = re.sub(r"(localhost:|127\.0\.0\.1:|-p )(\d+)", lambda found: f"{found[1]}{ports[int(found[2])]}", text)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MM_")}
    environment["MM_DATA_DIR"] = str(trial.data_dir)
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", text],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def newest_proposal(trial: Trial, client: PlatformClient, token: str) -> str:
    found = client.get(f"http://127.0.0.1:{trial.ports.gateway}/api/adjustments", token)["adjustments"]
    return next((str(each["adjustment_id"]) for each in found if each["state"] == "proposed"), "none")


def test_r53_every_command_of_the_pages_does_what_it_says(trial: Trial, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{trial.ports.gateway}"
    at_hand = {"password_file": str(tmp_path / "password"), "recipe_file": str(tmp_path / "config.yaml")}
    at_hand["backup"] = str(tmp_path / "backup")
    Path(at_hand["password_file"]).write_text(PASSWORD)
    Path(at_hand["recipe_file"]).write_text(SKETCH)
    faults = []
    with PlatformClient(trial.data_dir) as client:
        token = client.login(url)
        rita = {"name": "Rita", "roles": ["risk"], "password": PASSWORD, "revision": 0}
        trial.http.put(f"{url}/api/users/rita", json=rita, headers={"Authorization": f"Bearer {token}"})
        for command, recipe in RECIPES.items():
            if not isinstance(recipe, Typed):
                continue
            at_hand["market"] = next((bot["symbol"] for bot in trial.state("quoter").get("bots", [])), "")
            if "{proposal}" in recipe.text:
                at_hand["proposal"] = newest_proposal(trial, client, token)
            says = filled(recipe.says, at_hand)
            done = typed(trial, filled(recipe.text, at_hand))
            if done.returncode != recipe.ends or says not in done.stdout + done.stderr:
                faults.append(f"{command}: ended with {done.returncode}, wanted {says!r}:\n{done.stdout}{done.stderr}")
    assert not faults, "\n\n".join(faults)


def filled(text: str, at_hand: dict[str, str]) -> str:
    for name, value in at_hand.items():
        text = text.replace(f"{{{name}}}", value)
    return text
