"""Are these the stores we knew? Every way to lose one is told, and nothing that loses nothing is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog
from common.errors import ConfigError
from common.events import LeaseIdentity, StoreMark
from common.halts import STORE_CHANGED, Halts
from common.leases.epochs import LastEpochs
from common.leases.lease import LeaseKeeper
from common.stores.judge import STORES, Found, Known, Standing, Verdict, forgotten, judge, remembered
from common.stores.memory import FILE, read_known, write_known

LOG = structlog.get_logger()
MADE = "2026-01-01T00:00:00Z"
LATER = "2026-02-02T00:00:00Z"


def identity(generation: int = 1, created: str = MADE, last: int = 0, platform_id: str = "p") -> LeaseIdentity:
    marks = {stream: StoreMark(created, last) for stream in STORES}
    return LeaseIdentity(
        platform_id=platform_id,
        stream="LEASE",
        generation=generation,
        stores=marks,
        who="streams",
        reason="first start",
        made_ns=1,
    )


@dataclass(frozen=True)
class Stores:
    """The broker's stores, and what a process remembers of them."""

    word: LeaseIdentity | None = field(default_factory=identity)
    found: Mapping[str, Found | None] = field(
        default_factory=lambda: {stream: Found(MADE, 50, 50) for stream in STORES}
    )
    known: Known = field(default_factory=lambda: Known("p", 1, {stream: StoreMark(MADE, 50) for stream in STORES}))
    refusal: str = ""

    def with_store(self, stream: str, found: Found | None) -> Stores:
        return replace(self, found={**self.found, stream: found})

    def judged(self) -> Verdict:
        return judge(self.known, self.word, self.found, self.refusal)


@pytest.mark.parametrize("stream", STORES)
@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "is not there"),
        (Found(LATER, 50, 50), "was made at"),
        (Found(MADE, 40, 40), "ends at sequence 40, and 50 has been seen"),
        (Found(MADE, 0, 50), "was emptied"),
    ],
    ids=["lost", "made anew", "rolled back", "emptied"],
)
def test_r71_r73_a_store_that_is_lost_made_anew_rolled_back_or_emptied_is_told(
    stream: str, found: Found | None, said: str
) -> None:
    verdict = Stores().with_store(stream, found).judged()
    assert verdict.standing is Standing.CHANGED
    assert len(verdict.faults) == 1
    assert verdict.faults[0].startswith(stream)
    assert said in verdict.faults[0]


@pytest.mark.parametrize(
    ("word", "refusal", "said"),
    [
        (None, "", "LEASE has lost the stores' identity (generation 1)"),
        (None, "the identity in LEASE is not this platform's: no signature", "no signature"),
        (identity(platform_id="q"), "", "belong to platform 'q'"),
        (identity(generation=2, created=LATER), "", "was made at"),
    ],
    ids=["lost", "forged", "of another platform", "of stores that are not there"],
)
def test_r71_an_identity_that_is_not_this_platforms_is_no_identity(
    word: LeaseIdentity | None, refusal: str, said: str
) -> None:
    verdict = replace(Stores(), word=word, refusal=refusal).judged()
    assert verdict.standing is Standing.CHANGED
    assert any(said in fault for fault in verdict.faults)


def test_r71_an_older_generation_than_was_in_force_is_told() -> None:
    verdict = replace(Stores(), known=replace_known(generation=3)).judged()
    assert verdict == Verdict(Standing.CHANGED, ("the stores are of generation 1, generation 3 was in force",))


def replace_known(**changes: Any) -> Known:
    known = Stores().known
    fields = {name: getattr(known, name) for name in known.__struct_fields__}
    return Known(**{**fields, **changes})


def test_r73_what_grows_or_is_only_looked_at_again_is_no_change() -> None:
    assert Stores().judged().standing is Standing.SAME
    grown = Stores().with_store("FILL", Found(MADE, 80, 80)).with_store("LEASE", Found(MADE, 3, 900))
    assert grown.judged().standing is Standing.SAME, "old leases leave, the sequence grows"


