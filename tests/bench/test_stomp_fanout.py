"""The fan-out benchmark: both servers run, everybody reads, and each figure has its aim."""

from __future__ import annotations

from stomp_fanout import main


def test_both_servers_tell_every_reader_and_the_ratio_is_of_the_same_bytes() -> None:
    found = {each.name: each for each in main(["--readers", "10", "--rounds", "1", "--seconds", "0.2"])}
    assert 1_100 < float(found["message"].value) < 1_500
    for name in ("messages", "bare", "ratio to bare", "CPU", "late p50", "late p99"):
        assert float(found[f"10 readers: {name}"].value) > 0.0, name
    assert found["10 readers: ratio to bare"].aim == "≥ 0.8"
    assert found["10 readers: lost by the others with a tenth stalled"].aim == "≤ 10"
    assert found["memory per reader"].aim == "≤ 100"
