"""The code itself under test: cores stay pure, services stay apart, files stay small, words stay plain."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Modules that may do I/O, relative to their member; everything else is a core or what a core is made of. A new
# module is pure until somebody enters it here and says why.
SHELL: dict[str, tuple[str, ...]] = {
    "libs/c2client": (
        "c2client/client.py",
        "c2client/connection.py",
        "c2client/rest.py",
        "c2client/subscription.py",
        "c2client/tokens.py",
    ),
    "libs/c2wire": (),
    "libs/common": (
        "common/bus/durable.py",
        "common/bus/jetstream.py",
        "common/bus/nats.py",
        "common/bus/ordered.py",
        "common/bus/readers.py",
        "common/bus/snapshots.py",
        "common/clock.py",
        "common/leases/epochs.py",
        "common/leases/keeping.py",
        "common/machine/descriptors.py",
        "common/machine/disk.py",
        "common/machine/needs.py",
        "common/machine/output.py",
        "common/network/admin.py",
        "common/network/door.py",
        "common/network/webclient.py",
        "common/network/websocket.py",
        "common/running/gate.py",
        "common/running/intake.py",
        "common/running/log_lines.py",
        "common/running/outbox.py",
        "common/running/periods.py",
        "common/running/promises.py",
        "common/running/selfcheck.py",
        "common/running/service.py",
        "common/running/shell.py",
        "common/running/storing.py",
        "common/running/telemetry.py",
        "common/running/wires.py",
        "common/settings.py",
        "common/signing/keyfiles.py",
        "common/stores/memory.py",
        "common/stores/watch.py",
        "common/streams/__main__.py",
        "common/streams/backup.py",
        "common/streams/sealing.py",
    ),
    "libs/stompframes": (),
    # The command line is a shell throughout; what runs in the simulation is seeded and pure.
    "libs/toolkit": (
        "toolkit/*.py",
        "toolkit/checking/*.py",
        "toolkit/keys/*.py",
        "toolkit/operating/*.py",
        "toolkit/platform/*.py",
        "toolkit/servers/*.py",
        "toolkit/simulation/cores.py",
        "toolkit/simulation/spot/side.py",
        "toolkit/simulation/troubles/troubles.py",
        "toolkit/simulation/world.py",
        "toolkit/testing/*.py",
    ),
    "services/exchange": (
        "exchange/__main__.py",
        "exchange/api.py",
        "exchange/entry/keyfiles.py",
        "exchange/journal.py",
        "exchange/prices/live.py",
        "exchange/prices/recording.py",
        "exchange/prices/sources.py",
        "exchange/settings.py",
        "exchange/shell.py",
        "exchange/spot_venues/hosting.py",
        "exchange/start.py",
    ),
    "services/feed": ("feed/__main__.py", "feed/recorder.py", "feed/wiring.py"),
    "services/gateway": (
        "gateway/__main__.py",
        "gateway/api/*.py",
        "gateway/api/c2/*.py",
        "gateway/api/routes/*.py",
        "gateway/auth/clients.py",
        "gateway/auth/owner.py",
        "gateway/auth/passwords.py",
        "gateway/auth/sessions.py",
        "gateway/auth/store.py",
        "gateway/auth/throttle.py",
        "gateway/c2/connection.py",
        "gateway/c2/socket.py",
        "gateway/changes/admin_ports.py",
        "gateway/changes/bots_file.py",
        "gateway/changes/first_start.py",
        "gateway/changes/repeats.py",
        "gateway/context.py",
        "gateway/state/status.py",
        "gateway/testing/fakes.py",
        "gateway/testing/platform.py",
        "gateway/testing/relay.py",
        "gateway/testing/served.py",
        "gateway/testing/spot.py",
        "gateway/wiring.py",
    ),
    "services/pricer": ("pricer/__main__.py", "pricer/wiring.py"),
    "services/quoter": (
        "quoter/__main__.py",
        "quoter/accounts/reached.py",
        "quoter/accounts/settings.py",
        "quoter/keys.py",
        "quoter/testing/ccxt/server.py",
        "quoter/testing/live.py",
        "quoter/venues/__init__.py",
        "quoter/venues/polymarket/signing/keys.py",
        "quoter/venues/polymarket/signing/library.py",
        "quoter/venues/polymarket/venue.py",
        "quoter/watchdog/__main__.py",
        "quoter/watchdog/wiring.py",
        "quoter/wiring.py",
    ),
    "services/risk": (
        "risk/__main__.py",
        "risk/ledger/recovery.py",
        "risk/ledger/store.py",
        "risk/monitoring/day_file.py",
        "risk/testing/stores.py",
        "risk/wiring.py",
    ),
}

IO_MODULES = frozenset(
    """
    asyncio concurrent fastapi http httpx logging multiprocessing nats os pathlib redis secrets select selectors shutil
    signal socket sqlite3 ssl starlette structlog subprocess sys tempfile threading time urllib.request uvicorn uvloop
    uuid websockets
    """.split()  # noqa: SIM905  a paragraph is read faster than a column of quotes
)
# Of the clock's module a core may use what asks no clock.
OF_THE_CLOCK = frozenset(("Clock", "ManualClock", "NS_PER_MS", "NS_PER_S", "SECONDS_PER_YEAR"))
IO_CALLS = frozenset(("open", "print", "input", "breakpoint", "exec", "eval"))
CLOCK_CALLS = frozenset(("now", "utcnow", "today"))

PACKAGE_LINES_MAX = 500
TEST_LINES_MAX = 700
FOLDER_MODULES_MAX = 12
FUNCTION_LINES_MAX = 80
# The whole table of processes is read at once.
LONG_FUNCTIONS = frozenset(("libs/toolkit/toolkit/platform/processes.py:process_table",))

BANNED_WORDS = re.compile(r"manager|helper|utils?$|processor", re.IGNORECASE)
BANNED_CLASSES = re.compile(r"(Manager|Helper|Utils?|Handler|Processor|Engine)(?![a-z])")
# The gateway says once, on its terminal, where the first password is.
MAY_PRINT = ("libs/toolkit/", "bench/", "services/gateway/gateway/wiring.py")

TEXT_SUFFIXES = frozenset(
    (".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".sh", ".json", ".js", ".ts", ".html", ".css", ".conf")
)
SKIPPED_FOLDERS = frozenset(("node_modules", "__pycache__", "fixtures", "golden", "dist", "build"))


def files() -> Iterator[Path]:
    """Yield every file of ours, relative to the root."""
    folders = [ROOT]
    while folders:
        for path in sorted(folders.pop().iterdir()):
            if path.is_dir():
                if path.name not in SKIPPED_FOLDERS and (not path.name.startswith(".") or path.name == ".ci"):
                    folders.append(path)
            elif path.name != "uv.lock":
                yield path.relative_to(ROOT)


PYTHON = [path for path in files() if path.suffix == ".py"]
PACKAGES = [path for path in PYTHON if path.parts[0] in ("libs", "services", "bench") and "tests" not in path.parts]
MEMBERS = sorted({Path(*path.parts[:2]) for path in PACKAGES if path.parts[0] != "bench"})


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def is_shell(path: Path) -> bool:
    member = "/".join(path.parts[:2])
    return any(path.match(f"{member}/{pattern}") for pattern in SHELL.get(member, ()))


PURE = [path for path in PACKAGES if path.parts[0] != "bench" and not is_shell(path)]


@cache
def imports(path: Path) -> frozenset[str]:
    """Return the full names of the modules a file imports, at any depth."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            found.add(node.module)
            # `from common.bus import readers` imports the module readers, if it is one.
            found |= {
                f"{node.module}.{alias.name}" for alias in node.names if module_file(f"{node.module}.{alias.name}")
            }
    return frozenset(found)


