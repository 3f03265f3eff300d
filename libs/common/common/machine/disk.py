"""Small documents on disk, whole or not at all: when one has been put or removed, a power failure does not undo it."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

DOCUMENT_BYTES_MAX = 64 * 1024
DOCUMENTS_MAX = 2_000
_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
_DRAFT = ".draft"


class Documents:
    """Documents by name, each in a file of its own in one folder that only we can read.

    OSError when the disk does not take a change; what was there before is there still.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, name: str, data: bytes) -> None:
        """Write a document whole, in place of the one of that name; on the platter when this returns."""
        assert _NAME.fullmatch(name), f"{name!r} names no document"
        assert len(data) <= DOCUMENT_BYTES_MAX, f"{name}: a document has at most {DOCUMENT_BYTES_MAX} bytes"
        write_durably(self._folder / name, data)

    def remove(self, name: str) -> None:
        """Remove a document; nothing to do when there is none."""
        (self._folder / name).unlink(missing_ok=True)
        if self._folder.is_dir():
            _sync_folder(self._folder)

    def all(self) -> dict[str, bytes]:
        """Return every document by name, in order of name; drafts of a death in between are none."""
        if not self._folder.is_dir():
            return {}
        paths = [path for path in sorted(self._folder.iterdir()) if _NAME.fullmatch(path.name)]
        return {path.name: path.read_bytes() for path in paths[:DOCUMENTS_MAX]}


def write_durably(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file whole, in place of the one of that name; on the platter when this returns, OSError when it is not.

    What was there before is there still when the disk does not take it, and nobody sees half of either.
    """
    _make_folder(path.parent)
    _replace(path, data, mode, durable=True)
    _sync_folder(path.parent)


def write_whole(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Likewise, for what may be an older one again after a power failure."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _replace(path, data, mode, durable=False)


def _replace(path: Path, data: bytes, mode: int, *, durable: bool) -> None:
    # Replicas on one machine may share the folder: each writes a draft of its own.
    draft = path.with_name(f"{path.name}.{os.getpid()}{_DRAFT}")
    # A draft left by a death may have had another mode.
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        # A write that finds no room names no file, and the draft is none that a person knows.
        error.filename, error.filename2 = str(path), None
        raise


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A folder is an entry of its parent, which has to be on the platter as well.
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
