"""Which spot bots a quoter takes up: those of its account, at its venue where that is known."""

from __future__ import annotations

import pytest
from common.events import BotConfig
from common.testing.spot import BTCUSD, changed
from common.venues import Exchanges
from quoter.testing.script import KEY, Script, degen_quoter

EXCHANGES = Exchanges({"KRAKEN": "kraken_spot", "DEGEN": "degen"})


@pytest.mark.parametrize(
    ("exchange", "account", "exchanges", "taken"),
    [
        ("DEGEN", "mm1", EXCHANGES, True),
        ("DEGEN", "mm2", EXCHANGES, False),
        ("KRAKEN", "mm1", EXCHANGES, False),
        # Nobody says which venue that is: an account is at one alone.
        ("MTGOX", "mm1", EXCHANGES, True),
        ("KRAKEN", "mm1", None, True),
        ("KRAKEN", "mm2", None, False),
    ],
)
def test_a_bot_of_another_account_or_venue_is_not_taken_up(
    exchange: str, account: str, exchanges: Exchanges | None, taken: bool
) -> None:
    script = Script()
    script.core = degen_quoter(KEY, exchanges=exchanges)
    sections = changed(BTCUSD, instrument__exchange=exchange, instrument__account=account)
    config = BotConfig(algo_id="5", kind="spot", revision=1, running=True, sections=sections, actor="x", ts_ns=0)
    script.carry(script.core.on_config(config, script.receipt(1)))
    assert ("5" in script.core.bots) is taken
