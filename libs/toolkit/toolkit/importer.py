"""Take over the settings of the original script: its `config.yaml` (or CONFIG) and its two variables.

The keys are those of its section 6.2; one that is not among them is refused by its name, a secret among them too. What
comes out is a bot as `config/bots.toml` describes one, and a file of keys as the quoter reads it.
"""

from __future__ import annotations

import ast
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import yaml  # type: ignore[import-untyped]
from common.bots import Inventory, Quoting, RiskLimits, Section, faults_of, parse_bot
from common.errors import ConfigError
from common.machine.disk import write_whole
from pydantic import Field, ValidationError

from toolkit.keys.private_files import write_private

FILE_BYTES_MAX = 64 * 1024
API_KEY, WALLET_KEY = "DEGEN_API_KEY", "DEGEN_WALLET_KEY"
SECRETS = ("api_key", "wallet_key", "private_key", "api_secret")
FEEDS = {"binance": "wss://stream.binance.com:9443/ws", "coinbase": "wss://ws-feed.exchange.coinbase.com"}
QUOTES = ("usdt", "usdc", "usd")
"""What a feed's symbols are priced in; what is left of one is its asset."""
PLAIN = {
    "tag:yaml.org,2002:int": re.compile(r"[-+]?(0|[1-9][0-9]*)"),
    "tag:yaml.org,2002:float": re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?"),
    "tag:yaml.org,2002:bool": re.compile(r"[Tt]rue|[Ff]alse"),
    "tag:yaml.org,2002:null": re.compile(r"~|null|"),
    "tag:yaml.org,2002:str": re.compile(r"(?s).*"),
}
"""How a value without quotes must be written to be read as what it looks like, by YAML type.

YAML 1.1 reads more: 0100 as 64, 1:30 as 90, 1_000 as 1000, `yes` and `off` as true and false, dates.
"""


class SourceFeed(Section):
    """One price feed."""

    ws_url: str = ""
    symbols: list[str] = Field(default_factory=list, max_length=50)


class SourceFeeds(Section):
    """The source knows Binance in its configuration, and Coinbase in its diagram."""

    binance: SourceFeed = SourceFeed()
    coinbase: SourceFeed = SourceFeed()


class SourceQuoting(Section):
    """Its defaults are the source's, not ours."""

    spread: float = 0.04
    size: int = 100
    levels: int = 3
    spacing: float = 0.01


class SourceInventory(Section):
    """Shares per outcome, price, and seconds before expiry from which nothing is quoted."""

    max_position: int = 1_000
    skew_factor: float = 0.02
    close_threshold: float = 30.0


class SourceRisk(Section):
    """Markets, USD a day, and price."""

    max_markets: int = 10
    max_daily_loss: Decimal = Decimal(1_000)
    min_spread: float = 0.02


class Source(Section):
    """The whole file."""

    feeds: SourceFeeds = SourceFeeds()
    quoting: SourceQuoting = SourceQuoting()
    inventory: SourceInventory = SourceInventory()
    risk: SourceRisk = SourceRisk()


class Imported(NamedTuple):
    """A bot's sections, and what a person should know of how they came about."""

    sections: dict[str, Any]
    notes: list[str]