@cache
def module_file(name: str) -> Path | None:
    """Return the file of one of our modules, None for a foreign one."""
    for member in MEMBERS:
        base = member.joinpath(*name.split("."))
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path in PACKAGE_FILES:
                return path
    return None


PACKAGE_FILES = frozenset(PACKAGES)


def top_level(path: Path) -> str:
    """Return the import name of the package a file belongs to."""
    return path.parts[2]


def test_a_core_does_no_io_and_asks_no_clock() -> None:
    assert [f"{path}: {fault}" for path in PURE for fault in (*io_imports(path), *io_calls(path))] == []


def io_imports(path: Path) -> Iterator[str]:
    for name in sorted(imports(path)):
        parts = name.split(".")
        if {".".join(parts[: depth + 1]) for depth in range(len(parts))} & IO_MODULES:
            yield f"imports {name}"


def io_calls(path: Path) -> Iterator[str]:
    # `import random`, not a seeded Random that goes by that name.
    whole_module = any(
        isinstance(node, ast.Import) and any(alias.name == "random" for alias in node.names)
        for node in ast.walk(tree(path))
    )
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name):
            if called.id in IO_CALLS:
                yield f"line {node.lineno}: calls {called.id}()"
            if called.id == "Random" and not node.args:
                yield f"line {node.lineno}: Random() without a seed"
        elif isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            owner = called.value.id
            if owner in ("datetime", "date") and called.attr in CLOCK_CALLS:
                yield f"line {node.lineno}: asks a clock"
            seeded = called.attr == "Random" and node.args
            if owner == "random" and whole_module and not seeded:
                yield f"line {node.lineno}: unseeded chance"


