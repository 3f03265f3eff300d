"""The commands a trader types: each reads its options and calls the module that does the work.

A module that takes long to import is imported by the one command that needs it: who halts does not wait for the rest.
"""

import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from common.errors import BusError, ConfigError
from common.halts import DEFAULT_REASON
from common.machine.output import reader_may_leave
from rich.console import Console
from rich.text import Text

from toolkit.file_errors import is_about_files, sentence
from toolkit.instance import CannotStartError
from toolkit.keys import commands as keys_commands
from toolkit.layout import venue_keys_dir
from toolkit.operating import explain, post_commands
from toolkit.operating import halts as operate
from toolkit.operating import status as statuses
from toolkit.operating.gateway_client import NoAnswerError, PlatformClient
from toolkit.options import REFUSED, DataDir, PortBase, ServersOption, ports_asked_for, ports_of, refuse, say_why
from toolkit.paths import CONFIG_DIR, DEFAULT_DATA_DIR, ROOT, VENV_BIN
from toolkit.platform.down import down as stop_platform
from toolkit.platform.live_needs import profiles_in
from toolkit.platform.screen import Screen
from toolkit.ports import GATEWAYS_MAX, Ports, port_map
from toolkit.servers import streams
from toolkit.servers.programs import AUTO, WISHES, NoServerError

DEFAULT_PROFILE = "demo"
LOG_LEVELS = ("debug", "info", "warning", "error")

# The program behind the command has options of its own.
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}

app = typer.Typer(
    name="mm",
    help="Run the market-making platform: `mm up` starts all of it, `mm status` shows it, `mm down` stops it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

app.add_typer(keys_commands.app, name="keys")
app.add_typer(post_commands.app, name="post", help="Correct the books: one person proposes, another approves.")

console = Console()

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def main() -> None:
    try:
        with reader_may_leave():
            app()
    except OSError as error:
        if not is_about_files(error):
            raise
        say_why(sentence(error))
        sys.exit(REFUSED)


@app.command()
def up(
    profile: Annotated[
        str, typer.Option(metavar="PROFILE", help="Which bots of config/bots.toml run from the first start.")
    ] = DEFAULT_PROFILE,
    source: Annotated[
        str | None, typer.Option(metavar="live|model|replay", help="What drives prices; live unless none answers.")
    ] = None,
    replay: Annotated[
        list[Path] | None, typer.Option(help="A recording to replay; may be given several times.")
    ] = None,
    detached: Annotated[bool, typer.Option("--detach", help="Return when it runs; ./mm down stops it.")] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    port_base: PortBase = None,
    servers: ServersOption = AUTO,
    gateways: Annotated[
        int, typer.Option(metavar="N", min=1, max=GATEWAYS_MAX, help="Replicas of the gateway, each on its own port.")
    ] = 1,
    log_level: Annotated[str, typer.Option(metavar="|".join(LOG_LEVELS), help="How much is logged.")] = "info",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="PROCESS.MM_NAME=VALUE", help="One setting of one process.")
    ] = None,
    files: Annotated[list[Path] | None, typer.Argument(metavar="[FILE ...]", help="More recordings to replay.")] = None,
) -> None:
    """Start the whole platform as local processes; Ctrl-C stops it cleanly."""
    from toolkit.platform.sources import SOURCES
    from toolkit.platform.up import UpOptions, detach
    from toolkit.platform.up import up as run_platform

    screen = Screen(console)
    profiles = profiles_in(CONFIG_DIR)
    if profile not in (*profiles, DEFAULT_PROFILE):
        refuse(f"--profile {profile}: no bot of config/bots.toml runs in it; there is {', '.join(profiles) or 'none'}")
    _one_of("--log-level", log_level, LOG_LEVELS)
    _one_of("--servers", servers, WISHES)
    if source is not None:
        _one_of("--source", source, SOURCES)
    try:
        options = UpOptions(
            data_dir=data_dir,
            ports=port_map(port_base),
            profile=profile,
            source=source,
            replay_files=(*(replay or ()), *(files or ())),
            log_level=log_level,
            servers=servers,
            gateways=gateways,
            overrides=_overrides(settings or []),
        )
        if detached:
            arguments = [argument for argument in sys.argv[1:] if argument != "--detach"]
            raise typer.Exit(detach(arguments, data_dir, screen))
        raise typer.Exit(run_platform(options, screen))
    except (CannotStartError, ValueError) as error:
        refuse(str(error))


@app.command()
def down(data_dir: DataDir = DEFAULT_DATA_DIR, port_base: PortBase = None) -> None:
    """Stop the platform: orders cancelled at the venue first, then every process."""
    ports_of(data_dir, port_base)
    raise typer.Exit(stop_platform(data_dir, Screen(console)))


@app.command()
def status(as_json: AsJson = False, data_dir: DataDir = DEFAULT_DATA_DIR, port_base: PortBase = None) -> None:
    """Show services, bots with their quotes, and halts."""
    with PlatformClient(data_dir) as client:
        picture = statuses.status(data_dir, ports_of(data_dir, port_base), client)
    if as_json:
        print(json.dumps(picture))
    else:
        statuses.show(picture, console)


