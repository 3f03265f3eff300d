"""The exchange hosts the venues and opens the accounts that bots of the profile name, however a kind names them."""

import json
from pathlib import Path

import pytest
from toolkit.paths import CONFIG_DIR
from toolkit.platform.venues import accounts_in, makers_in, spot_venues_of

VENUES = """
[venues.binance]
adapter = "binance"
websocket = "wss://stream.binance.com"
[venues.kraken_spot]
adapter = "degen"
exchange = "KRAKEN"
websocket = "ws://{exchange}/venues/kraken/ws"
[venues.odd]
adapter = "degen"
exchange = "BITTREX"
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


BOTS = """
[[bots]]
run_in = ["demo"]
sections.instrument = { venue = "degen", account = "mm2" }
[[bots]]
run_in = ["demo", "spot"]
sections.instrument = { symbols = ["BTCUSD"] }
[[bots]]
running = true
sections.instrument = { venue = "polymarket", account = "poly" }
[[bots]]
run_in = ["demo"]
sections.instrument = { venue = "degen", account = "mm2" }
[[bots]]
run_in = ["night"]
sections.instrument = { account = "mm9" }
[[bots]]
run_in = ["demo"]
sections = 7
"""


def test_the_accounts_of_a_profile_are_those_its_bots_trade_for(tmp_path: Path) -> None:
    assert accounts_in(tmp_path, "demo") == ("mm1@degen",), "without a file"
    (tmp_path / "bots.toml").write_text(BOTS)
    assert accounts_in(tmp_path, "demo") == ("mm2@degen", "mm1@degen", "poly@polymarket")
    assert accounts_in(tmp_path, "spot") == ("mm1@degen", "poly@polymarket")


SPOT_BOTS = """
[[documents]]
type = "risk_hedger"
id = "1"
run_in = ["spot"]
document = { venues_list = "BITTREX, DEGEN" }
[[bots]]
run_in = ["spot"]
sections.instrument = { exchange = "kraken", account = "desk", source_exchange = "BITTREX" }
sections.hedger = { venues_list = "KRAKEN BITTREX NOWHERE" }
[[bots]]
run_in = ["spot", "demo"]
sections.instrument = { account = "mm2" }
[[bots]]
run_in = ["spot"]
sections.instrument = { exchange = "NOWHERE" }
"""


def test_hedgers_have_accounts_where_no_bot_trades_and_the_exchange_opens_them(tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / "bots.toml").write_text(SPOT_BOTS)
    accounts = accounts_in(tmp_path, "spot")
    assert accounts == ("desk@kraken_spot", "mm2@degen", "mm1-bittrex@odd")
    assert makers_in(tmp_path, accounts) == ("mm2", "desk@KRAKEN", "mm1-bittrex@BITTREX")
    assert spot_venues_of(tmp_path, "spot") == ("BITTREX", "KRAKEN")
    assert makers_in(tmp_path, accounts_in(tmp_path, "demo")) == ("mm2",)
    assert makers_in(tmp_path, ("desk@kraken_spot",)) == ("mm1", "desk@KRAKEN"), "the exchange itself has one too"
