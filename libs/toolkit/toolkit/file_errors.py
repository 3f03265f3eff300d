"""What a command says when a file or a folder of the platform cannot be read or written."""

import errno

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)
IN_THE_WAY = (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY)


def is_about_files(error: OSError) -> bool:
    """Say whether the disk has refused something; other errors of the system are none of a person's files."""
    return error.filename is not None or error.errno in (*FULL, errno.EROFS, errno.EIO)


def sentence(error: OSError) -> str:
    """Return the path, the reason and the way on."""
    path = "the disk" if error.filename is None else error.filename
    return f"{path}: {error.strerror or error}; {_way_on(error.errno)}"


def _way_on(number: int | None) -> str:
    if number in FULL:
        return "make room there, or name another --data-dir, then retry"
    if number in NOT_ALLOWED:
        return "retry as the user who owns the data directory, make it writable, or name another --data-dir"
    if number in IN_THE_WAY:
        return "move away what is in its place, or name another --data-dir"
    return "mend that, or name another --data-dir, then retry"
