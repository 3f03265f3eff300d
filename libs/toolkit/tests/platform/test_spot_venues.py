"""The exchange hosts the named venues that bots of the profile name, in whatever way a kind of bot names them."""

import json
from pathlib import Path

import pytest
from toolkit.paths import CONFIG_DIR
from toolkit.platform.spot_venues import spot_venues_of

VENUES = """
[venues.binance]
websocket = "wss://stream.binance.com"
[venues.kraken_spot]
websocket = "ws://{exchange}/venues/kraken/ws"
[venues.odd]
websocket = "ws://{exchange}/venues/bittrex/ws"
"""
EXCHANGE = "[venues.BITTREX]\n[venues.KRAKEN]\n[venues.DLTXMM]\n"


def folder(tmp_path: Path, **sections: object) -> Path:
    rows = "\n".join(
        f"[bots.sections.{name}]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in section.items())
        for name, section in sections.items()
        if isinstance(section, dict)
    )
    (tmp_path / "bots.toml").write_text(f'[[bots]]\nalgo_id = "1"\nrun_in = ["spot"]\n{rows}\n')
    (tmp_path / "venues.toml").write_text(VENUES)
    (tmp_path / "exchange.toml").write_text(EXCHANGE)
    return tmp_path


@pytest.mark.parametrize(
    ("sections", "venues"),
    [
        ({"instrument": {"venue": "kraken_spot"}}, ("KRAKEN",)),
        ({"instrument": {"exchange": "DLTXMM", "source_exchange": "KRAKEN, BITTREX"}}, ("BITTREX", "KRAKEN", "DLTXMM")),
        ({"instrument": {"venue": "degen"}, "hedger": {"venues_list": "KRAKEN DLTXMM"}}, ("KRAKEN", "DLTXMM")),
        ({"instrument": {"sources": [["odd"], "x"]}}, ("BITTREX",)),
        ({"instrument": {"venue": "degen", "comments": "like kraken"}}, ()),
        ({"instrument": {"venue": "binance", "size": 3}}, ()),
    ],
)
def test_what_a_bots_sections_name_is_hosted(
    tmp_path: Path, sections: dict[str, object], venues: tuple[str, ...]
) -> None:
    found = folder(tmp_path, **sections)
    assert spot_venues_of(found, "spot") == venues
    assert spot_venues_of(found, "demo") == ()


def test_a_bot_that_always_runs_counts_in_every_profile(tmp_path: Path) -> None:
    found = folder(tmp_path, instrument={"venue": "kraken_spot"})
    text = (found / "bots.toml").read_text().replace('run_in = ["spot"]', "running = true")
    (found / "bots.toml").write_text(text)
    assert spot_venues_of(found, "demo") == ("KRAKEN",)


def test_the_demo_that_ships_hosts_none() -> None:
    assert spot_venues_of(CONFIG_DIR, "demo") == ()


def test_files_that_cannot_be_read_host_none(tmp_path: Path) -> None:
    assert spot_venues_of(tmp_path, "demo") == ()
    (tmp_path / "bots.toml").write_text("[[bots")
    assert spot_venues_of(tmp_path, "demo") == ()
