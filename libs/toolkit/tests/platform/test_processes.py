import signal
from pathlib import Path

from toolkit.instance import Instance
from toolkit.platform.processes import Process, ServerCommands, process_table, stop_waves
from toolkit.ports import port_map

SERVERS = ServerCommands(nats=("nats-server",), redis=("redis-server",))

PUBLIC = ("MM_PLATFORM_ID_FILE", "MM_PUBLIC_KEYS_FILE", "MM_ROOT_KEY_FILE")
ROOT_KEY = "/data/keys/root-key.public"


def table(**changes: object) -> dict[str, Process]:
    instance = Instance(data_dir=Path("/data"), ports=port_map(None), platform_id="p1", **changes)  # type: ignore[arg-type]
    return {process.name: process for process in process_table(instance, SERVERS)}


def test_every_process_waits_only_for_processes_that_exist_and_nobody_waits_in_a_circle() -> None:
    processes = table()
    started: set[str] = set()
    while len(started) < len(processes):
        startable = {name for name, process in processes.items() if set(process.after) <= started} - started
        assert startable, f"{set(processes) - started} wait for each other"
        started |= startable


def test_the_quoter_stops_first_and_the_servers_last() -> None:
    waves = [{process.name for process in wave} for wave in stop_waves(table().values())]
    assert waves[0] == {"quoter"}
    assert waves[1] == {"watchdog", "gateway", "feed", "pricer"}
    assert waves[2] == {"risk"}
    assert waves[3] == {"exchange", "redis"}
    assert waves[4] == {"nats"}


def test_the_quoter_and_the_watchdog_may_still_cancel_when_the_supervisor_is_killed() -> None:
    gentle = {name for name, process in table().items() if process.parent_death_signal is signal.SIGTERM}
    assert gentle == {"quoter", "watchdog"}


def test_only_the_quoter_and_the_watchdog_are_told_where_venue_keys_are() -> None:
    told = {name for name, process in table().items() if "MM_VENUE_KEYS_DIR" in process.environment}
    assert told == {"quoter", "watchdog"}
    told = {name for name, process in table().items() if "MM_SPOT_KEYS_DIR" in process.environment}
    assert told == {"quoter", "watchdog"}


def test_only_risk_and_the_gateway_are_told_where_redis_is() -> None:
    told = {name for name, process in table().items() if "MM_REDIS_PASSWORD_FILE" in process.environment}
    assert told == {"risk", "gateway"}


def test_each_program_on_the_bus_has_its_own_user_and_no_secret_stands_in_arguments_or_environment() -> None:
    processes = table()
    users = {name: process.environment["MM_NATS_USER"] for name, process in processes.items() if len(process.after)}
    assert users == {name: name for name in users}
    assert len(users) == 7
    for process in processes.values():
        assert not any(word in value for value in process.argv for word in ("password", "secret"))
        files = {name: value for name, value in process.environment.items() if name.endswith("_FILE")}
        own, public = files.pop("MM_SIGNING_KEY_FILE", ""), [files.pop(name, "") for name in PUBLIC]
        assert own in ("", f"/data/{process.name}/signing-key"), "its own key and nobody else's"
        assert {value for value in public if value} <= {"/data/platform-id", "/data/keys/public-keys", ROOT_KEY}
        assert all(value.startswith("/data/secrets/") for value in files.values())


def test_recordings_are_named_to_the_exchange_under_replay_only() -> None:
    replaying = table(source="replay", replay_files=(Path("/a.gz"), Path("/b.gz")))
    assert replaying["exchange"].environment["MM_REPLAY_FILES"] == "/a.gz,/b.gz"
    assert replaying["feed"].environment["MM_SOURCE"] == "replay"
    assert "MM_REPLAY_FILES" not in table()["exchange"].environment


def test_a_setting_given_on_the_command_line_reaches_its_process_alone() -> None:
    processes = table(overrides={"exchange": {"MM_SEED": "7"}})
    assert [name for name, process in processes.items() if "MM_SEED" in process.environment] == ["exchange"]


def test_every_process_listens_on_a_port_of_the_map() -> None:
    ports = set(port_map(None).listening().values())
    urls = [process.health_url for process in table().values() if process.health_url]
    assert all(int(url.split(":")[2].split("/")[0]) in ports for url in urls)
    assert len(set(urls)) == len(urls)


def test_quoter_and_watchdog_are_told_the_same_accounts_and_the_exchange_those_that_are_its_own() -> None:
    processes = table(accounts=("mm1@degen", "mm2@degen", "poly@polymarket"), makers=("mm1", "mm2"))
    for name in ("quoter", "watchdog"):
        assert processes[name].environment["MM_ACCOUNTS"] == "mm1@degen,mm2@degen,poly@polymarket"
    assert processes["exchange"].environment["MM_MAKERS"] == "mm1,mm2"


def test_one_account_may_be_named_by_its_own_settings() -> None:
    processes = table(overrides={"quoter": {"MM_VENUE": "polymarket"}})
    assert "MM_ACCOUNTS" not in processes["quoter"].environment
    assert processes["quoter"].environment["MM_VENUE"] == "polymarket"
    assert processes["watchdog"].environment["MM_ACCOUNTS"] == "mm1@degen"


def test_further_gateways_are_the_first_under_other_ports_and_names() -> None:
    processes = table(gateways=3, overrides={"gateway": {"MM_VENDOR_CLIENT": "true"}})
    first, second, third = (processes[name] for name in ("gateway", "gateway-2", "gateway-3"))
    apart = {"MM_INSTANCE", "MM_GATEWAY_PORT", "MM_ADMIN_PORT"}
    for replica in (second, third):
        assert {name for name in first.environment if first.environment[name] != replica.environment[name]} == apart
        assert replica.argv == first.argv and "gateway" in replica.after
    assert [each.environment["MM_GATEWAY_PORT"] for each in (first, second, third)] == ["8080", "8130", "8132"]
    assert third.health_url == "http://127.0.0.1:8133/health"
    assert "gateway-2" not in table()