def test_a_core_imports_no_shell() -> None:
    for path in PURE:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom) and node.module == "common.clock":
                assert {alias.name for alias in node.names} <= OF_THE_CLOCK, f"{path}:{node.lineno} asks a clock"
        for name in sorted(imports(path) - {"common.clock"}):
            found = module_file(name)
            assert found is None or not is_shell(found), f"{path} imports {name}, which may do I/O"


def test_every_shell_entry_still_names_a_file() -> None:
    for member in MEMBERS:
        assert str(member) in SHELL, f"say which modules of {member} may do I/O"
        for pattern in SHELL[str(member)]:
            assert list((ROOT / member).glob(pattern)) or "*" in pattern, f"{member}: {pattern}"


def test_the_pure_part_is_the_greater_part_of_every_service() -> None:
    for member in MEMBERS:
        if member.parts[0] == "services" and member.name != "gateway":
            own = [path for path in PACKAGES if path.parts[:2] == member.parts]
            assert sum(not is_shell(path) for path in own) > len(own) / 2, member


def test_no_service_imports_another() -> None:
    services = {member.name for member in MEMBERS if member.parts[0] == "services"}
    for path in PACKAGES:
        if path.parts[0] != "bench":
            used = {name.split(".")[0] for name in imports(path)} & (services | {"toolkit", "common"})
            assert used <= may_import(path), path


def may_import(path: Path) -> set[str]:
    """Return the packages of ours that a file may import from."""
    if path.parts[1] == "exchange":
        # Another party: its settings and logs are read as ours are, what it does shares nothing with us.
        return {"exchange", "common"} if is_shell(path) else {"exchange"}
    if path.parts[0] == "services":
        return {path.parts[1], "common"}
    if path.parts[1] in ("c2client", "c2wire", "stompframes"):
        # Installed by clients that have nothing else of ours.
        return set()
    # The toolkit finds the services' cores by name when it runs them, as a server finds an application.
    return {"toolkit", "common"} if path.parts[1] == "toolkit" else {"common"}


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {path: {found for name in imports(path) if (found := module_file(name)) is not None} for path in PACKAGES}
    # Raises CycleError, which names the circle.
    assert len(list(TopologicalSorter(graph).static_order())) == len(PACKAGES)


# A symbol's book is built of the market's parts and stands among the market's books.
ONE_FOLDER = {"services/exchange/exchange/spot": "services/exchange/exchange/market"}


def test_the_folders_of_a_service_need_each_other_in_one_direction() -> None:
    graph: dict[str, set[str]] = {}
    for path in PACKAGES:
        folder = folder_of(path)
        if folder is not None:
            found = {folder_of(file) for name in imports(path) if (file := module_file(name)) is not None}
            graph.setdefault(folder, set()).update(each for each in found if each not in (None, folder))
    assert len(graph) > 20
    # Raises CycleError, which names the circle.
    list(TopologicalSorter(graph).static_order())


def folder_of(path: Path) -> str | None:
    """Return the folder of a service that a module is in; None for one at its root, which puts the folders together."""
    if path.parts[0] != "services" or len(path.parts) < 5 or path.parts[3] == "testing":
        return None
    folder = "/".join(path.parts[:4])
    return ONE_FOLDER.get(folder, folder)


# What serves every kind of bot; a kind is found there by its registry alone.
OF_ALL_KINDS = (
    "services/gateway/gateway/state/*.py",
    "services/pricer/pricer/kind.py",
    "services/pricer/pricer/own_mid.py",
    "services/pricer/pricer/roster.py",
    "services/pricer/pricer/service.py",
    "services/quoter/quoter/orders/*.py",
    "services/quoter/quoter/service.py",
    "services/quoter/quoter/trading/*.py",
    "services/quoter/quoter/views/*.py",
)
OF_ONE_KIND = re.compile(r"\b(BinaryBot|BinaryTerms|PairInventory|PairHeld)\b")
# What is held in one market is told apart by instrument here, for all others.
BY_INSTRUMENT = "services/quoter/quoter/orders/inventory.py"


def test_what_serves_every_kind_of_bot_knows_none_of_them() -> None:
    for pattern in OF_ALL_KINDS:
        found = [path for path in PACKAGES if path.match(pattern)]
        assert found, f"{pattern}: no such module"
        for path in found:
            assert not [name for name in imports(path) if "binary" in name.split(".")], f"{path} imports a kind of bot"
            if str(path) != BY_INSTRUMENT:
                named = OF_ONE_KIND.search((ROOT / path).read_text(encoding="utf-8"))
                assert named is None, f"{path} names {named and named[0]}"


def test_signals_are_below_the_quotes_that_are_made_from_them() -> None:
    for path in PACKAGES:
        if path.match("services/quoter/quoter/signals/*.py"):
            assert not [name for name in imports(path) if name.startswith("quoter.binary")], path