def test_r71_a_first_start_accepts_the_first_generation_and_no_later_start_does() -> None:
    new = Known("p")
    fresh = replace(Stores(), known=new)
    assert fresh.judged().standing is Standing.NEWER
    assert replace(fresh, word=None).judged().standing is Standing.UNMADE
    known = remembered(new, identity(), fresh.found)
    assert (known.generation, known.renewed) == (1, False), "its books may begin with what the venue holds"
    anew = {stream: Found(LATER, 1, 1) for stream in STORES}
    second_first = replace(Stores(), known=known, word=identity(created=LATER), found=anew)
    assert second_first.judged().standing is Standing.CHANGED, "an empty store beside an empty stream is no first start"


def test_r71_who_stands_still_goes_on_with_a_newer_generation_and_with_nothing_else() -> None:
    standing = replace_known(faults=["FILL is not there"])
    assert replace(Stores(), known=standing).judged() == Verdict(Standing.CHANGED, ("FILL is not there",))
    anew = {stream: Found(LATER, 1, 1) for stream in STORES}
    resumed = Stores(identity(2, LATER), anew, standing)
    assert resumed.judged().standing is Standing.NEWER
    after = remembered(standing, identity(2, LATER), anew)
    assert (after.generation, after.faults, after.renewed) == (2, [], True)
    assert remembered(after, identity(2, LATER), anew).renewed, "until what follows from it is done"


def test_r71_a_disk_that_forgot_a_generation_its_lease_was_held_in_was_lost() -> None:
    word = identity(last=10)
    assert "data directory of quoter/mm1 was lost" in forgotten("quoter", "mm1", "", 11, word, "quoter-up")
    assert forgotten("quoter", "mm1", "quoter-up", 11, word, "quoter-up")
    assert not forgotten("quoter", "mm1", "another", 11, word, "quoter-up"), "we are its new stand-by"
    assert not forgotten("quoter", "mm1", "", 10, word, "quoter-up"), "a person has resumed since"


def test_r71_what_is_known_survives_on_disk_and_another_platforms_disk_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "quoter" / FILE
    assert read_known(file, "p", LOG) == Known("p")
    known = replace_known(faults=["FILL is not there"], renewed=True)
    write_known(file, known, LOG)
    assert read_known(file, "p", LOG) == known
    with pytest.raises(ConfigError, match="belongs to platform 'p', this is 'q'"):
        read_known(file, "q", LOG)
    file.write_text("{")
    assert read_known(file, "p", LOG) == Known("p"), "as if the disk were lost"


def test_r71_the_halt_of_standing_still_is_neither_published_nor_kept_nor_lifted() -> None:
    halts = Halts()
    halts.stand_still("quoter", ["FILL is not there"], 5)
    assert halts.listed() == [f"global:{STORE_CHANGED}"]
    assert halts.find("global", STORE_CHANGED) is not None
    assert halts.sequence_of("global", STORE_CHANGED) == 0, "nothing in the stream that a lift could name"
    assert halts.unheard() == []
    assert halts.changes() == [], "it is kept with what is known of the stores"


def test_r73_epochs_never_go_back_when_lease_begins_anew(tmp_path: Path) -> None:
    epochs = LastEpochs(tmp_path / "epochs.json")
    epochs.note("quoter", "mm1", 57)
    epochs.note("quoter", "mm1", 3)
    epochs.save()
    before = LastEpochs(tmp_path / "epochs.json").of("quoter", "mm1")
    keeper = LeaseKeeper("quoter", "mm1", "quoter-up", 1_000, before)
    keeper.observe(None, 0, 1)
    due = keeper.beat(1)
    assert due is not None
    assert (due.event.epoch, due.expected_last_sequence) == (58, 0)
    assert LastEpochs(tmp_path / "none.json").of("quoter", "mm1") == 0


def test_r71_stores_that_were_brought_back_are_not_taken_for_resumed() -> None:
    word = msgspec.structs.replace(identity(2, last=30), restored="the backup of noon", who="ann", reason="a disk")
    back = {stream: Found(MADE, 31, 31) for stream in STORES}
    brought = Stores(word, back).judged()
    assert brought.standing is Standing.CHANGED
    assert brought.faults[0] == "the stores were brought back from the backup of noon by ann: a disk"
    assert "FILL ends at sequence 31, and 50 has been seen" in brought.faults, "what it costs is said"
    nobody = Stores(word, back, Known("p")).judged()
    assert nobody.standing is Standing.CHANGED, "for who knows of no generation as well"
    assert Stores(identity(3, last=31), back).judged().standing is Standing.NEWER
