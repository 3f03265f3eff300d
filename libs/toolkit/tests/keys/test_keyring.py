"""Keys that were made, ended, revoked and seals that were set where streams now begin again."""

from __future__ import annotations

from pathlib import Path

import pytest
from common.errors import ContractError
from common.signing import PublicKey, Seal
from toolkit.keys.keyring import KeyPlaces, Keyring

NAME = "quoter"


def keyring(folder: Path) -> Keyring:
    made = Keyring(KeyPlaces.of(folder), "p")
    made.ensure()
    return made


def key(ring: Keyring, key_id: str) -> PublicKey:
    found = ring.read().find(key_id)
    assert found is not None
    return found


def test_r71_ranges_are_fitted_to_streams_that_give_their_sequences_out_again(tmp_path: Path) -> None:
    ring = keyring(tmp_path)
    old = ring.key_of(NAME)
    new = ring.list_new(NAME, NAME, {"FILL": 500, "AUDIT": 90})
    ring.end(old.key_id, {"FILL": 500, "AUDIT": 90})
    stolen = ring.list_new(NAME, NAME)
    ring.revoke(stolen.key_id, {"FILL": 450})
    ring.seal([Seal(stream="FILL", last_sequence=300, sha256="", who="ann", reason="r", sealed_at="")])
    assert ring.rewind({"FILL": 40, "AUDIT": 100})
    assert key(ring, new.key_id).valid_from == {"FILL": 40, "AUDIT": 90}, "it signs what comes now"
    assert key(ring, old.key_id).valid_until == {"FILL": 40, "AUDIT": 90}, "and its predecessor does not"
    assert key(ring, stolen.key_id).revoked_from == {"FILL": 41}, "what it signed until then stays its word"
    assert ring.read().sealed("FILL") == 40, "nothing unsigned is believed that comes now"


def test_r71_a_stream_that_is_not_there_begins_at_nothing(tmp_path: Path) -> None:
    ring = keyring(tmp_path)
    new = ring.list_new(NAME, NAME, {"FILL": 500})
    ring.seal([Seal(stream="FILL", last_sequence=300, sha256="", who="ann", reason="r", sealed_at="")])
    assert ring.rewind({})
    assert (key(ring, new.key_id).valid_from, ring.read().sealed("FILL")) == ({"FILL": 0}, 0)


def test_r71_where_nothing_reaches_beyond_the_ends_the_list_stays_as_it_is(tmp_path: Path) -> None:
    ring = keyring(tmp_path)
    ring.list_new(NAME, NAME, {"FILL": 500})
    serial = ring.read().serial
    assert not ring.rewind({"FILL": 500})
    assert ring.read().serial == serial


def test_r71_what_held_at_the_backup_holds_again_when_it_is_found_after_a_resume(tmp_path: Path) -> None:
    ring = keyring(tmp_path)
    old = ring.key_of(NAME)
    ring.seal([Seal(stream="FILL", last_sequence=300, sha256="", who="ann", reason="r", sealed_at="")])
    signed_before_rotation = ring.places.public_keys.read_bytes()
    ring.list_new(NAME, NAME, {"FILL": 500})
    ring.end(old.key_id, {"FILL": 500})
    signed_after_rotation = ring.places.public_keys.read_bytes()
    ring.rewind({"FILL": 1})
    assert (key(ring, old.key_id).valid_until, ring.read().sealed("FILL")) == ({"FILL": 1}, 1)
    ring.recall(signed_after_rotation)
    ring.rewind({"FILL": 600})
    assert (key(ring, old.key_id).valid_until, ring.read().sealed("FILL")) == ({"FILL": 500}, 300)
    ring.recall(signed_before_rotation)
    ring.rewind({"FILL": 480})
    assert key(ring, old.key_id).valid_until == {"FILL": 480}, "all of that backup was signed before the rotation"


def test_r71_a_list_of_another_platform_is_not_recalled(tmp_path: Path) -> None:
    ring, other = keyring(tmp_path / "one"), keyring(tmp_path / "two")
    with pytest.raises(ContractError):
        ring.recall(other.places.public_keys.read_bytes())
