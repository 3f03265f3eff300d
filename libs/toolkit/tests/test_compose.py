"""The container deployment says the same as the process table, and keeps its promises on ports, health and stopping."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from common.signing.roles import ROLES
from common.versions import version_in
from toolkit.instance import Instance
from toolkit.paths import ROOT
from toolkit.platform.processes import Process, ServerCommands, process_table
from toolkit.ports import port_map
from toolkit.servers.programs import NATS

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PUBLIC = {"MM_PLATFORM_ID_FILE", "MM_PUBLIC_KEYS_FILE", "MM_ROOT_KEY_FILE"}
ONE_SHOT = {"setup", "streams"}

INSTANCE = Instance(data_dir=Path("/data"), ports=port_map(None), platform_id="compose")
TABLE: dict[str, Process] = {
    process.name: process for process in process_table(INSTANCE, ServerCommands(("nats-server",), ("redis-server",)))
}

lasting = pytest.mark.parametrize("name", sorted(set(SERVICES) - ONE_SHOT))


def test_the_same_parts_run_in_containers_as_on_one_machine() -> None:
    assert set(SERVICES) == set(TABLE) | {"setup"}


@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_container_is_told_the_same_names_as_the_process(name: str) -> None:
    assert set(SERVICES[name].get("environment", {})) == set(TABLE[name].environment)


@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_container_waits_for_what_the_process_waits_for(name: str) -> None:
    assert set(TABLE[name].after) <= set(SERVICES[name]["depends_on"])


def test_the_broker_gets_a_configuration_for_its_own_version() -> None:
    told = next(word for word in SERVICES["setup"]["command"] if word.startswith("--nats-version="))
    image = SERVICES["nats"]["image"]
    assert image == NATS.image
    assert version_in(told) is not None
    assert image.startswith(f"nats:{told.removeprefix('--nats-version=').rsplit('.', 1)[0]}-")


@lasting
def test_a_lasting_container_has_a_health_check_and_time_to_stop(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"]
    assert service["stop_grace_period"] == "45s"
    assert service["init"] is True
    assert service["depends_on"]


@lasting
def test_whoever_is_waited_for_is_healthy_or_has_ended_well(name: str) -> None:
    for other, how in SERVICES[name]["depends_on"].items():
        wanted = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert how == {"condition": wanted}, f"{name} waits for {other}"


def test_ports_are_published_on_loopback_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(str(port).startswith("127.0.0.1:") for port in published)


def test_no_secret_stands_in_the_file() -> None:
    for name, service in SERVICES.items():
        for setting, value in service.get("environment", {}).items():
            assert not re.search("PASSWORD$|TOKEN$|SECRET$|KEY$", setting), f"{name} {setting}"
            if setting.endswith("_FILE"):
                assert value.startswith("/setup/secrets/") or setting in PUBLIC | {"MM_SIGNING_KEY_FILE"}


@pytest.mark.parametrize("name", ROLES)
def test_r70_a_private_key_lies_in_the_volume_of_its_one_service(name: str) -> None:
    assert f"--state=/state/{name}" in SERVICES["setup"]["command"]
    volume = next(volume for volume in SERVICES["setup"]["volumes"] if volume.endswith(f":/state/{name}")).split(":")[0]
    assert SERVICES[name]["environment"]["MM_SIGNING_KEY_FILE"] == "/data/signing-key"
    assert f"{volume}:/data" in SERVICES[name]["volumes"]
    others = [other for other, service in SERVICES.items() if other not in (name, "setup") and holds(service, volume)]
    assert others == []


def test_r70_the_key_that_signs_the_list_is_in_no_service_and_no_identity_is_a_constant() -> None:
    assert [name for name, service in SERVICES.items() if holds(service, "root")] == ["setup"]
    assert "--root-key-dir=/state/root" in SERVICES["setup"]["command"]
    assert not any("platform-id=" in argument for argument in SERVICES["setup"]["command"])


def holds(service: dict[str, Any], volume: str) -> bool:
    return any(each.split(":")[0] == volume for each in service.get("volumes", []))


def test_old_compose_reads_the_file_too() -> None:
    assert "name" not in COMPOSE
    assert set(COMPOSE) - {"services", "volumes"} == {key for key in COMPOSE if key.startswith("x-")}


def test_images_are_built_from_the_members_own_dockerfiles_as_a_user_without_rights() -> None:
    for name, service in SERVICES.items():
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]).is_file(), name
            assert "USER 10001" in (ROOT / service["build"]["dockerfile"]).read_text()


@pytest.mark.parametrize("name", ["exchange", "pricer", "quoter", "risk"])
def test_the_services_are_built_the_same_way(name: str) -> None:
    assert build_steps(name) == [step.replace("feed", name) for step in build_steps("feed")]


MEMBERS = {path.parent.name: path.parent for path in ROOT.glob("*/*/pyproject.toml")}


@pytest.mark.parametrize("dockerfile", sorted(ROOT.glob("*/*/Dockerfile")), ids=lambda path: path.parent.name)
def test_an_image_holds_every_member_that_its_service_needs(dockerfile: Path) -> None:
    needed, found = [dockerfile.parent.name], {dockerfile.parent.name}
    while needed:
        project = tomllib.loads((MEMBERS[needed.pop()] / "pyproject.toml").read_text())["project"]
        further = {name for name in project["dependencies"] if name in MEMBERS} - found
        found |= further
        needed += further
    text = dockerfile.read_text()
    for name in found:
        folder = MEMBERS[name].relative_to(ROOT)
        assert f"COPY {folder} {folder}\n" in text, name
        assert f" ./{folder}" in text, name


def build_steps(service: str) -> list[str]:
    """Return the steps of a service's build stage, which leaves only its environment behind."""
    text = (ROOT / "services" / service / "Dockerfile").read_text().replace("--no-cache-dir ", "")
    steps = [line for line in text.splitlines() if line and not line.startswith("#")]
    return steps[: steps.index("FROM python:3.11-slim")]


def test_every_volume_is_handed_to_that_user_by_the_set_up() -> None:
    setup = SERVICES["setup"]
    mounted = {volume.split(":")[1] for volume in setup["volumes"]}
    assert {argument.removeprefix("--state=") for argument in setup["command"] if "--state=" in argument} == (
        mounted - {"/setup", "/state/root"}
    )
    assert {volume.split(":")[0] for volume in setup["volumes"]} == set(COMPOSE["volumes"])
