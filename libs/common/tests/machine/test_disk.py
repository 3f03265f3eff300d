"""Documents on disk: whole or not there, forced to the platter, and never half."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from common.machine.disk import DOCUMENT_BYTES_MAX, Documents, write_durably, write_whole


def test_a_document_is_put_replaced_read_and_removed(tmp_path: Path) -> None:
    documents = Documents(tmp_path / "deep" / "kept")
    assert documents.all() == {}
    documents.remove("nothing")
    documents.put("b", b"one")
    documents.put("a", b"")
    documents.put("b", b"two")
    assert documents.all() == {"a": b"", "b": b"two"}
    documents.remove("a")
    assert Documents(tmp_path / "deep" / "kept").all() == {"b": b"two"}


def test_only_we_can_read_it(tmp_path: Path) -> None:
    Documents(tmp_path / "kept").put("a", b"x")
    assert stat.S_IMODE((tmp_path / "kept" / "a").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700


def test_r72_file_and_folder_are_forced_to_the_platter_before_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced: list[str] = []

    def fsync(descriptor: int) -> None:
        forced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)

    monkeypatch.setattr(os, "fsync", fsync)
    documents = Documents(tmp_path / "kept")
    documents.put("a", b"x")
    assert forced == [tmp_path.name, f"a.{os.getpid()}.draft", "kept"]
    documents.remove("a")
    assert forced[3:] == ["kept"]


def test_a_disk_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    documents = Documents(tmp_path)
    documents.put("a", b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        documents.put("a", b"new")
    assert documents.all() == {"a": b"old"}
    assert [path.name for path in tmp_path.iterdir()] == ["a"], "nor does a draft take up what room is left"


def test_names_and_sizes_have_bounds(tmp_path: Path) -> None:
    documents = Documents(tmp_path)
    for name in ("", "../up", "a.b", "x" * 129):
        with pytest.raises(AssertionError):
            documents.put(name, b"")
    with pytest.raises(AssertionError):
        documents.put("a", b"x" * (DOCUMENT_BYTES_MAX + 1))


def test_a_file_has_its_mode_from_the_first_byte_on_whatever_a_draft_before_had(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    draft = tmp_path / f"secret.{os.getpid()}.draft"
    draft.write_bytes(b"of a death in between")
    draft.chmod(0o666)
    write_durably(path, b"x")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"x", 0o600)
    write_whole(tmp_path / "new" / "folder", b"y", 0o400)
    assert stat.S_IMODE((tmp_path / "new" / "folder").stat().st_mode) == 0o400
