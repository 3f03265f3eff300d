"""How a test runs each documented command: typed on a platform under trial, asked of the bus, or elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple


class Typed(NamedTuple):
    """Typed into a shell on a platform under trial, whose ports and data directory take the place of the usual ones.

    `{market}`, `{proposal}`, `{password_file}`, `{recipe_file}` and `{backup}` stand for what a person has at hand.
    """

    text: str
    says: str = ""
    """What its answer must hold."""
    ends: int = 0


class Asked(NamedTuple):
    """A recipe of the NATS CLI, which no package of Debian's has: the request it makes, as the user `operator`."""

    subject: str
    document: str = ""
    allowed: bool = True


class Heard(NamedTuple):
    """A subscription of the NATS CLI."""

    subject: str


class Elsewhere(NamedTuple):
    """Run by another test, of this name."""

    test: str


Recipe = Typed | Asked | Heard | Elsewhere

JS = "streams"
ALIAS = "alias streams='nats --js-api-prefix=streams'"
CONNECTIONS = "curl -s 'localhost:8222/connz?auth=1'"
REDIS = 'export REDISCLI_AUTH="$(cat .mm/secrets/redis)"'
NATS = 'export NATS_URL=nats://127.0.0.1:4222 NATS_USER=operator NATS_PASSWORD="$(cat .mm/secrets/nats-operator)"'
STATE = """printf 'Authorization: Bearer %s' "$(cat .mm/secrets/admin-token)" | curl -s -H @- localhost:8103/state"""
RELOAD = (
    """printf 'Authorization: Bearer %s' "$(cat .mm/secrets/admin-token)" | """
    """curl -s -H @- -d '{"name": "btc-options.json"}' localhost:8102/reload"""
)
C2_LOGIN = (
    """printf 'user = "api:%s"\\ndata-urlencode = "password=%s"\\n' """
    """"$(cat .mm/gateway/client-secret)" "$(cat .mm/gateway/admin-password)" | """
    """curl -s -K - -d grant_type=password -d username=admin localhost:8080/oauth/token"""
)
COMPOSE = "docker compose run --rm streams python -m common.streams list"
CASH = './mm post cash mm1 -12.50 --reason "a fee the venue took"'
WITHDRAWAL = './mm post cash mm1 -0.5 --currency BTC --reason "a withdrawal"'
COINS = './mm post shares mm1 BTCUSD -600 --lots 100 --bot 1 --reason "a fill that is missing"'
SHARES = './mm post shares mm1 BTC-5M-1795223100 -4.00 --yes 10 --bot 1 --reason "a fill before the statement began"'
MESSAGE = f"{JS}.STREAM.MSG.GET.FILL"
IMPORT = "import-config {recipe_file} --dry-run"

