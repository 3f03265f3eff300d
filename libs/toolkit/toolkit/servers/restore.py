"""Restore the stores of a stopped platform from a backup; what they held until then is put aside, not deleted."""

import contextlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from common.bus.accounts import STREAMS_ACCOUNT
from common.errors import MarketMakerError
from common.signing import Verifier
from common.streams.backup import KEPT, BackupError, Contents, demand_readable, examine
from common.versions import text_of, version_in

from toolkit.form import write_form
from toolkit.instance import CannotStartError, read_control
from toolkit.keys.keyring import Keyring
from toolkit.layout import nats_store_dir, platform_id_file
from toolkit.operating.gateway_client import NoAnswerError
from toolkit.platform.exclusive import sole_instance
from toolkit.platform.listening import taken_ports
from toolkit.ports import Ports
from toolkit.servers import streams
from toolkit.servers.broker import prepared_broker
from toolkit.servers.programs import AUTO, NATS, NoServerError, Server
from toolkit.servers.record import server_for

Report = Callable[[str], None]


class NotRestoredError(Exception):
    """The backup was not brought back; the message says why, and everything is as it was."""


def restore(
    folder: Path, data_dir: Path, ports: Ports, who: str, reason: str, report: Report, servers: str = AUTO
) -> None:
    """Put the streams of a backup in the place of those of a stopped platform and write the next generation.

    Services that are started then stand still until a person resumes. NotRestoredError when it could not be done.
    """
    if not platform_id_file(data_dir).is_file():
        raise NotRestoredError(f"{data_dir}: no platform was set up here (./mm up does it; --data-dir names another)")
    try:
        keyring = Keyring.of(data_dir)
        contents = examine(folder, keyring.platform_id, Verifier(keyring.read()))
        with sole_instance(data_dir):
            _demand_stopped(data_dir, ports)
            report(f"{folder}: {contents.label}, generation {contents.generation}, is whole and of this platform")
            server = _new_enough(contents, folder, data_dir, report, servers)
            with _set_aside(data_dir, report):
                _bring_back(folder, contents, data_dir, ports, server, keyring, who, reason)
            # The way back from an upgrade: what is here now is what this build reads.
            write_form(data_dir)
    except (MarketMakerError, CannotStartError, NoServerError, NoAnswerError) as error:
        raise NotRestoredError(str(error)) from None


def _demand_stopped(data_dir: Path, ports: Ports) -> None:
    former = read_control(data_dir)
    if former is not None and (left := former.living_children()):
        raise NotRestoredError(f"{', '.join(left)} still works: stop the platform with ./mm down")
    if taken := taken_ports({"nats": ports.nats, "nats monitor": ports.nats_monitor}):
        raise NotRestoredError("; ".join(taken))


def _new_enough(contents: Contents, folder: Path, data_dir: Path, report: Report, servers: str) -> Server:
    """Return the broker that will read a backup; BackupError, before anything is moved, when it cannot."""
    server = server_for(NATS, data_dir, report, servers, version_in(contents.broker))
    demand_readable(contents, folder, text_of(server.version))
    return server


@contextlib.contextmanager
def _set_aside(data_dir: Path, report: Report) -> Iterator[None]:
    """Put what the streams hold aside; when what is done then fails it is in its place again."""
    held = nats_store_dir(data_dir) / "jetstream" / STREAMS_ACCOUNT / "streams"
    aside = data_dir / "nats" / f"replaced-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"
    moved = _move([held / stream for stream in KEPT], aside)
    if moved:
        report(f"put aside in {aside}: {', '.join(path.name for path in moved)}")
    try:
        yield
    except BaseException:
        # The broker has ended: nobody writes here.
        _move([held / stream for stream in KEPT], aside / "failed")
        _move(moved, held)
        if aside.is_dir() and not any(aside.iterdir()):
            aside.rmdir()
        raise


def _bring_back(
    folder: Path,
    contents: Contents,
    data_dir: Path,
    ports: Ports,
    server: Server,
    keyring: Keyring,
    who: str,
    reason: str,
) -> None:
    with prepared_broker(server, data_dir, ports):
        code = streams.run(["restore", str(folder), "--who", who, "--reason", reason], data_dir, ports)
        if code:
            raise BackupError("the streams were not brought back; what was there is in its place again")
        # The generation's own word, the newest in each, is said by a key that has to hold for it.
        ends: dict[str, int] = json.loads(streams.ask(["report"], data_dir, ports))["ends"]
        keyring.recall(contents.public_keys.encode())
        keyring.rewind({stream: max(0, end - 1) for stream, end in ends.items()})


def _move(paths: Iterable[Path], folder: Path) -> list[Path]:
    """Move what is there of some folders into another one and return where it is now."""
    moved = []
    for path in paths:
        if path.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            moved.append(path.rename(folder / path.name))
    return moved
