"""Where an account's venue keys are; only the quoter package holds them, and nothing shows one.

No configuration file has a place for them. A variable set in the environment comes before the file; of several accounts
at one venue each has variables of its own, which end in its name: DEGEN_API_KEY_MM2.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from common.errors import ConfigError

from quoter.venues.venue import KeyFile

KEYS_FILE_BYTES_MAX = 64 * 1024


class AccountKeys:
    """The keys of one account: variables of the environment, and files of a directory."""

    def __init__(self, environment: Mapping[str, str], directory: Path, account: str, *, alone: bool = True) -> None:
        """`alone`: the process has no other account at the venue."""
        self._environment, self._directory = environment, directory
        self.account = account
        self._suffix = "" if alone else f"_{account.upper().replace('-', '_')}"

    def variable(self, name: str) -> str:
        """Return a variable of the environment; empty when it is not set.

        ConfigError when it is set for no account in particular, and there are several at the venue.
        """
        own = f"{name}{self._suffix}"
        if self._suffix and self._environment.get(name):
            raise ConfigError([f"{name}: several accounts are at this venue, say whose it is, such as {own}"])
        return self._environment.get(own, "")

    def read(self, name: str) -> KeyFile:
        """Return a file; ConfigError names it when it cannot be read or is too large."""
        path = self._directory / name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ConfigError([f"MM_VENUE_KEYS_DIR: cannot read {path}: {type(error).__name__}"]) from None
        if len(data) > KEYS_FILE_BYTES_MAX:
            raise ConfigError([f"MM_VENUE_KEYS_DIR: {path} is larger than {KEYS_FILE_BYTES_MAX} bytes"])
        return KeyFile(str(path), data)
