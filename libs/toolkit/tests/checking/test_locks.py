from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolkit.checking.locks import INPUTS_MARK, Lock, distribution_name, lock_path, stale_locks, wanted_locks
from toolkit.paths import ROOT


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A workspace of two members with fresh locks."""
    write(tmp_path / "pyproject.toml", '[dependency-groups]\ndev = ["pytest==9.2.0"]\n')
    write_member(tmp_path, "libs/common", ["msgspec==0.22.0"])
    write_member(tmp_path, "services/feed", ["common", "websockets==17.4"])
    for lock in wanted_locks(tmp_path):
        write(lock_path(tmp_path, lock.name), f"{INPUTS_MARK}{lock.fingerprint}\n")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_member(root: Path, folder: str, dependencies: list[str]) -> None:
    name = folder.split("/")[1]
    write(root / folder / "pyproject.toml", f'[project]\nname = "{name}"\ndependencies = {dependencies!r}\n')


def test_the_locks_of_this_tree_hold_no_download_address() -> None:
    found = wanted_locks(ROOT)
    assert {lock.name for lock in found} == {path.stem for path in (ROOT / "locks").glob("*.txt")}
    for lock in found:
        text = lock_path(ROOT, lock.name).read_text()
        assert "://" not in text, lock.name
        # A member that needs nothing has a lock all the same.
        assert ("--hash=sha256:" in text) == bool(lock.requirements), lock.name


def test_a_member_is_locked_with_what_the_members_it_uses_need(tree: Path) -> None:
    requirements = {lock.name: lock.requirements for lock in wanted_locks(tree)}
    assert requirements["feed"] == ("msgspec==0.22.0", "websockets==17.4")
    assert requirements["common"] == ("msgspec==0.22.0",)
    assert {"msgspec==0.22.0", "websockets==17.4", "pytest==9.2.0"} < set(requirements["all"])


def test_an_extra_has_a_lock_of_its_own_and_is_in_that_of_everything_alone(tree: Path) -> None:
    path = tree / "services/feed/pyproject.toml"
    path.write_text(path.read_text() + '[project.optional-dependencies]\nmore = ["ccxt==4.5.90"]\n')
    requirements = {lock.name: lock.requirements for lock in wanted_locks(tree)}
    assert requirements["feed-more"] == ("ccxt==4.5.90", "msgspec==0.22.0", "websockets==17.4")
    assert requirements["feed"] == ("msgspec==0.22.0", "websockets==17.4")
    assert "ccxt==4.5.90" in requirements["all"]
    assert "locks/feed-more.txt is missing" in stale_locks(tree)


def test_fresh_locks_are_not_stale(tree: Path) -> None:
    assert stale_locks(tree) == []


def test_a_changed_dependency_makes_every_lock_that_holds_it_stale(tree: Path) -> None:
    write_member(tree, "libs/common", ["msgspec==0.23.0"])
    assert [fault.split()[0] for fault in stale_locks(tree)] == ["locks/common.txt", "locks/feed.txt", "locks/all.txt"]


def test_a_new_member_without_lock_and_a_lock_without_member_are_named(tree: Path) -> None:
    write_member(tree, "services/risk", ["common"])
    write(tree / "locks/gone.txt", "")
    assert "locks/risk.txt is missing" in stale_locks(tree)
    assert "locks/gone.txt belongs to no member" in stale_locks(tree)


def test_a_download_address_in_a_lock_is_named(tree: Path) -> None:
    lock = lock_path(tree, "feed")
    lock.write_text(lock.read_text() + "--index-url https://index.example/simple\n")
    assert stale_locks(tree) == ["locks/feed.txt holds a download address"]


@given(st.permutations(["b==1", "a==2", "c==3"]))
def test_the_order_of_dependencies_does_not_matter(order: list[str]) -> None:
    assert Lock("x", tuple(sorted(order))).fingerprint == Lock("x", ("a==2", "b==1", "c==3")).fingerprint


@pytest.mark.parametrize(
    ("requirement", "name"),
    [("uv_build>=0.8,<1", "uv-build"), ("nats-py[nkeys]==2.16.0", "nats-py"), ("Common", "common")],
)
def test_a_requirement_names_its_package_in_the_index_spelling(requirement: str, name: str) -> None:
    assert distribution_name(requirement) == name


def test_a_requirement_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="must start with a package name"):
        distribution_name("==1.0")