def test_no_folder_holds_more_modules_than_a_person_can_look_over() -> None:
    folders: dict[Path, list[str]] = {}
    for path in PACKAGES:
        if path.name not in ("__init__.py", "__main__.py") and path.parts[0] in ("libs", "services"):
            folders.setdefault(path.parent, []).append(path.name)
    for folder, modules in folders.items():
        assert len(modules) <= FOLDER_MODULES_MAX, f"{folder}: {len(modules)} modules"


def test_nothing_that_runs_for_a_user_imports_what_is_for_tests() -> None:
    for path in PACKAGES:
        if path.parts[0] != "bench" and "testing" not in path.parts:
            found = [name for name in imports(path) if "testing" in name.split(".")]
            assert not found, f"{path} imports {found}"


def test_the_folders_of_tests_are_those_of_what_they_test() -> None:
    for path in PYTHON:
        if path.parts[0] in ("libs", "services") and path.parts[2] == "tests" and "fixtures" not in path.parts:
            room = Path(*path.parts[:2], path.parts[1], *path.parts[3:-1])
            assert (ROOT / room).is_dir(), f"{path}: there is no {room}"


def test_no_file_grows_past_what_a_person_can_hold() -> None:
    for path in PYTHON:
        lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())
        assert lines <= (PACKAGE_LINES_MAX if path in PACKAGE_FILES else TEST_LINES_MAX), f"{path}: {lines} lines"


def test_no_function_grows_past_a_screen_or_two() -> None:
    for path in PYTHON:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                assert lines <= FUNCTION_LINES_MAX or f"{path}:{node.name}" in LONG_FUNCTIONS, f"{path}: {node.name}"


def test_nothing_is_called_by_a_word_that_says_nothing() -> None:
    for path in PYTHON:
        assert not BANNED_WORDS.search(path.stem), path
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                assert not BANNED_CLASSES.search(node.name), f"{path}: class {node.name}"
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert not BANNED_WORDS.search(node.name), f"{path}: {node.name}"


def test_every_module_says_in_a_sentence_what_it_is() -> None:
    for path in PACKAGES:
        if path.name in ("__init__.py", "__main__.py") and len(tree(path).body) < 5:
            continue
        said = ast.get_docstring(tree(path))
        assert said, f"{path} has no docstring"
        assert said[0].isupper() or not said[0].isalpha(), f"{path}: begins with {said[:20]!r}"
        assert said.splitlines()[0].rstrip().endswith((".", ":", "?")), f"{path}: {said.splitlines()[0]!r}"


def test_only_the_command_line_prints() -> None:
    for path in PACKAGES:
        if str(path).startswith(MAY_PRINT) or path.name == "__main__.py":
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                to_stderr = any(keyword.arg == "file" for keyword in node.keywords)
                assert to_stderr, f"{path}:{node.lineno} prints"


NOT_RUN = re.compile(r"pytest\.(mark\.)?(sk" + r"ip|xf" + r"ail|importor" + r"skip)")


def test_what_is_waived_is_named() -> None:
    for path in PYTHON:
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1):
            assert not re.search(r"#\s*type:\s*ignore(?!\[)", line), f"{path}:{number}: which error is ignored?"
            assert not re.search(r"#\s*noqa(?!:)", line), f"{path}:{number}: which rule is waived?"
            # A copy of the tree may have neither; where there is one, it runs.
            waits = "skipif" in line and ("recordings" in line or "history" in line)
            # Lists what did not run and keeps the run from passing.
            waits = waits or path.name == "not_run.py"
            assert waits or not NOT_RUN.search(line), f"{path}:{number}: a test that proves nothing"


# Put together here, so that this file does not hold what it looks for.
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
MACHINE_PATH = re.compile(r"(?<![\w.{}$])/(?:home|Users|root|wo" + r"rk)/[\w.]")
REGISTRY_HOST = re.compile(
    r"https?://[^\s\"')]*(?:py" + r"pi|pythonho" + r"sted|npm" + r"js|artifac" + r"tory)", re.IGNORECASE
)


def test_nothing_is_left_for_later_and_nothing_names_one_machine() -> None:
    for path in files():
        if path.suffix not in TEXT_SUFFIXES and path.name not in ("Dockerfile", "mm", "run"):
            continue
        text = (ROOT / path).read_text(encoding="utf-8")
        for rule, pattern in (("unfinished", UNFINISHED), ("path", MACHINE_PATH), ("registry", REGISTRY_HOST)):
            found = pattern.search(text)
            assert found is None, f"{path}:{text.count(chr(10), 0, found.start()) + 1}: {rule} {found[0]!r}"