RECIPES: Mapping[str, Recipe] = {
    # README.md
    "./mm up": Elsewhere("test_a_market_is_quoted_on_both_sides_within_its_limits"),
    "./mm up --gateways N": Elsewhere("test_first_start_two_replicas_conflicts_restart_and_an_orderly_end"),
    "./mm up --profile spot": Elsewhere("test_spot_bots_quote_at_named_venues_and_every_account_agrees"),
    './mm transfer mm1-kraken mm1-dltxmm 0.5 BTC --why "DLTXMM runs out"': Elsewhere(
        "test_spot_bots_quote_at_named_venues_and_every_account_agrees"
    ),
    "./mm transfer FROM TO AMOUNT CURRENCY": Elsewhere("test_spot_bots_quote_at_named_venues_and_every_account_agrees"),
    "./mm explain BTCJPY": Elsewhere("test_spot_bots_quote_at_named_venues_and_every_account_agrees"),
    "./mm up --servers wheels": Elsewhere("test_a_platform_goes_on_with_newer_servers_and_never_back"),
    "./mm test": Elsewhere("test_arguments_go_to_pytest"),
    "./mm up --source replay --replay RECORDING.jsonl.gz [MORE.jsonl.gz]": Elsewhere(
        "test_named_recordings_are_replayed_and_a_missing_one_is_refused"
    ),
    "./mm status [--json]": Typed("./mm status --json", '"provenance"'),
    "./mm explain [MARKET or ORDER ID] [--json]": Typed("./mm explain {market} --json", "{market}"),
    "./mm halt SCOPE [--keep-resting]": Typed("./mm halt bot-1 --keep-resting"),
    "./mm lift SCOPE REASON": Typed("./mm lift bot-1 manual"),
    "./mm cancel-all": Typed("./mm cancel-all"),
    "./mm streams": Typed("./mm streams", "durable risk-ledger on FILL: as it should be"),
    "./mm streams list": Typed("./mm streams list", "without an age limit"),
    "./mm streams resize STREAM MIB": Typed("./mm streams resize ALERT 40", "of 40 MiB"),
    "./mm post cash ACCOUNT AMOUNT --reason TEXT": Typed("./mm post cash mm1 12.50 --reason text", "proposed"),
    "./mm post list": Typed("./mm post list", "proposed by admin"),
    "./mm post approve ID --user NAME": Typed(
        "./mm post approve {proposal} --user rita --password-file {password_file}", "approved by rita"
    ),
    "./mm streams backup DIR": Typed("./mm streams backup {backup}", "8 of 8: FILL"),
    "./mm restore DIR --who NAME --reason TEXT": Elsewhere(
        "test_r71_a_backup_is_brought_back_and_the_venue_tells_what_came_after_it"
    ),
    "./mm streams restore DIR --who NAME --reason TEXT --replace": Typed(
        "./mm streams restore {backup} --who name --reason text --replace", "works: stop the services first", ends=1
    ),
    "./mm resume [--yes --who NAME --reason TEXT]": Typed("./mm resume --json", '"generation"'),
    "./mm resume": Typed("./mm resume", "generation 1"),
    "./mm resume --yes --who NAME --reason TEXT": Typed(
        "./mm resume --yes --who name --reason text", "nothing stands still", ends=2
    ),
    "./mm doctor": Typed("./mm doctor", "secrets"),
    "./mm bench NAME [--json]": Elsewhere("test_a_report_has_the_promised_shape_and_options_reach_the_benchmark"),
    "./mm import-config CONFIG [--dry-run]": Typed(f"./mm {IMPORT}", "BTC"),
    "docker compose up": Elsewhere("test_the_same_parts_run_in_containers_as_on_one_machine"),
    "./mm import-config config.yaml --dry-run": Typed(f"./mm {IMPORT}", "BTC"),
    # docs/binary-bot.md
    "./mm explain MARKET": Typed("./mm explain {market}", "{market}"),
    "./mm bench binary-session": Elsewhere("test_the_command_says_everything_of_both_makers_and_draws_it"),
    "./mm bench quote-cycle": Elsewhere("test_the_command_measures_one_bot_and_several_and_the_bare_path"),
    "./mm bench spot-session": Elsewhere("test_the_command_runs_its_cases_keeps_their_rows_and_draws_them"),
    "./mm bench storing": Elsewhere("test_a_whole_run_measures_every_way_there_is"),
    "./mm bench thin-flow": Elsewhere("test_r66_the_quoters_bounds_are_those_of_the_best_policy"),
    "./mm explain": Typed("./mm explain"),
    # docs/c2-api.md
    C2_LOGIN: Typed(C2_LOGIN, '"token_type":"bearer"'),
    "./mm bench stomp-fanout": Elsewhere("test_both_servers_tell_every_reader_and_the_ratio_is_of_the_same_bytes"),
    "./mm bench stomp-fuzz": Elsewhere("test_c2_s3_1_a_sample_of_mutated_frames_breaks_rules_and_nothing_else"),
    # docs/operating.md
    "./mm status": Typed("./mm status", "PAPER · MODEL"),
    "./mm explain WHAT": Typed("./mm explain {market}", "{market}"),
    "curl -s localhost:8103/ready": Typed("curl -s localhost:8103/ready", "faults"),
    STATE: Typed(STATE, '"bots"'),
    "curl -s localhost:8103/metrics": Typed("curl -s localhost:8103/metrics", "mm_orders_open"),
    "./mm halt bot-1 maintenance": Typed("./mm halt bot-1 maintenance"),
    "./mm halt bot-1 review --keep-resting": Typed("./mm halt bot-1 review --keep-resting; ./mm lift bot-1 review"),
    "./mm lift bot-1 maintenance": Typed("./mm lift bot-1 maintenance"),
    CASH: Typed(CASH, "./mm post approve"),
    WITHDRAWAL: Elsewhere("test_coins_and_their_currency_are_proposed_where_they_are_named"),
    COINS: Typed(COINS, "./mm post approve"),
    "./mm post approve ID --user rita": Typed(
        "./mm post approve {proposal} --user rita --password-file {password_file}", "approved by rita"
    ),
    SHARES: Typed(SHARES, "+10 YES of BTC-5M-1795223100"),
    "./mm post reject ID": Typed("./mm post reject {proposal}", "rejected by admin"),
    "./mm post": Typed("./mm post --help", "approve"),
    "./mm keys list": Typed("./mm keys list", "in use"),
    "./mm keys rotate quoter": Typed("./mm keys rotate quoter", "quoter signs with quoter-"),
    "./mm keys revoke KEY_ID --from FILL=1200": Typed(
        "./mm keys revoke nobody-1 --from FILL=1200", "no key has this id", ends=2
    ),
    "./mm keys seal --who NAME --reason TEXT": Elsewhere(
        "test_r70_a_platform_of_before_is_taken_over_once_and_nothing_unsigned_after"
    ),
    NATS: Typed(f'{NATS}; test -n "$NATS_PASSWORD"'),
    ALIAS: Typed(ALIAS),
    "streams stream ls": Asked(f"{JS}.STREAM.LIST"),
    "streams stream info FILL": Asked(f"{JS}.STREAM.INFO.FILL"),
    "streams stream get FILL 1": Asked(MESSAGE, json.dumps({"seq": 1})),
    "streams consumer info FILL risk-ledger": Asked(f"{JS}.CONSUMER.INFO.FILL.risk-ledger"),
    "nats sub 'fill.>'": Heard("fill.>"),
    "nats sub 'alert.>'": Heard("alert.>"),
    "nats sub 'risk.halt.>'": Heard("risk.halt.>"),
    "nats consumer next FILL risk-ledger": Asked(f"{JS}.CONSUMER.MSG.NEXT.FILL.risk-ledger", "1", allowed=False),
    "nats stream view": Asked(f"{JS}.CONSUMER.CREATE.FILL", "{}", allowed=False),
    "nats sub --stream": Asked(f"{JS}.CONSUMER.CREATE.FILL.view", "{}", allowed=False),
    CONNECTIONS: Typed(CONNECTIONS, "connections"),
    "./mm streams resize FILL 1024": Typed("./mm streams resize FILL 1024", "of 1024 MiB"),
    COMPOSE: Elsewhere("test_r81_the_list_says_what_each_stream_holds_and_for_how_long"),
    REDIS: Typed(f'{REDIS}; test -n "$REDISCLI_AUTH"'),
    "redis-cli -p 6379 DEL risk:0": Typed(f"{REDIS}; redis-cli -p 6379 DEL risk:0", "1"),
    RELOAD: Typed(RELOAD, "btc-options.json: not in use"),
    # The last, whichever page shows it first.
    "./mm down": Typed("./mm down", "no process remains"),
}
"""In the order in which they are run."""
