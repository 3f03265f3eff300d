"""The broker alone, for work on a platform that is stopped."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
from common.bus.features import features_of

from toolkit.instance import CannotStartError
from toolkit.layout import nats_config_file
from toolkit.platform.health import broker_words
from toolkit.platform.processes import EVERY_STREAM, JETSTREAM_ENABLED, LOOPBACK
from toolkit.ports import Ports
from toolkit.servers.programs import AUTO, NATS, NoServerError, Server
from toolkit.servers.record import note_writers, server_for
from toolkit.setup import Addresses, prepare

BROKER_S_MAX = 30.0
ASK_S_MAX = 5.0
POLL_S = 0.1


@contextlib.contextmanager
def broker_alone(
    data_dir: Path,
    ports: Ports,
    report: Callable[[str], None],
    wish: str = AUTO,
) -> Iterator[None]:
    """Run the broker of a data directory that is set up, and stop it again; CannotStartError says why it does not."""
    try:
        server = server_for(NATS, data_dir, report, wish)
    except NoServerError as error:
        raise CannotStartError(str(error)) from error
    with prepared_broker(server, data_dir, ports):
        yield
        if words := _words(ports):
            report(f"{NATS.name}: {words}")


@contextlib.contextmanager
def prepared_broker(server: Server, data_dir: Path, ports: Ports) -> Iterator[None]:
    """Configure a data directory for a broker, note who opens its store, run it, and stop it again."""
    addresses = Addresses(LOOPBACK, ports.nats, ports.nats_monitor, ports.redis)
    prepare(data_dir, addresses, features=features_of(server.version))
    note_writers(data_dir, {NATS.name: server})
    with broker_process(server, data_dir, ports):
        yield


@contextlib.contextmanager
def broker_process(server: Server, data_dir: Path, ports: Ports) -> Iterator[None]:
    """Run a broker on the configuration that is there, and stop it again; CannotStartError when it does not answer."""
    command = [*server.command, "--config", str(nats_config_file(data_dir))]
    broker = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await_answer(broker, ports)
        yield
    finally:
        broker.terminate()
        try:
            broker.wait(BROKER_S_MAX)
        except subprocess.TimeoutExpired:
            # Whoever comes next takes the files for nobody's.
            broker.kill()
            broker.wait()


def _words(ports: Ports) -> str:
    """Return what the broker says is wrong with its streams, '' for nothing."""
    try:
        page = httpx.get(f"http://{LOOPBACK}:{ports.nats_monitor}{EVERY_STREAM}", trust_env=False, timeout=ASK_S_MAX)
    except httpx.HTTPError as error:
        return f"its health page does not answer: {type(error).__name__}"
    return broker_words(page.content)


def _await_answer(broker: subprocess.Popen[bytes], ports: Ports) -> None:
    deadline_s, said = time.monotonic() + BROKER_S_MAX, ""
    with httpx.Client(trust_env=False, timeout=ASK_S_MAX) as client:
        while time.monotonic() < deadline_s and broker.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                answer = client.get(f"http://{LOOPBACK}:{ports.nats_monitor}{JETSTREAM_ENABLED}")
                if answer.status_code == httpx.codes.OK:
                    return
                said = f": {broker_words(answer.content)}"
            time.sleep(POLL_S)
    raise CannotStartError(f"the broker does not start on port {ports.nats}{said}")
