"""Standard output of a command whose reader may leave early: `./mm streams list | head`."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager

CUT_SHORT = 1
"""Exit code of a command that had more to say than its reader took."""


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Let a command end without a traceback when nobody reads its standard output any more.

    One that was interrupted by it exits with CUT_SHORT, one that was done keeps its own exit code. A connection that
    breaks raises BrokenPipeError as well: that is not the reader's doing, and passes.
    """
    try:
        yield
    except BrokenPipeError:
        if not _reader_left():
            raise
        sys.exit(CUT_SHORT)
    finally:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            # What is left in the buffer would be written, and fail, once more when the interpreter ends.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)


def _reader_left() -> bool:
    output = select.poll()
    output.register(sys.stdout.fileno(), select.POLLOUT)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in output.poll(0))
