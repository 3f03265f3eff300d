"""When an account is not ready: only for what keeps it from doing what it was told."""

from __future__ import annotations

from quoter.testing.script import Script, config, risk_state


def test_r83_a_bot_without_limits_does_not_make_the_account_unready() -> None:
    script = Script()
    script.start(config(), config(algo_id="2", risk_limits=None))
    assert script.core.unready(script.now_ns) == []
    assert script.core.state(script.now_ns)["bots_without_limits"] == ["2"]
    script.carry(script.core.on_risk(risk_state(script.now_ns, limits=None), script.receipt()))
    assert script.core.unready(script.now_ns) == ["bot 1: risk publishes no limits for this bot"], (
        "limits that do not come are a fault"
    )
