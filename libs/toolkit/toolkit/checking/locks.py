"""Pin every third-party package by version and hash, one lock per member, so no installation depends on the day."""

import hashlib
import re
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INPUTS_MARK = "# inputs-sha256: "

# uv resolves for this Python upwards; the root pyproject.toml gives the upper end.
LOWEST_PYTHON = "3.11"

# What `./mm` itself and every image need before the first package can be built.
BUILD_REQUIREMENTS = ("uv==0.13.8", "uv_build>=0.8,<1")

UV_TIMEOUT_S = 300


@dataclass(frozen=True)
class Lock:
    """One lock file and the requirements, as declared by their owners, that it must satisfy."""

    name: str
    requirements: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256("\n".join(self.requirements).encode()).hexdigest()


def distribution_name(requirement: str) -> str:
    """Return the package a requirement names, in the index's spelling: `uv_build>=1` gives `uv-build`."""
    match = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement)
    if match is None:
        raise ValueError(f"requirement {requirement!r}: must start with a package name")
    return re.sub(r"[-_.]+", "-", match.group()).lower()


def wanted_locks(root: Path) -> list[Lock]:
    """Return the locks the tree should have: one per member, one per extra, `build`, and `all` (tools as well)."""
    members = _members(root)
    locks = [Lock(name, _third_party(name, members)) for name in sorted(members)]
    locks += [
        Lock(f"{name}-{extra}", tuple(sorted({*_third_party(name, members), *more})))
        for name in sorted(members)
        for extra, more in sorted(members[name].get("optional-dependencies", {}).items())
    ]
    tools = _read(root / "pyproject.toml").get("dependency-groups", {}).get("dev", [])
    everything = {requirement for lock in locks for requirement in lock.requirements} | set(tools)
    build = tuple(sorted(BUILD_REQUIREMENTS))
    builder = {requirement for requirement in build if distribution_name(requirement) == "uv-build"}
    return [*locks, Lock("build", build), Lock("all", tuple(sorted(everything | builder)))]


def stale_locks(root: Path) -> list[str]:
    """Return one sentence for each lock that is missing, out of date, left over, or holds a download address."""
    wanted = {lock.name: lock for lock in wanted_locks(root)}
    faults = []
    for lock in wanted.values():
        path = lock_path(root, lock.name)
        if not path.exists():
            faults.append(f"locks/{lock.name}.txt is missing")
            continue
        text = path.read_text()
        if f"{INPUTS_MARK}{lock.fingerprint}" not in text.splitlines():
            faults.append(f"locks/{lock.name}.txt is older than the requirements it was made from")
        if "://" in text:
            faults.append(f"locks/{lock.name}.txt holds a download address")
    faults += [
        f"locks/{path.name} belongs to no member"
        for path in sorted((root / "locks").glob("*.txt"))
        if path.stem not in wanted
    ]
    return faults


def write_locks(root: Path, uv: str, *, upgrade: bool = False) -> list[str]:
    """Resolve and write every lock, `all` first so that members agree with it; return the names written."""
    locks = sorted(wanted_locks(root), key=lambda lock: lock.name != "all")
    (root / "locks").mkdir(exist_ok=True)
    for lock in locks:
        _compile(root, uv, lock, upgrade=upgrade)
    return [lock.name for lock in locks]


def lock_path(root: Path, name: str) -> Path:
    return root / "locks" / f"{name}.txt"


def _compile(root: Path, uv: str, lock: Lock, *, upgrade: bool) -> None:
    path = lock_path(root, lock.name)
    command = [uv, "pip", "compile", "-", "--quiet", "--no-config", "--generate-hashes", "--no-emit-index-url"]
    command += [
        "--no-emit-find-links",
        "--no-annotate",
        "--no-header",
        "--universal",
        "--python-version",
        LOWEST_PYTHON,
    ]
    if lock.name not in ("all", "build"):
        command += ["--constraints", str(lock_path(root, "all"))]
    # An existing lock keeps its versions unless asked otherwise, so a new dependency moves nothing else.
    if upgrade:
        command.append("--upgrade")
    command += ["--output-file", str(path)]
    done = subprocess.run(
        command,
        input="\n".join(lock.requirements),
        text=True,
        capture_output=True,
        cwd=root,
        timeout=UV_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"locks/{lock.name}.txt: uv could not resolve it: {done.stderr.strip()}")
    header = f"# Versions and hashes for {lock.name}, made by `./mm lock`; no download addresses.\n"
    path.write_text(f"{header}{INPUTS_MARK}{lock.fingerprint}\n{path.read_text()}")


def _members(root: Path) -> dict[str, dict[str, Any]]:
    projects = [_read(path) for folder in ("libs", "services") for path in (root / folder).glob("*/pyproject.toml")]
    return {distribution_name(project["project"]["name"]): project["project"] for project in projects}


def _third_party(name: str, members: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    """Return what a member asks for from outside, itself and through the members it uses."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        member = waiting.pop()
        if member in seen:
            continue
        seen.add(member)
        for requirement in members[member].get("dependencies", []):
            used = distribution_name(requirement)
            if used in members:
                waiting.append(used)
            else:
                found.add(requirement)
    return tuple(sorted(found))


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())
