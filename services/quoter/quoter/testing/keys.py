"""Keys of an account without an environment or a file."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from common.errors import ConfigError

from quoter.venues.venue import KeyFile


class GivenKeys:
    """A `KeySource` of what a test gives it."""

    def __init__(
        self,
        account: str = "mm1",
        variables: Mapping[str, str] = MappingProxyType({}),
        files: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        self.account, self._variables, self._files = account, variables, files

    def variable(self, name: str) -> str:
        return self._variables.get(name, "")

    def read(self, name: str) -> KeyFile:
        if name not in self._files:
            raise ConfigError([f"MM_VENUE_KEYS_DIR: cannot read {name}: FileNotFoundError"])
        return KeyFile(name, self._files[name])
