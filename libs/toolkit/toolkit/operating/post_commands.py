"""`./mm post`: the commands that propose, list, approve and reject corrections of the books."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from toolkit.operating import post
from toolkit.operating.gateway_client import ADMIN, NoAnswerError, PlatformClient
from toolkit.options import DataDir, PortBase, ports_of, refuse
from toolkit.paths import DEFAULT_DATA_DIR

app = typer.Typer(no_args_is_help=True, add_completion=False)
console = Console()

Account = Annotated[str, typer.Argument(help="An account at a venue, such as mm1.")]
Cash = Annotated[str, typer.Argument(metavar="AMOUNT", help="Change of cash, such as -12.50.")]
Currency = Annotated[str, typer.Option(help="What the cash is in; without it the account's currency.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the books and for who approves it.")]
Bot = Annotated[str, typer.Option("--bot", help="Whose books: a bot's number; without it the account's own.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="As `mm post list` shows it.")]
UserName = Annotated[str, typer.Option("--user", help="Who you are at the gateway.")]
PasswordFile = Annotated[
    Path | None, typer.Option("--password-file", help="File with the password; without it it is asked for.")
]

Work = Callable[[PlatformClient, str, str], None]


@app.command(context_settings={"ignore_unknown_options": True})
def cash(
    account: Account,
    amount: Cash,
    reason: Reason,
    currency: Currency = "",
    bot: Bot = "unassigned",
    user: UserName = ADMIN,
    password_file: PasswordFile = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    port_base: PortBase = None,
) -> None:
    """Propose a change of an account's cash."""
    proposal = {"account": account, "cash": amount, "algo_id": bot, "reason": reason}
    proposal |= {"currency": currency} if currency else {}
    _at(
        data_dir,
        port_base,
        user,
        password_file,
        lambda client, url, token: post.propose(client, url, token, proposal, _say),
    )


@app.command(context_settings={"ignore_unknown_options": True})
def shares(
    account: Account,
    market: Annotated[str, typer.Argument(metavar="MARKET", help="The market's name at its venue.")],
    amount: Cash,
    reason: Reason,
    yes: Annotated[int, typer.Option(help="Change of the YES shares.")] = 0,
    no: Annotated[int, typer.Option(help="Change of the NO shares.")] = 0,
    lots: Annotated[int, typer.Option(help="Change of the lots of a coin, which has neither.")] = 0,
    currency: Currency = "",
    bot: Bot = "unassigned",
    user: UserName = ADMIN,
    password_file: PasswordFile = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    port_base: PortBase = None,
) -> None:
    """Propose a change of shares or coins and of the cash that was paid for them, as where a fill is missing."""
    proposal = {"account": account, "cash": amount, "algo_id": bot, "reason": reason}
    proposal |= {"symbol": market, "yes_lots": str(yes), "no_lots": str(no)}
    proposal |= {"lots": str(lots)} if lots else {}
    proposal |= {"currency": currency} if currency else {}
    _at(
        data_dir,
        port_base,
        user,
        password_file,
        lambda client, url, token: post.propose(client, url, token, proposal, _say),
    )


@app.command("list")
def show_all(
    user: UserName = ADMIN,
    password_file: PasswordFile = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    port_base: PortBase = None,
) -> None:
    """List what was proposed, approved and rejected."""
    _at(data_dir, port_base, user, password_file, lambda client, url, token: post.listed(client, url, token, _say))


@app.command()
def approve(
    adjustment_id: Id,
    user: UserName,
    password_file: PasswordFile = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    port_base: PortBase = None,
) -> None:
    """Approve what another user has proposed; takes the role risk."""
    _decide(adjustment_id, "approve", user, password_file, data_dir, port_base)


@app.command()
def reject(
    adjustment_id: Id,
    user: UserName = ADMIN,
    password_file: PasswordFile = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    port_base: PortBase = None,
) -> None:
    """Reject a proposal, or take back your own."""
    _decide(adjustment_id, "reject", user, password_file, data_dir, port_base)


def _propose(
    proposal: Mapping[str, str], user: str, password_file: Path | None, data_dir: Path, port_base: int | None
) -> None:
    _at(
        data_dir,
        port_base,
        user,
        password_file,
        lambda client, url, token: post.propose(client, url, token, proposal, _say),
    )


def _decide(
    adjustment_id: str, verb: str, user: str, password_file: Path | None, data_dir: Path, port_base: int | None
) -> None:
    _at(
        data_dir,
        port_base,
        user,
        password_file,
        lambda client, url, token: post.decide(client, url, token, adjustment_id, verb, _say),
    )


def _at(data_dir: Path, port_base: int | None, user: str, password_file: Path | None, work: Work) -> None:
    """Log in at the gateway of a platform and do something there."""
    url = f"http://127.0.0.1:{ports_of(data_dir, port_base).gateway}"
    try:
        with PlatformClient(data_dir) as client:
            work(client, url, post.token_of(client, url, user, password_file))
    except NoAnswerError as error:
        refuse(str(error))


def _say(message: str) -> None:
    console.print(message, markup=False, highlight=False, soft_wrap=True)
