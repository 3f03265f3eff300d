"""Where an account's venue keys are; only the quoter package holds them, and nothing shows one.

No configuration file has a place for them. A variable set in the environment comes before the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from common.errors import ConfigError

from quoter.venues.venue import KeyFile

KEYS_FILE_BYTES_MAX = 64 * 1024


class AccountKeys:
    """The keys of one account: variables of the environment, and files of a directory."""

    def __init__(self, environment: Mapping[str, str], directory: Path, account: str) -> None:
        self._environment, self._directory = environment, directory
        self.account = account

    def variable(self, name: str) -> str:
        """Return a variable of the environment; empty when it is not set."""
        return self._environment.get(name, "")

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