@app.command("doctor")
def examine(data_dir: DataDir = DEFAULT_DATA_DIR, port_base: PortBase = None, servers: ServersOption = AUTO) -> None:
    """Check machine and configuration; says what to do where something is wrong."""
    from toolkit import doctor

    _one_of("--servers", servers, WISHES)
    findings = []
    for finding in doctor.examine(data_dir, ports_asked_for(port_base), servers):
        colour = {doctor.OK: "green", doctor.WARN: "yellow", doctor.FAIL: "red"}[finding.state]
        console.print(Text(f"{finding.state:5}", colour), Text(f"{finding.what:11} {finding.text}"), soft_wrap=True)
        findings.append(finding)
    raise typer.Exit(doctor.exit_code(findings))


@app.command("explain")
def explain_why(
    what: Annotated[str, typer.Argument(metavar="[MARKET | ORDER ID]", help="Without it: what is on record.")] = "",
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    port_base: PortBase = None,
) -> None:
    """Say why a market is quoted as it is, or what became of an order and why."""
    try:
        with PlatformClient(data_dir) as client:
            told = explain.explain(what, ports_of(data_dir, port_base), client)
    except NoAnswerError as error:
        refuse(str(error))
    if as_json:
        print(json.dumps(told))
        return
    for explanation in told:
        for line in explain.lines(explanation):
            _say(line)


@app.command()
def halt(
    scope: Annotated[str, typer.Argument(help="global, venue-X, account-X, bot-N or currency-C")],
    reason: Annotated[str, typer.Argument(help="The name under which it is lifted again.")] = DEFAULT_REASON,
    keep_resting: Annotated[
        bool, typer.Option("--keep-resting", help="Block new orders only, keep resting orders.")
    ] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    port_base: PortBase = None,
) -> None:
    """Cancel all orders in a scope, then block new ones there until a person lifts it."""
    _operate(
        data_dir,
        port_base,
        lambda ports, client: operate.halt(scope, reason, ports, _say, client, keep_resting=keep_resting),
    )


@app.command()
def transfer(
    source: Annotated[str, typer.Argument(metavar="FROM", help="Our account that pays, such as mm1-kraken.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Our account at another venue.")],
    amount: Annotated[str, typer.Argument(help="In units of the currency, such as 0.5.")],
    currency: Annotated[str, typer.Argument(help="One that both venues have.")],
    why: Annotated[str, typer.Option(help="Why, for the record.")] = "from the command line",
    number: Annotated[int, typer.Option(help="Of an earlier try that nobody answered: it is sent once.")] = 0,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    port_base: PortBase = None,
) -> None:
    """Send money between our accounts at venues of the simulated exchange."""
    from toolkit.operating import transfers

    ports, number = ports_of(data_dir, port_base), number or time.time_ns()
    accounts, money = (source, target), (amount, currency)
    try:
        with PlatformClient(data_dir) as client:
            url = f"http://127.0.0.1:{ports.gateway}"
            if transfers.ask(client, url, accounts, money, number, why, _say):
                return
        _say("no gateway answers: sent with the account's own key, and nobody has a record of why")
        transfers.send(data_dir, f"http://127.0.0.1:{ports.exchange}", accounts, money, number, _say)
    except NoAnswerError as error:
        refuse(str(error))


