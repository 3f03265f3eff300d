"""What the gateway is made of and where it finds its surroundings."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from common.clock import AnchoredClock
from common.core import Receipt
from common.errors import BusError, ConfigError, ContractError
from common.events import Event, Fill, OrderUpdates, address_filter, decode
from common.network.webclient import WebClient
from common.running.service import Service
from common.running.shell import Shell
from common.settings import RedisAddress, ServiceSettings, read_secret
from common.streams import stream_of
from common.venues import Exchanges, is_quoted
from pydantic import AfterValidator, Field, SecretStr

from gateway.api.app import build_app
from gateway.auth.clients import OAuthClients, read_or_make_secret
from gateway.auth.owner import read_or_make
from gateway.auth.passwords import Passwords
from gateway.auth.sessions import Sessions
from gateway.auth.store import RedisTokenStore
from gateway.auth.throttle import Throttle
from gateway.changes.admin_ports import AdminPorts
from gateway.changes.bots_file import DEFAULT_PROFILE, BotsFile
from gateway.changes.first_start import create_admin, seed
from gateway.context import Context
from gateway.state.view import View

RECALLED_MAX = 1_000
"""Fills, and order updates, read back at start so that a restarted gateway shows the recent past."""
STARTED_POLL_S = 0.05


def parse_urls(text: str) -> dict[str, str]:
    """Return service addresses by name from 'feed=http://127.0.0.1:8101,risk=…'; ValueError names the fault."""
    urls: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, separator, url = item.partition("=")
        if not separator or not name or not url.startswith(("http://", "https://")):
            raise ValueError(f"must be name=http://host:port, separated by commas; {item!r} is not")
        if name in urls:
            raise ValueError(f"names {name} twice")
        urls[name] = url
    return urls


def _checked_urls(text: str) -> str:
    parse_urls(text)
    return text


class Settings(ServiceSettings):
    """The gateway's own settings beside those of every service."""

    gateway_host: str = "127.0.0.1"
    gateway_port: int = Field(default=8080, ge=0, le=65_535)
    admin_urls: Annotated[str, AfterValidator(_checked_urls)] = ""
    """Admin ports of the other services: name=url, separated by commas."""
    vendor_client: bool = False
    """Let the public client of the vendor's own web page in, whose secret everybody knows."""
    profile: str = DEFAULT_PROFILE
    """Bots whose `run_in` names it run from the first start; one that no bot names is refused."""
    redis_url: RedisAddress = "redis://127.0.0.1:6379/0"
    redis_password_file: Path | None = None

    def redis_password(self) -> SecretStr | None:
        return read_secret(self.redis_password_file, "MM_REDIS_PASSWORD_FILE")


def read_venues(config_dir: Path) -> tuple[list[str], Exchanges]:
    """Return the venues where we quote, whose books the page shows, and which venue each exchange is."""
    path = config_dir / "venues.toml"
    try:
        venues: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8")).get("venues", {})
        return [name for name, venue in venues.items() if is_quoted(name, venue)], Exchanges.of(venues)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError([f"{path.name}: {type(error).__name__}: {error}"]) from None


def wire(settings: Settings) -> Service:
    """Return the gateway: the picture as its core, the application as its door."""
    urls = parse_urls(settings.admin_urls)
    bots = BotsFile(settings.config_dir / "bots.toml")
    bots.refuse_unknown(settings.profile)
    quoted, exchanges = read_venues(settings.config_dir)
    view = View(admin_urls=urls, quoted_venues=quoted, exchanges=exchanges)
    clock = AnchoredClock()
    store = RedisTokenStore(settings.redis_url, settings.redis_password())
    passwords = Passwords()
    context = Context(
        view=view,
        clock=clock,
        sessions=Sessions(store, clock, view.users),
        throttle=Throttle(store),
        passwords=passwords,
        admin_ports=AdminPorts(urls, settings.admin_token(), WebClient(trust_env=False)),
        clients=OAuthClients(vendor=settings.vendor_client),
    )
    recalls: list[asyncio.Task[None]] = []

    def attach(shell: Shell) -> None:
        context.bus = shell
        context.turn = partial(shell.order, "halt")
        context.past = partial(past, shell)

    async def prepare(shell: Shell) -> None:
        context.clients.know(read_or_make_secret(settings.data_dir / "gateway" / "client-secret"))
        context.owner_token = read_or_make(settings.data_dir / "gateway" / "owner-token")
        password_path = settings.data_dir / "gateway" / "admin-password"
        if not await shell.api.subjects("USER", "user.*") and await create_admin(context, passwords, password_path):
            print(f"admin password written to {password_path}", flush=True)
        if not await shell.api.subjects("CONFIG", "config.bot.*"):
            first_bots = bots.first_bots(settings.profile, clock.now_ns(), exchanges)
            # Before the bots, whose being there says that this has been done.
            documents = await seed(context, bots.first_documents(settings.profile, clock.now_ns(), exchanges))
            seeded = await seed(context, first_bots)
            shell.log.info("bots taken from bots.toml", bots=seeded, documents=documents)
        recalls.append(asyncio.create_task(recall(shell, view)))

    return Service(
        core=view,
        prepare=prepare,
        app=build_app(context),
        app_host=settings.gateway_host,
        app_port=settings.gateway_port,
        on_shell=attach,
    )


async def recall(shell: Shell, view: View) -> None:
    """Read the last fills and orders back, beside the new ones that already come in, so that none is missing."""
    while not view.started:  # noqa: ASYNC110 - the core is ordinary Python and knows no asyncio.Event
        await asyncio.sleep(STARTED_POLL_S)
    try:
        await _recall(shell, Fill, "FILL", view.on_fill)
        await _recall(shell, OrderUpdates, "ORDER", view.on_orders)
    except BusError as error:
        shell.log.warning("the recent past could not be read back", why=str(error))


async def past(shell: Shell, cls: type[Event], tokens: Mapping[str, str]) -> list[Event]:
    """Return what a stream holds of a class under some tokens of its subject, as far as it is its owner's."""
    stream = stream_of(cls.subject).name
    return [event async for event, _ in _stored(shell, cls, stream, 0, address_filter(cls, **tokens))]


async def _recall(shell: Shell, cls: type[Event], stream: str, handler: Any) -> None:
    first = max(0, await shell.api.last_sequence(stream) - RECALLED_MAX)
    async for event, sequence in _stored(shell, cls, stream, first, address_filter(cls)):
        handler(event, Receipt(shell.clock.now_ns(), sequence=sequence))


async def _stored(
    shell: Shell, cls: type[Event], stream: str, after_sequence: int, subject_filter: str
) -> AsyncIterator[tuple[Event, int]]:
    async for stored in shell.api.read(stream, after_sequence, subject_filter):
        doubt = shell.gate.check_stored(stored)
        if doubt is not None:
            shell.log.warning("left out of the recent past", why=doubt.reason)
            continue
        try:
            yield decode(cls, stored.data, stored.subject), stored.sequence
        except ContractError as error:
            shell.log.warning("left out of the recent past", why=str(error))
