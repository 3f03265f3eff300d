"""Find out, before anything is started, which of the wanted ports are taken and by whom."""

import contextlib
import errno
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

_LISTEN = "0A"
_FIRST_DRAWN_PORT = 20_000
_DRAWN_PORTS_MIN = 10_000
_DRAWS_MAX = 1_000


def taken_ports(wanted: dict[str, int]) -> list[str]:
    """Return one sentence for each wanted port that is in use, with the process that holds it where that shows."""
    return [f"port {port} ({what}) is in use{_holder(port)}" for what, port in wanted.items() if not can_bind(port)]


def can_bind(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port still closing connections of a former server is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def free_port() -> int:
    """Return a port that is free just now, drawn so that two who ask at once hardly meet.

    It lies below the range of outgoing connections: one of those would take a port between its choice and its use.
    """
    below = max(first_outgoing_port(), _FIRST_DRAWN_PORT + _DRAWN_PORTS_MIN)
    for _ in range(_DRAWS_MAX):
        port = _FIRST_DRAWN_PORT + secrets.randbelow(below - _FIRST_DRAWN_PORT)
        if can_bind(port):
            return port
    raise OSError(errno.EADDRINUSE, f"no free port found between {_FIRST_DRAWN_PORT} and {below}")


def first_outgoing_port() -> int:
    """Return where the range begins from which the kernel gives ports to outgoing connections."""
    return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])


def _holder(port: int) -> str:
    wanted = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and not wanted.isdisjoint(_open_files(process)):
            return f" by {(process / 'comm').read_text().strip()} (pid {process.name})"
    # The kernel gives outgoing connections ports of its own choice from a range (usually from 32768).
    return "" if wanted else " by an outgoing connection"


def _open_files(process: Path) -> Iterator[str]:
    """Return what a process has open, as far as we may see it; files are opened and closed while we look."""
    try:
        descriptors = list((process / "fd").iterdir())
    except OSError:
        return
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            yield str(descriptor.readlink())


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except FileNotFoundError:
            continue
        for row in rows:
            fields = row.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(fields[9])
    return inodes
