"""What the quoter explains is what the command line reads out: both sides of one shape that no type holds together."""

from __future__ import annotations

from quoter.testing.script import MARKET, Script
from toolkit.operating.explain import lines


def test_r53_the_quoters_own_explanation_is_read_out_whole() -> None:
    script = Script()
    script.start()
    script.wait(500, fair=0.5)
    told = script.core.explain({"market": MARKET}, script.now_ns)
    assert told is not None
    said = "\n".join(lines(told))
    assert MARKET in said
    assert "fair 0.5000" in said
    assert "feed (" in said
