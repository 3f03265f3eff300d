"""The key files of a living process: what a look at them takes over, and what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from common.errors import ConfigError
from common.settings import ServiceSettings
from common.signing import KeyList, PrivateKey, PublicKey, signed_list
from common.signing.keyfiles import KeyFiles
from nacl.signing import SigningKey

ROLE = "risk"


class Folder:
    """The files of one process, and the root key that signs its list."""

    def __init__(self, path: Path) -> None:
        self.path, self.root = path, SigningKey.generate()
        self.list_file, self.key_file = path / "public-keys", path / "signing-key"
        (path / "root-key.public").write_text(self.root.verify_key.encode().hex())
        self._known: list[PublicKey] = []
        self.rotate(1)

    def rotate(self, serial: int) -> None:
        key = PrivateKey(ROLE, f"{ROLE}-{serial}", SigningKey.generate())
        self._known.append(PublicKey(key_id=key.key_id, role=ROLE, public_key=key.public))
        self.list_file.write_bytes(
            signed_list(KeyList(platform_id="p", serial=serial, keys=list(self._known)), self.root)
        )
        self.key_file.write_text(key.text())
        self.key_file.chmod(0o600)

    def read(self) -> KeyFiles:
        settings = ServiceSettings(
            platform_id="p",
            data_dir=self.path,
            signing_key_file=self.key_file,
            public_keys_file=self.list_file,
            root_key_file=self.path / "root-key.public",
        )
        return KeyFiles(settings, ROLE)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_rotation_is_taken_over_at_the_next_look(folder: Folder) -> None:
    keys = folder.read()
    assert keys.look() == []
    folder.rotate(2)
    assert keys.look() == ["public keys serial 2", "signs with risk-2"]
    assert keys.look() == []


def test_r77_a_list_that_could_not_be_read_just_then_is_read_at_the_next_look(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = folder.read()
    folder.rotate(2)

    def no_descriptor(path: Path) -> bytes:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as full:
        full.setattr(Path, "read_bytes", no_descriptor)
        (told,) = keys.look()
        assert told.startswith("not taken over: ")
        assert keys.look() == [], "told once, not every second"
    assert keys.look() == ["public keys serial 2", "signs with risk-2"]


@pytest.mark.parametrize("damage", ["older", "cut", "foreign"])
def test_r70_a_list_that_is_not_the_platforms_newest_changes_nothing(folder: Folder, damage: str) -> None:
    first = folder.list_file.read_bytes()
    folder.rotate(2)
    keys = folder.read()
    if damage == "older":
        folder.list_file.write_bytes(first)
    elif damage == "cut":
        folder.list_file.write_bytes(folder.list_file.read_bytes()[:-20])
    else:
        folder.root = SigningKey.generate()
        folder.rotate(3)
    assert [told.partition(":")[0] for told in keys.look()] == ["not taken over"]
    assert (keys.verifier.keys.serial, keys.key_id) == (2, "risk-2")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_r70_a_key_that_others_can_read_is_refused(folder: Folder, mode: int) -> None:
    folder.key_file.chmod(mode)
    with pytest.raises(ConfigError, match=f"mode 600\\), is {mode:o}"):
        folder.read()