def read_source(path: Path) -> dict[str, Any]:
    """Return the document of a YAML file, or of the dictionary CONFIG of a Python one, which is not run."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {type(error).__name__}"]) from None
    if len(data) > FILE_BYTES_MAX:
        raise ConfigError([f"{path}: is larger than {FILE_BYTES_MAX} bytes"])
    try:
        text = data.decode()
        document = _config_of(text) if path.suffix == ".py" else _yaml_of(text)
    except (yaml.YAMLError, SyntaxError, ValueError, RecursionError) as error:
        # A parser's own words may quote the line, and the line may be a secret.
        place = getattr(error, "problem_mark", None)
        where = f", line {place.line + 1}" if place is not None else ""
        why = str(error) if isinstance(error, _RefusedValueError) else type(error).__name__
        raise ConfigError([f"{path}{where}: {why}"]) from None
    if not isinstance(document, dict):
        raise ConfigError([f"{path}: must hold a table of feeds, quoting, inventory and risk"])
    return document


class _RefusedValueError(yaml.YAMLError):  # type: ignore[misc]
    """A value of which nobody can say what was meant; the text names its field and shows nothing but the field."""


def _yaml_of(text: str) -> Any:
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        _demand_plain(root, "")
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _demand_plain(node: yaml.Node, path: str) -> None:
    """Refuse a key given twice, and values that YAML 1.1 reads as something else than they look like."""
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            if keys.count(name) > 1:
                raise _RefusedValueError(f"{path}{name}: is given twice")
            _demand_plain(value, f"{path}{name}.")
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            _demand_plain(value, f"{path.removesuffix('.')}[{place}].")
    elif node.style is None and not _plainly(node):
        kind = node.tag.rpartition(":")[2]
        raise _RefusedValueError(
            f"{path.removesuffix('.')}: YAML reads this value as {kind}, not as it is written: "
            "write a plain decimal number, true or false, or put a text into quotes"
        )


def _plainly(node: yaml.ScalarNode) -> bool:
    form = PLAIN.get(node.tag)
    return form is not None and form.fullmatch(node.value) is not None


def _config_of(text: str) -> Any:
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(name, ast.Name) and name.id == "CONFIG" for name in node.targets
        ):
            return ast.literal_eval(node.value)
    raise ValueError("no CONFIG")


def convert(document: Mapping[str, Any], account: str = "mm1", lives: tuple[str, ...] = ("5M",)) -> Imported:
    """Return the bot that the source's settings describe; ConfigError names every key that cannot be taken over.

    `lives` are the lives of the markets it quotes of every asset: the source's configuration does not name any.
    """
    faults = [
        f"{path}: a secret is not read from a configuration file: remove it and set {API_KEY} and {WALLET_KEY}"
        for path in _secrets_in(document)
    ]
    if faults:
        raise ConfigError(faults)
    try:
        source = Source.model_validate(dict(document))
    except ValidationError as error:
        raise ConfigError(faults_of(error)) from None
    sources, notes = _sources(source.feeds)
    inventory = source.inventory
    close_s = inventory.close_threshold
    sections: dict[str, Any] = {
        "instrument": {
            "venue": "degen",
            "account": account,
            "series": [f"{asset}-{life}" for asset in sources for life in lives],
            "sources": sources,
        },
        "quoting": source.quoting.model_dump(),
        "inventory": {
            "max_position": inventory.max_position,
            "skew_factor": inventory.skew_factor,
            "close_threshold_s": close_s,
        },
        "risk_limits": source.risk.model_dump() | {"max_daily_loss": str(source.risk.max_daily_loss)},
    }
    if close_s > Inventory().reduce_only_s:
        sections["inventory"]["reduce_only_s"] = close_s
        notes.append(f"inventory.reduce_only_s: is close_threshold, so the last {close_s:g} s flatten nothing")
    if inventory.skew_factor > Inventory().late_skew_factor:
        sections["inventory"]["late_skew_factor"] = inventory.skew_factor
        notes.append("inventory.late_skew_factor: set to skew_factor, which is above its default")
    notes += _defaults_in(source)
    parse_bot("binary", sections)
    return Imported(sections, notes)


def _secrets_in(document: Mapping[Any, Any], path: str = "") -> Iterator[str]:
    for key, value in document.items():
        here = f"{path}{key}"
        if str(key).lower() in SECRETS:
            yield here
        elif isinstance(value, Mapping):
            yield from _secrets_in(value, f"{here}.")


def _sources(feeds: SourceFeeds) -> tuple[dict[str, list[dict[str, str]]], list[str]]:
    """Return the feeds' symbols by asset, as our feed spells them, and notes on what cannot be taken over."""
    sources: dict[str, list[dict[str, str]]] = {}
    notes: list[str] = []
    for venue, usual in FEEDS.items():
        feed: SourceFeed = getattr(feeds, venue)
        for symbol in feed.symbols:
            asset, quote = _parts(symbol, venue)
            ours = f"{asset}-{quote}" if venue == "coinbase" else f"{asset}{quote}"
            sources.setdefault(asset, []).append({"venue": venue, "symbol": ours})
        if feed.ws_url and feed.ws_url != usual:
            notes.append(f"feeds.{venue}.ws_url: set it in config/venues.toml, [venues.{venue}] websocket")
    if not sources:
        raise ConfigError(["feeds: name at least one symbol, or there is nothing to price from"])
    return sources, notes


