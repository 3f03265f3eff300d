"""The keys of one platform: made at set-up, handed to one service each, listed and signed with the root key.

The root key's private half stays where the set-up is (`secrets/`): no service is ever given it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from common.signing import KeyList, PrivateKey, PublicKey, Seal, read_key_list, signed_list
from common.signing.keyfiles import read_private_key
from common.signing.roles import ROLES
from nacl.signing import SigningKey

from toolkit.keys.private_files import write_private, write_public
from toolkit.layout import platform_id_file, public_keys_file, root_key_file, root_private_file, signing_key_file

KEY_ID_BYTES = 5
SEQUENCE_MAX = 2**63 - 1


@dataclass(frozen=True)
class KeyPlaces:
    """Where the files of one platform's keys lie."""

    root_private: Path
    root_public: Path
    public_keys: Path
    signing_keys: Mapping[str, Path]
    """By service; a replica has an entry of its own, `gateway-2`."""

    @classmethod
    def of(cls, data_dir: Path) -> KeyPlaces:
        """Return the places inside a data directory that all services share."""
        signing = {role: signing_key_file(data_dir, role) for role in ROLES}
        return cls(root_private_file(data_dir), root_key_file(data_dir), public_keys_file(data_dir), signing)


class Keyring:
    """Reads and changes a platform's list of public keys; every change raises its serial and is signed."""

    def __init__(self, places: KeyPlaces, platform_id: str) -> None:
        self.places, self.platform_id = places, platform_id

    @classmethod
    def of(cls, data_dir: Path) -> Keyring:
        """Return the keyring of a platform that is set up in a data directory."""
        return cls(KeyPlaces.of(data_dir), platform_id_file(data_dir).read_text().strip())

    def exists(self) -> bool:
        return self.places.public_keys.exists()

    def read(self) -> KeyList:
        """Return the list; ContractError when it is not this platform's."""
        return read_key_list(self.places.public_keys.read_bytes(), self._root().verify_key, self.platform_id)

    def change(self, change: Callable[[KeyList], KeyList]) -> KeyList:
        """Replace the list in one step; a reader sees the old one or the new one."""
        before = self.read()
        after = msgspec.structs.replace(change(before), serial=before.serial + 1)
        write_public(self.places.public_keys, signed_list(after, self._root()))
        return after

    def ensure(self) -> None:
        """Make what is missing: the root key, the list, a key for every service. What is there stays."""
        places = self.places
        if not places.root_private.exists():
            write_private(places.root_private, SigningKey.generate().encode().hex() + "\n")
        root = self._root()
        write_public(places.root_public, root.verify_key.encode().hex().encode() + b"\n")
        if not self.exists():
            empty = KeyList(platform_id=self.platform_id, serial=1, keys=[])
            write_public(places.public_keys, signed_list(empty, root))
        for service, path in places.signing_keys.items():
            if not path.exists():
                self.place(self.list_new(role_of(service), service), path)

    def list_new(self, role: str, instance: str, valid_from: Mapping[str, int] | None = None) -> PrivateKey:
        """Make a key and enter its public half into the list, before anybody can sign with it."""
        key = PrivateKey(role, f"{role}-{secrets.token_hex(KEY_ID_BYTES)}", SigningKey.generate())
        listed = PublicKey(
            key_id=key.key_id,
            role=role,
            instance=instance,
            public_key=key.public,
            valid_from=dict(valid_from or {}),
        )
        self.change(lambda keys: msgspec.structs.replace(keys, keys=[*keys.keys, listed]))
        return key

    def revoke(self, key_id: str, revoked_from: Mapping[str, int]) -> None:
        """Believe a key no longer, in each stream named from that sequence on; KeyError when there is none."""
        self._amend(key_id, revoked_from=dict(revoked_from))

    def end(self, key_id: str, valid_until: Mapping[str, int]) -> None:
        """Let a key hold for what it has signed so far and nothing after; its successor has taken over."""
        self._amend(key_id, valid_until=dict(valid_until))

    def _amend(self, key_id: str, **changes: dict[str, int]) -> None:
        if self.read().find(key_id) is None:
            raise KeyError(key_id)
        self.change(
            lambda keys: msgspec.structs.replace(
                keys,
                keys=[msgspec.structs.replace(key, **changes) if key.key_id == key_id else key for key in keys.keys],
            )
        )

    def seal(self, seals: Sequence[Seal]) -> None:
        """Accept what streams held before signing began, up to these sequences."""
        self.change(lambda keys: msgspec.structs.replace(keys, seals=[*keys.seals, *seals]))

    def recall(self, signed: bytes) -> None:
        """Let keys and seals hold again as far as they did when this list was in force; then `rewind`.

        Whoever had resumed with emptied streams before a backup was found has made every range end at nothing.
        ContractError when it is not a list of this platform.
        """
        then = read_key_list(signed, self._root().verify_key, self.platform_id)
        before = self.read()
        keys = [_as_then(key, then.find(key.key_id)) for key in before.keys]
        seals = [
            msgspec.structs.replace(seal, last_sequence=max(seal.last_sequence, then.sealed(seal.stream)))
            for seal in before.seals
        ]
        self._fit(before, keys, seals)

    def rewind(self, ends: Mapping[str, int]) -> bool:
        """Fit every range of sequences to streams that end at these: say whether one reached beyond.

        A stream that was emptied or brought back gives its sequences out again. What was sealed, ended or revoked there
        at a later one must not be believed for what comes now, and what was made at a later one must.
        """
        before = self.read()
        keys = [
            msgspec.structs.replace(
                key,
                valid_from=_at_most(key.valid_from, ends),
                valid_until=_at_most(key.valid_until, ends),
                revoked_from=_at_most(key.revoked_from, ends, 1),
            )
            for key in before.keys
        ]
        seals = [
            msgspec.structs.replace(seal, last_sequence=min(seal.last_sequence, ends.get(seal.stream, 0)))
            for seal in before.seals
        ]
        return self._fit(before, keys, seals)

    def _fit(self, before: KeyList, keys: list[PublicKey], seals: list[Seal]) -> bool:
        """Give the list other ranges and say whether they differ: a list that says the same gets no new serial."""
        if keys == before.keys and seals == before.seals:
            return False
        self.change(lambda found: msgspec.structs.replace(found, keys=keys, seals=seals))
        return True

    def place(self, key: PrivateKey, path: Path) -> None:
        """Hand a private key to its service, which takes it up at its next look."""
        owner = path.stat() if path.exists() else None
        write_private(path, key.text())
        if owner is not None and owner.st_uid != os.getuid():
            os.chown(path, owner.st_uid, owner.st_gid)

    def key_of(self, service: str) -> PrivateKey:
        """Return the key a service signs with now; ConfigError when it has none."""
        return read_private_key(self.places.signing_keys[service], role_of(service))

    def _root(self) -> SigningKey:
        return SigningKey(bytes.fromhex(self.places.root_private.read_text(encoding="ascii").strip()))


def _as_then(key: PublicKey, then: PublicKey | None) -> PublicKey:
    """Return a key with the higher ends of its ranges; one that held without end then is fitted to the streams."""
    if then is None:
        return key
    until = {stream: max(end, then.valid_until.get(stream, SEQUENCE_MAX)) for stream, end in key.valid_until.items()}
    revoked = {stream: max(first, then.revoked_from.get(stream, 0)) for stream, first in key.revoked_from.items()}
    return msgspec.structs.replace(key, valid_until=until, revoked_from=revoked)


def _at_most(sequences: Mapping[str, int], ends: Mapping[str, int], beyond: int = 0) -> dict[str, int]:
    return {stream: min(sequence, ends.get(stream, 0) + beyond) for stream, sequence in sequences.items()}


def role_of(service: str) -> str:
    """Return what a service signs as: `gateway-2` is a gateway."""
    return service.partition("-")[0]
