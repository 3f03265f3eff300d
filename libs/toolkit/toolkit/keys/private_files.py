"""Files written in one step: secrets that nobody else can read, not even in between, and lists that everybody may."""

from pathlib import Path

from common.machine.disk import write_durably


def write_private(path: Path, content: str) -> None:
    """Write a file that only its owner may read, never readable by others in between."""
    write_durably(path, content.encode())


def write_public(path: Path, content: bytes) -> None:
    """Write a file that everybody may read and only its owner may write."""
    write_durably(path, content, 0o644)
