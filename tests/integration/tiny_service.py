"""The smallest service that uses everything the runner gives: it counts what it is told and shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from common.core import (
    Answered,
    AnswerLater,
    Command,
    Core,
    Durable,
    Effects,
    Every,
    Input,
    Keep,
    Newest,
    Ordered,
    Receipt,
    Start,
)
from common.errors import ConfigError
from common.events import Alert, AlertLevel, Event, FillIdentity, Halt, Posting, TopOfBook
from common.running.service import Service, run
from common.running.shell import Shell
from common.settings import ServiceSettings
from pydantic import Field


class TinySettings(ServiceSettings):
    """Settings of the tiny service."""

    book_id: str = "tiny"
    parts: str = ""
    """Keys of leases that each let a part begin, instead of the one of the book."""
    beats_max: int = Field(default=1_000_000, ge=1)
    halts_on_poison: bool = True


class Tiny(Core):
    """Counts what it is told."""

    confirmed = (Alert,)

    def __init__(self, settings: TinySettings) -> None:
        self.settings = settings
        self.told: list[str] = []
        self.fills: list[int] = []
        self.halts: list[str] = []
        self.words: list[str] = []
        self.bids: dict[str, float] = {}
        self.beats = 0
        self.said = 0
        self.ended = False
        self.notes: dict[str, str] = {}
        self.answering: list[int] = []
        self.started = False
        self.renounced: dict[str, int] = {}
        """Until when parts do not want their lease."""

    def restore(self, documents: Mapping[str, bytes]) -> None:
        self.notes = {name: data.decode() for name, data in documents.items()}

    def inputs(self) -> Sequence[Input]:
        return [
            Newest(TopOfBook, self.on_top),
            Ordered(Halt, self.on_halt, Start.LAST_PER_SUBJECT),
            Durable(
                "risk-ledger",
                self.on_entry,
                self.on_poison if self.settings.halts_on_poison else None,
                self.on_forged,
            ),
            Every(20, self.on_beat),
            Every(20, self.on_early_beat, early=True),
            Command("note", self.on_note, early=True),
            Command("say", self.on_say),
            Command("fail", self.on_fail),
            Command("renounce", self.on_renounce),
        ]

    def start(self, receipt: Receipt) -> Effects:
        self.told.append(f"start, {len(self.halts)} halts known")
        self.started = True
        return ()

    def stop(self, receipt: Receipt) -> Effects:
        self.told.append("stop")
        yield self._alert("going", receipt)

    def stopped(self) -> bool:
        return self.ended

    def on_published(self, event: Event, sequence: int, receipt: Receipt) -> Effects:
        if isinstance(event, Alert) and event.kind == "going":
            self.ended = True
        return ()

    def on_disconnected(self, receipt: Receipt) -> Effects:
        self.told.append("away")
        return ()

    def on_reconnected(self, receipt: Receipt) -> Effects:
        self.told.append("back")
        return ()

    def on_held(self, key: str, epoch: int, receipt: Receipt) -> Effects:
        self.told.append(f"held {key} {epoch}")
        return ()

    def on_lost(self, key: str, receipt: Receipt) -> Effects:
        self.told.append(f"lost {key}")
        return ()

    def on_doubt(self, key: str, doubtful: bool, receipt: Receipt) -> Effects:
        self.told.append(f"{'doubts' if doubtful else 'is sure of'} {key}")
        return ()

    def renounces(self, key: str, now_ns: int) -> bool:
        return now_ns < self.renounced.get(key, 0)

    def on_top(self, top: TopOfBook, receipt: Receipt) -> Effects:
        self.bids[top.symbol] = top.bid
        return ()

    def on_halt(self, halt: Halt, receipt: Receipt) -> Effects:
        self.halts.append(halt.reason)
        self.words.append(f"{halt.reason} {'lifted' if halt.lifted else 'halted'} {halt.halt_id}")
        return ()

    def on_entry(self, entry: Event, data: bytes, receipt: Receipt) -> Effects:
        if isinstance(entry, FillIdentity):
            return
        self.fills.append(receipt.sequence)
        if isinstance(entry, Posting) and entry.reason == "break the core":
            yield self._alert("half done", receipt)
            raise RuntimeError("an invariant is broken")

    def on_poison(self, subject: str, reason: str, data: bytes, receipt: Receipt) -> Effects:
        self.told.append(f"poison {receipt.sequence}: {reason}")
        return ()

    def on_forged(self, subject: str, reason: str, data: bytes, receipt: Receipt) -> Effects:
        self.told.append(f"forged {receipt.sequence}: {reason}")
        return ()

    def on_beat(self, receipt: Receipt) -> Effects:
        self.beats += 1
        return ()

    def on_early_beat(self, receipt: Receipt) -> Effects:
        answering, self.answering = self.answering, []
        return [Answered(ticket, {"notes": self.notes, "started": self.started}) for ticket in answering]

    def on_note(self, document: Mapping[str, Any], receipt: Receipt) -> Effects:
        """Keep a note on disk, and answer with the next beat."""
        name, text = str(document["name"]), str(document.get("text", ""))
        self.notes.pop(name, None)
        if text:
            self.notes[name] = text
        yield Keep(name, text.encode())
        self.answering.append(receipt.now_ns)
        yield AnswerLater(receipt.now_ns)
        yield self._alert(f"noted {name}", receipt)

    def on_say(self, document: Mapping[str, Any], receipt: Receipt) -> Effects:
        if not document.get("text"):
            raise ValueError("text: must not be empty")
        self.said += 1
        return [self._alert(str(document["text"]), receipt)]

    def on_fail(self, document: Mapping[str, Any], receipt: Receipt) -> Effects:
        raise RuntimeError("told to fail")

    def on_renounce(self, document: Mapping[str, Any], receipt: Receipt) -> Effects:
        self.renounced[document["key"]] = receipt.now_ns + document["for_ms"] * 1_000_000
        return ()

    def unready(self, now_ns: int) -> list[str]:
        return [] if self.beats else ["no beat yet"]

    def state(self, now_ns: int) -> dict[str, Any]:
        return {
            "told": self.told,
            "fills": self.fills,
            "halts": self.halts,
            "bids": self.bids,
            "said": self.said,
            "notes": self.notes,
            "words": self.words,
        }

    def _alert(self, kind: str, receipt: Receipt) -> Alert:
        return Alert(
            level=AlertLevel.INFO, algo_id="platform", source="risk", kind=kind, text=kind, ts_ns=receipt.now_ns
        )


def wire(settings: TinySettings) -> Service:
    if settings.book_id == "unusable":
        raise ConfigError(["MM_BOOK_ID: 'unusable' cannot be used", "second fault of the wiring"])
    if settings.parts:
        return Service(Tiny(settings), parts=[("risk", key) for key in settings.parts.split(",")], prepare_part=prepare)
    return Service(Tiny(settings), leases=[("risk", settings.book_id)])


async def prepare(shell: Shell, key: str) -> None:
    """Note for whom something is read before it begins."""
    assert isinstance(shell.core, Tiny)
    shell.core.told.append(f"prepares {key}")


if __name__ == "__main__":
    run("risk", TinySettings, wire)
