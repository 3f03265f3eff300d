"""What a process remembers of the stores, in one small file of its own."""

from __future__ import annotations

from pathlib import Path

import msgspec
from structlog.stdlib import BoundLogger

from common.errors import ConfigError
from common.machine.disk import write_durably
from common.stores.judge import Known

FILE = "stores.json"


def read_known(file: Path, platform_id: str, log: BoundLogger) -> Known:
    """Return what is on disk, nothing when there is nothing; ConfigError when it is another platform's disk."""
    try:
        known = msgspec.json.decode(file.read_bytes(), type=Known)
    except FileNotFoundError:
        return Known(platform_id)
    except (OSError, msgspec.DecodeError) as error:
        # As if the disk were lost: whoever keeps promises then stands still.
        log.exception("what was known of the stores cannot be read", file=str(file), why=type(error).__name__)
        return Known(platform_id)
    if known.platform_id != platform_id:
        raise ConfigError([f"{file}: belongs to platform {known.platform_id!r}, this is {platform_id!r}"])
    return known


def write_known(file: Path, known: Known, log: BoundLogger) -> None:
    """Have it on the platter; a disk that does not take it is told, and tried again with the next news."""
    try:
        write_durably(file, msgspec.json.format(msgspec.json.encode(known), indent=1))
    except OSError as error:
        log.exception("what is known of the stores is not written down", why=error.strerror)
