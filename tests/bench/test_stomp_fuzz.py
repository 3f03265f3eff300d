"""A sample of the mutated frames: nothing is raised, rules are broken, memory stays; and what would be seen, is."""

from __future__ import annotations

from random import Random

import pytest
import stomp_fuzz
from stomp_fuzz import Fuzzed, main, mutated
from stompframes.server import ServerSession


def test_c2_s3_1_a_sample_of_mutated_frames_breaks_rules_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    figures = {figure.name: figure for figure in main(["--frames", "4000"])}
    assert figures["exceptions"].value == 0
    assert float(figures["rules broken"].value) >= 18
    assert figures["memory, last tenth over first"].met
    assert int(figures["events"].value) > 1_000
    assert "unknown command" in capsys.readouterr().out


def test_c2_s3_1_mutated_frames_over_sockets_break_no_server_and_leave_nothing_behind() -> None:
    figures = {figure.name: figure for figure in main(["--sockets", "2000"])}
    assert figures["mutated frames"].value == 2_000
    assert figures["exceptions"].value == 0
    assert figures["memory, end over first tenth"].met
    assert int(figures["connections"].value) > 50 and int(figures["messages read"].value) > 50


def test_what_a_served_session_raises_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("acknowledged")

    monkeypatch.setattr("stompframes.subscriptions.Subscriptions.named_by", broken)
    figures = {figure.name: figure for figure in main(["--sockets", "300"])}
    assert int(figures["exceptions"].value) > 0


def test_what_a_session_raises_is_counted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object) -> None:
        raise KeyError("acknowledged")

    monkeypatch.setattr("stompframes.subscriptions.Subscriptions.named_by", broken)
    found = stomp_fuzz.run(200, 1)
    assert found.unexpected > 0
    assert capsys.readouterr().err.count("KeyError: ") == 1


def test_what_is_written_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ServerSession, "output", lambda _: [b"MESSAGE\n"])
    with pytest.raises(AssertionError, match="written is no frame"):
        Fuzzed(1).frame()


def test_a_mutated_frame_is_of_the_seed_alone() -> None:
    frame = b"SEND\ndestination:/a\n\nbody\0"
    first, again = ([mutated(frame, frame, chance) for _ in range(50)] for chance in (Random(7), Random(7)))
    assert first == again
    assert len(set(first)) > 40
    assert frame not in first
