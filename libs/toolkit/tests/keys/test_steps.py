"""Rotating a key: in which order things happen, and what holds when one of them does not."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from toolkit import cli
from toolkit.instance import Running
from toolkit.keys import commands as keys_commands
from toolkit.keys.commands import _key_use
from toolkit.keys.keyring import KeyPlaces, Keyring
from toolkit.keys.steps import KeyChangeError, KeyUse, rotate
from toolkit.layout import platform_id_file
from toolkit.ports import port_map
from typer.testing import CliRunner


class Platform:
    """Services that read their files at once; a quoter whose letters the broker answers for one by one."""

    def __init__(self, keyring: Keyring, unanswered: int) -> None:
        self.keyring, self.unanswered = keyring, unanswered
        self.sequence = 10
        self.asleep = 0

    def ends(self) -> Mapping[str, int]:
        return {"FILL": self.sequence}

    def uses(self, service: str) -> KeyUse | None:
        key_id = self.keyring.key_of(service).key_id
        signed_before = self.unanswered if service == "quoter" and key_id != self.first_key else 0
        return KeyUse(key_id, self.keyring.read().serial, signed_before)

    def sleep(self, _seconds: float) -> None:
        """Let the broker store one more of what the quoter had sent."""
        self.asleep += 1
        if self.unanswered and self.asleep < 100:
            self.unanswered, self.sequence = self.unanswered - 1, self.sequence + 1

    @property
    def first_key(self) -> str:
        return next(key.key_id for key in self.keyring.read().keys if key.role == "quoter")


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    made = Keyring(KeyPlaces.of(tmp_path), "platform")
    made.ensure()
    return made


def test_r70_a_key_ends_with_the_last_message_it_has_signed_although_that_is_stored_late(keyring: Keyring) -> None:
    platform = Platform(keyring, unanswered=3)
    former = platform.first_key
    new = rotate(keyring, "quoter", platform, platform.sleep)
    assert keyring.key_of("quoter").key_id == new != former
    ended = keyring.read().find(former)
    assert ended is not None
    assert ended.valid_until == {"FILL": 13}


def test_r70_a_key_whose_messages_the_broker_does_not_answer_for_still_holds(keyring: Keyring) -> None:
    platform = Platform(keyring, unanswered=1_000)
    former = platform.first_key
    with pytest.raises(KeyChangeError, match=f"the broker has not answered for what {former} signed: it still holds"):
        rotate(keyring, "quoter", platform, platform.sleep)
    held = keyring.read().find(former)
    assert held is not None
    assert held.valid_until == {}


def test_what_a_service_signs_with_is_read_out_of_its_metrics() -> None:
    text = '# HELP mm_signing x\nmm_up 1.0\nmm_signing{key_id="risk-1a"} 7.0\n'
    assert _key_use(text) == KeyUse("risk-1a", 7, 0)
    assert _key_use(text + "mm_signed_before 2.0\n") == KeyUse("risk-1a", 7, 2)
    assert _key_use("mm_up 1.0\n") is None


FAULTS = [(OSError(28, "No space left on device"), "No space left"), (TimeoutError(), "the broker does not answer")]


@pytest.mark.parametrize(("fault", "said"), FAULTS)
@pytest.mark.parametrize(("step", "code"), [("rotate", 2), ("publish", 1)])
def test_r80_a_disk_or_broker_that_takes_nothing_is_a_sentence_and_not_a_traceback(
    keyring: Keyring,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: OSError,
    said: str,
    step: str,
    code: int,
) -> None:
    def fail(*_: object) -> str:
        if step == "rotate":
            raise fault
        return "quoter-2"

    async def take_nothing(*_: object) -> None:
        raise fault

    platform_id_file(tmp_path).write_text(keyring.platform_id)
    running = Running(os.getpid(), 0, "", "running", "model", port_map(None), {})
    monkeypatch.setattr(keys_commands, "find_running", lambda _: running)
    monkeypatch.setattr(keys_commands, "rotate", fail)
    monkeypatch.setattr(keys_commands._Platform, "_record", take_nothing)
    answer = CliRunner().invoke(cli.app, ["keys", "rotate", "quoter", "--data-dir", str(tmp_path)])
    assert (answer.exit_code, type(answer.exception)) == (code, SystemExit)
    assert said in answer.output
    assert ("is done" in answer.output) == (code == 1), "what was done is never in doubt"