def _parts(symbol: str, venue: str) -> tuple[str, str]:
    plain = symbol.lower().replace("-", "").replace("/", "")
    for quote in QUOTES:
        asset = plain.removesuffix(quote)
        if asset and asset != plain and asset.isascii() and asset.isalnum():
            return asset.upper(), quote.upper()
    raise ConfigError([f"feeds.{venue}.symbols: {symbol!r} is no asset priced in {', '.join(QUOTES)}"])


def _defaults_in(source: Source) -> Iterator[str]:
    """Yield which of the source's own defaults stand in for keys that the file leaves out, where ours differ."""
    ours = {"quoting": Quoting(), "inventory": Inventory(), "risk": RiskLimits()}
    for name, section in ours.items():
        theirs: Section = getattr(source, name)
        for field, value in theirs:
            known = getattr(section, "close_threshold_s" if field == "close_threshold" else field)
            # Where ours is the platform's limit, there is no default of ours that could differ.
            if field not in theirs.model_fields_set and known not in (None, value):
                yield f"{name}.{field}: not given, so it is the source's {value:g} (ours would be {known:g})"


# --- writing ----------------------------------------------------------------------------------------------------


def bot_text(imported: Imported, algo_id: str) -> str:
    """Return the bot as a table of `config/bots.toml`, stopped, with the notes as comments."""
    lines = ["[[bots]]", f'algo_id = "{algo_id}"', 'kind = "binary"', "running = false"]
    for name, section in imported.sections.items():
        plain = {key: value for key, value in section.items() if not isinstance(value, dict)}
        lines += ["", f"[bots.sections.{name}]", *(f"{key} = {_toml(value)}" for key, value in plain.items())]
        for key in section.keys() - plain.keys():
            lines += ["", f"[bots.sections.{name}.{key}]"]
            lines += [f"{inner} = {_toml(value)}" for inner, value in section[key].items()]
    return "\n".join([*(f"# {note}" for note in imported.notes), *lines, ""])


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(inner) for inner in value) + "]"
    # JSON's texts and numbers are TOML's.
    return json.dumps(value)


def add_bot(path: Path, imported: Imported) -> str:
    """Append the bot to a file of bots under the next free number, which is returned."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    try:
        taken = [bot["algo_id"] for bot in tomllib.loads(before).get("bots", [])]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError([f"{path}: is not a file of bots"]) from None
    algo_id = str(max((int(each) for each in taken if str(each).isdigit()), default=0) + 1)
    joint = "\n" if before else ""
    write_whole(path, f"{before}{joint}{bot_text(imported, algo_id)}".encode(), 0o644)
    return algo_id


def keys_in(environment: Mapping[str, str]) -> list[dict[str, Any]] | None:
    """Return the rows of a key file from the source's two variables, None when neither is set; never shows a value."""
    key, secret = environment.get(API_KEY, ""), environment.get(WALLET_KEY, "")
    if not key and not secret:
        return None
    if not key or not secret:
        raise ConfigError([f"{API_KEY if secret else WALLET_KEY}: is not set, and both are needed"])
    if key.startswith("eyJ") and key.count(".") == 2:
        raise ConfigError(
            [f"{API_KEY}: is a token, which expires within a day: give the key, the quoter logs in itself"]
        )
    return [{"name": "imported", "api_key": key, "api_secret": secret, "scopes": ["read", "trade", "cancel"]}]


def write_keys(folder: Path, account: str, rows: list[dict[str, Any]]) -> Path:
    """Write an account's key file, for its owner only; ConfigError when there is one already."""
    path = folder / f"{account}.json"
    if path.exists():
        raise ConfigError([f"{path}: exists already; move it away first"])
    write_private(path, json.dumps(rows))
    return path


def import_config(
    path: Path, bots: Path, keys_dir: Path, account: str, lives: tuple[str, ...], *, dry_run: bool
) -> list[str]:
    """Do all of it, or with `dry_run` nothing; return what to tell the person."""
    imported = convert(read_source(path), account, lives)
    rows = keys_in(os.environ)
    if dry_run:
        keys = f"{keys_dir / account}.json would be written" if rows else f"{API_KEY} and {WALLET_KEY} are not set"
        return [bot_text(imported, "N"), f"keys: {keys}"]
    said = []
    if rows is not None:
        written = write_keys(keys_dir, account, rows)
        said.append(f"keys: {written}; the watchdog needs a key of scope cancel alone beside it")
    algo_id = add_bot(bots, imported)
    said.append(f"bot {algo_id} added to {bots}, stopped; it is read at the first start of a platform")
    return said + [f"note: {note}" for note in imported.notes]
