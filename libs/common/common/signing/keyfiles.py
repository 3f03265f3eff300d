"""The files a process signs and verifies with, read again when they change: a rotation needs no restart."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

from nacl.signing import VerifyKey

from common.errors import ConfigError, ContractError, PublishRefused
from common.events import Event
from common.machine.disk import write_durably
from common.signing import HEADER, PrivateKey, Signer, Verifier, parse_private_key, read_key_list

if TYPE_CHECKING:
    from common.settings import ServiceSettings

LOOK_S = 1.0
"""How often the files are looked at."""
KEY_FILE_CHARS_MAX = 1_000
OUR_KEY_REFUSED = 403
"""Code of a refusal that needs no broker: nobody would believe what this key signs."""


class KeyFiles:
    """One process's private key and everybody's public ones, as the files hold them now."""

    def __init__(self, settings: ServiceSettings, role: str) -> None:
        """Read all three files; ConfigError names what is missing or wrong."""
        self.role = role
        self._key_file = _given(settings.signing_key_file, "MM_SIGNING_KEY_FILE")
        self._list_file = _given(settings.public_keys_file, "MM_PUBLIC_KEYS_FILE")
        self._root = _read_root(_given(settings.root_key_file, "MM_ROOT_KEY_FILE"))
        self._platform_id = settings.platform_id
        self._epoch_file = settings.data_dir / role / "signing-epoch"
        self._stamps = self._look_at_stamps()
        self._complaint = ""
        """Why what the files hold was not taken over, as it was told last."""
        self.verifier = self._read_list()
        self._signer = self._read_signer()

    @property
    def key_id(self) -> str:
        return self._signer.key.key_id

    @property
    def platform_id(self) -> str:
        return self._platform_id

    def headers(self, event: Event, subject: str, data: bytes, after: int | None = None) -> dict[str, str]:
        """Return the signature header of a message that is about to be published, sent again under the same one.

        PublishRefused when no reader would believe our key: it is better told now than never.
        """
        fault = self._own_fault()
        if fault:
            raise PublishRefused(subject, OUR_KEY_REFUSED, fault)
        signature = self._signer.sign(subject, type(event).__name__, event.message_id(), data, after)
        return {HEADER: signature.header()}

    def look(self) -> list[str]:
        """Read what has changed since the last look; return news for the log.

        What cannot be used changes nothing and is read again at the next look: for lack of a descriptor it may have
        been unreadable just then, and a process that misses a rotation disputes all that is signed with the new key.
        """
        stamps = self._look_at_stamps()
        if stamps == self._stamps:
            return []
        news = []
        try:
            verifier = self._read_list()
            if verifier.keys.serial < self.verifier.keys.serial:
                raise ConfigError([f"public keys serial {verifier.keys.serial} is older than what we have"])
            if verifier.keys.serial > self.verifier.keys.serial:
                self.verifier = verifier
                news.append(f"public keys serial {verifier.keys.serial}")
            key = read_private_key(self._key_file, self.role)
            if key.key_id != self.key_id:
                self._signer = self._read_signer()
                news.append(f"signs with {self.key_id}")
        except ConfigError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                news.append(f"not taken over: {error}")
            return news
        self._stamps, self._complaint = stamps, ""
        return news

    def _own_fault(self) -> str:
        own = self.verifier.keys.find(self.key_id)
        if own is None or own.public_key != self._signer.key.public or own.role != self.role:
            return f"our key {self.key_id} is not in the list of public keys"
        if own.revoked_from:
            return f"our key {self.key_id} is revoked"
        return f"our key {self.key_id} has a successor" if own.valid_until else ""

    def _read_list(self) -> Verifier:
        try:
            return Verifier(read_key_list(self._list_file.read_bytes(), self._root, self._platform_id))
        except OSError as error:
            reason = f"cannot read {self._list_file}: {type(error).__name__}"
        except ContractError as error:
            reason = str(error)
        raise ConfigError([f"MM_PUBLIC_KEYS_FILE: {reason}"])

    def _read_signer(self) -> Signer:
        return Signer(read_private_key(self._key_file, self.role), self._platform_id, self._next_epoch())

    def _next_epoch(self) -> int:
        """Return a number above that of every process that signed with this data directory before."""
        try:
            before = int(self._epoch_file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            before = 0
        epoch = max(before + 1, time.time_ns() // 1_000_000)
        # A full disk must not keep a service from starting: the clock alone is right unless it was set back.
        with contextlib.suppress(OSError):
            write_durably(self._epoch_file, f"{epoch}\n".encode())
        return epoch

    def _look_at_stamps(self) -> list[tuple[int, int]]:
        stamps = []
        for path in (self._key_file, self._list_file):
            try:
                found = path.stat()
                stamps.append((found.st_mtime_ns, found.st_ino))
            except OSError:
                stamps.append((0, 0))
        return stamps


def read_private_key(path: Path, role: str) -> PrivateKey:
    """Read a service's key; ConfigError names the file and the rule, never the content."""
    try:
        with path.open(encoding="ascii") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(KEY_FILE_CHARS_MAX)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"MM_SIGNING_KEY_FILE: cannot read {path}: {type(error).__name__}"]) from None
    if mode & 0o077:
        raise ConfigError([f"MM_SIGNING_KEY_FILE: {path} must be readable by its owner only (mode 600), is {mode:o}"])
    try:
        return parse_private_key(text, role)
    except ValueError as error:
        raise ConfigError([f"MM_SIGNING_KEY_FILE: {path} {error}"]) from None


def key_files(settings: ServiceSettings, role: str) -> KeyFiles | None:
    """Return the key files of a process that was given a key; None for one that signs and believes nothing."""
    return KeyFiles(settings, role) if settings.signing_key_file is not None else None


def _given(path: Path | None, name: str) -> Path:
    if path is None:
        raise ConfigError([f"{name}: must be given: what is not signed is not obeyed"])
    return path


def _read_root(path: Path) -> VerifyKey:
    try:
        return VerifyKey(bytes.fromhex(path.read_text(encoding="ascii").strip()))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError([f"MM_ROOT_KEY_FILE: {path} holds no public key: {type(error).__name__}"]) from None