@app.command()
def lift(
    scope: Annotated[str, typer.Argument(help="As given to halt.")],
    reason: Annotated[str, typer.Argument(help="The one reason to lift; others stay in force.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
    port_base: PortBase = None,
) -> None:
    """Lift one reason of a halt."""
    _operate(data_dir, port_base, lambda ports, client: operate.lift(scope, reason, ports, _say, client))


@app.command("cancel-all")
def cancel_all(data_dir: DataDir = DEFAULT_DATA_DIR, port_base: PortBase = None) -> None:
    """Cancel every order of ours at the venue; halt first, or the bots quote again."""
    _operate(data_dir, port_base, lambda ports, client: operate.cancel_all(ports, _say, client))


@app.command("streams", context_settings=PASS_ON)
def administer_streams(
    step: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[list | resize STREAM MIB | backup DIR | restore DIR]", help="Without it: create or update all."
        ),
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    port_base: PortBase = None,
) -> None:
    """Create or update the streams of the bus, list how full they are, resize one, back them up or restore them."""
    try:
        raise typer.Exit(streams.run(step or [], data_dir, ports_of(data_dir, port_base)))
    except NoAnswerError as error:
        refuse(str(error))


@app.command("resume")
def resume_platform(
    yes: Annotated[bool, typer.Option("--yes", help="Release it; without it nothing is changed.")] = False,
    who: Annotated[str, typer.Option("--who", help="Who answers for it.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why it may resume.")] = "",
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    port_base: PortBase = None,
) -> None:
    """Show why the platform stands still for its stores and what is proven; with --yes release it."""
    from toolkit.operating import resume

    if yes and not (who.strip() and reason.strip()):
        refuse("--yes: needs --who NAME and --reason TEXT, both are kept with the stores")
    try:
        with PlatformClient(data_dir) as client:
            ports = ports_of(data_dir, port_base)
            told = (
                resume.resume(data_dir, ports, client, who, reason, time.monotonic)
                if yes
                else resume.look(data_dir, ports, client)
            )
    except (NoAnswerError, resume.NotResumedError) as error:
        refuse(str(error))
    if as_json:
        print(json.dumps(told))
    else:
        resume.show(told, console)
        if told["faults"] and not yes:
            _say("to go on: ./mm resume --yes --who NAME --reason TEXT (halts given before stay)")


@app.command("restore")
def restore_platform(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="As ./mm streams backup made it.", resolve_path=True)],
    who: Annotated[str, typer.Option("--who", help="Who answers for it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why the backup is restored.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
    port_base: PortBase = None,
    servers: ServersOption = AUTO,
) -> None:
    """Restore the stores of a stopped platform from a backup; ./mm up and ./mm resume then go on from it."""
    from toolkit.servers import restore as restores

    if not (who.strip() and reason.strip()):
        refuse("--who NAME and --reason TEXT: both are kept with the stores")
    _one_of("--servers", servers, WISHES)
    try:
        restores.restore(folder, data_dir, ports_of(data_dir, port_base), who, reason, _say, servers)
    except restores.NotRestoredError as error:
        refuse(str(error))
    _say("to go on: ./mm up, then ./mm resume")


@app.command("test", context_settings=PASS_ON)
def run_tests(
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[ARGS ...]", help="For pytest.")] = None,
) -> None:
    """Lint, types and all tests; with ARGS pytest alone."""
    from toolkit.checking import checks

    raise typer.Exit(checks.run_all(arguments or [], _say))


@app.command(context_settings=PASS_ON)
def bench(
    name: Annotated[str, typer.Argument(help="A benchmark of bench/, such as tick-to-order.")],
    options: Annotated[list[str] | None, typer.Argument(metavar="[OPTIONS ...]", help="For the benchmark.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure something and compare it with its aim."""
    from toolkit.checking import bench as benchmarks

    try:
        report = benchmarks.run(benchmarks.load(ROOT / "bench", name), name, options or [])
    except (benchmarks.NoSuchBenchError, NoServerError, CannotStartError, BusError) as error:
        refuse(str(error))
    if as_json:
        print(benchmarks.as_json(report))
    else:
        benchmarks.show(report, console)


@app.command("import-config")
def import_config(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A config.yaml, or a Python file with CONFIG.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the bot, write nothing.")] = False,
    bots: Annotated[Path, typer.Option(help="The file of bots it is added to.")] = CONFIG_DIR / "bots.toml",
    keys: Annotated[Path | None, typer.Option(help="Where the account's keys go: the quoter's keys folder.")] = None,
    account: Annotated[str, typer.Option(help="The account at the venue.")] = "mm1",
    life: Annotated[list[str] | None, typer.Option(help="Life of the markets quoted, such as 5M.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Import a config.yaml of the original script, and DEGEN_API_KEY and DEGEN_WALLET_KEY from the environment."""
    from toolkit import importer

    folder = keys or venue_keys_dir(data_dir)
    try:
        said = importer.import_config(config, bots, folder, account, tuple(life or ["5M"]), dry_run=dry_run)
    except ConfigError as error:
        refuse("\n    ".join(error.faults))
    for each in said:
        _say(each)


@app.command()
def lock(
    check: Annotated[bool, typer.Option("--check", help="Only say which locks are stale; needs no network.")] = False,
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Take the newest allowed versions.")] = False,
) -> None:
    """Pin the Python packages: rewrite locks/ from what the members declare."""
    from toolkit.checking import locks

    if check:
        faults = locks.stale_locks(ROOT)
        for fault in faults:
            console.print(f"[red]{fault}[/red]; run ./mm lock")
        raise typer.Exit(1 if faults else 0)
    uv = shutil.which("uv", path=str(VENV_BIN)) or shutil.which("uv") or str(ROOT / ".tools/bin/uv")
    for name in locks.write_locks(ROOT, uv, upgrade=upgrade):
        console.print(f"locks/{name}.txt")


def _operate(data_dir: Path, port_base: int | None, command: Callable[[Ports, PlatformClient], int]) -> None:
    """Run a command against a platform and end with its exit code."""
    try:
        with PlatformClient(data_dir) as client:
            code = command(ports_of(data_dir, port_base), client)
    except ValueError as error:
        refuse(str(error))
    raise typer.Exit(code)


def _say(message: str) -> None:
    console.print(message, markup=False, highlight=False, soft_wrap=True)


def _overrides(settings: list[str]) -> dict[str, dict[str, str]]:
    overrides: dict[str, dict[str, str]] = {}
    for setting in settings:
        target, equals, value = setting.partition("=")
        process, dot, name = target.partition(".")
        if not (equals and dot and name.startswith("MM_")):
            raise ValueError(f"--set {setting}: must read PROCESS.MM_NAME=VALUE")
        overrides.setdefault(process, {})[name] = value
    return overrides


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        refuse(f"{option} {value}: must be one of {', '.join(allowed)}")
