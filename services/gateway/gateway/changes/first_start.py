"""The very first start: an admin with a generated password, and the bots and documents of config/bots.toml."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from common.errors import ConfigError, PublishRefused
from common.events import BotConfig, PlatformConfig, User

from gateway.auth.passwords import Passwords, generate_password
from gateway.auth.roles import Role
from gateway.changes.bots_file import ACTOR
from gateway.context import Context

ADMIN = "admin"


async def seed(context: Context, configs: Iterable[BotConfig | PlatformConfig]) -> int:
    """Publish what does not exist yet and return how many; another replica may have been first."""
    seeded = 0
    for each in configs:
        try:
            await context.publish(each, expected_last_sequence=0)
            seeded += 1
        except PublishRefused:
            continue
    return seeded


async def create_admin(context: Context, passwords: Passwords, path: Path) -> bool:
    """Create the user admin with a generated password in a file only we can read; False when he exists already.

    The password is in its file before the user exists: a crash in between loses nothing, and the next start uses
    the file again.
    """
    password, written = _password_in(path)
    user = User(
        id=ADMIN,
        name="Admin",
        password_hash=await passwords.hash(password),
        roles=[Role.ADMIN.value],
        revision=1,
        actor=ACTOR,
        ts_ns=context.now_ns(),
    )
    try:
        await context.publish(user, expected_last_sequence=0)
    except PublishRefused:
        # Another replica made him meanwhile. With a data directory of its own, our file tells a wrong password.
        if written:
            path.unlink(missing_ok=True)
        return False
    return True


def _password_in(path: Path) -> tuple[str, bool]:
    """Return the password in the file and whether we wrote it just now."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = generate_password()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        kept = path.read_text(encoding="utf-8").strip()
        if not kept:
            raise ConfigError([f"{path}: is empty; remove it, a new password is then generated"]) from None
        return kept, False
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(password + "\n")
        file.flush()
        os.fsync(file.fileno())
    return password, True
