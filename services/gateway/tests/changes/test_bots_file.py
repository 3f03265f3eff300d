"""What config/bots.toml may hold: every fault names the file, the field and the rule."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from common.bots import KINDS
from common.errors import ConfigError
from common.testing.spot import BTCJPY, EXCHANGES
from gateway.changes.bots_file import BotsFile

BOTS_FILE = Path(__file__).parents[4] / "config" / "bots.toml"


def test_our_own_bots_file_is_good_and_runs_only_in_its_profiles() -> None:
    file = BotsFile(BOTS_FILE)
    bots = {profile: file.first_bots(profile, 1, EXCHANGES) for profile in ("demo", "spot", "all")}
    demo = bots["demo"]
    assert [(bot.kind, bot.running) for bot in demo] == [("binary", True), ("fixed", True)]
    assert [(bot.algo_id, bot.kind, bot.running) for bot in bots["spot"]] == [(each, "spot", True) for each in "3456"]
    assert bots["all"] == [*demo, *bots["spot"]]
    assert demo[0].revision == 1
    assert demo[0].sections["risk_limits"]["max_daily_loss"] == "1000"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bots = 3", "bots"),
        ("not toml", "bots.toml"),
        ('[[bots]]\nkind = "binary"\nsections = {}', "algo_id"),
        ('[[bots]]\nalgo_id = "x"\nkind = "binary"\nsections = {}', "number of 1 to 9 digits"),
        ('[[bots]]\nalgo_id = "1"\nkind = "odd"\nsections = {}', f"kind: must be one of {', '.join(KINDS)}, is 'odd'"),
        ('[[bots]]\nalgo_id = "1"\nkind = "binary"\nsurprise = 1\nsections = {}', "surprise"),
        ('[[bots]]\nalgo_id = "1"\nkind = "binary"\nsections = {}', "sections.instrument"),
    ],
)
def test_a_bad_bots_file_names_the_file_the_field_and_the_rule(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bots.toml"
    path.write_text(text)
    file = BotsFile(path)
    with pytest.raises(ConfigError) as error:
        file.first_bots("demo", 1, EXCHANGES)
    assert "bots.toml" in str(error.value)
    assert said in str(error.value)


def test_a_file_that_cannot_be_read_stops_nobody_who_has_his_bots_already(tmp_path: Path) -> None:
    file = BotsFile(tmp_path / "bots.toml")
    file.refuse_unknown("whichever")
    with pytest.raises(ConfigError, match=r"bots\.toml: .*No such file"):
        file.first_bots("demo", 1, EXCHANGES)


def test_the_bots_are_those_of_the_file_as_its_profile_was_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "bots.toml"
    path.write_text(BOTS_FILE.read_text())
    file = BotsFile(path)
    file.refuse_unknown("demo")
    path.write_text("bots = 3")
    assert [bot.algo_id for bot in file.first_bots("demo", 1, EXCHANGES)] == ["1", "2"]


def test_a_spot_bot_of_the_file_is_looked_at_as_a_persons_change_is(tmp_path: Path) -> None:
    path = tmp_path / "bots.toml"
    bot = '[[bots]]\nalgo_id = "3"\nkind = "spot"\n'
    for section, fields in BTCJPY.items():
        lines = [f"{name} = {json.dumps(value)}" for name, value in fields.items()]
        bot += f"[bots.sections.{section}]\n" + "\n".join(lines) + "\n"
    path.write_text(bot)
    (config,) = BotsFile(path).first_bots("demo", 1, EXCHANGES)
    assert config.sections == BTCJPY, "as it was written"
    path.write_text(bot.replace("DLTXMM", "MTGOX"))
    with pytest.raises(ConfigError, match=r"bots\.toml: sections\.instrument\.exchange: must be .*MTGOX"):
        BotsFile(path).first_bots("demo", 1, EXCHANGES)


def test_the_documents_of_our_own_file_are_good_and_there_in_the_profiles_of_spot_bots() -> None:
    file = BotsFile(BOTS_FILE)
    assert file.first_documents("demo", 1, EXCHANGES) == []
    spot = file.first_documents("spot", 1, EXCHANGES)
    assert spot == file.first_documents("all", 1, EXCHANGES)
    assert {(each.type, each.id): each.document for each in spot}.items() >= {
        ("risk", "MM"): {"account_currency": "USD", "cutoff_time": 0},
        ("risk_currency", "1"): {"currency": "BTC"},
    }.items()
    assert all(each.revision == 1 for each in spot)


CURRENCY = '[[documents]]\ntype = "risk_currency"\nid = "1"\ndocument = { currency = "BTC" }\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CURRENCY.replace("BTC", "?"), "risk_currency 1: document.currency: must be a currency"),
        (CURRENCY.replace('"1"', '"MM"'), "risk_currency MM: id: must be MM for risk"),
        (CURRENCY + CURRENCY, "documents: risk_currency 1 is there twice"),
        (
            CURRENCY.replace("risk_currency", "currency_risk_limits").replace('currency = "BTC"', ""),
            "must be that of a risk_currency document",
        ),
        (CURRENCY.replace("document =", "documents ="), "documents.0.document"),
    ],
)
def test_a_fault_of_a_document_names_it(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bots.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        BotsFile(path).first_documents("demo", 1, EXCHANGES)
    assert "bots.toml: " in str(error.value)
    assert said in str(error.value)
