import json
from pathlib import Path

import pytest
from toolkit.checking import checks
from toolkit.checking.checks import Step, all_steps, packages, pytest_step, test_folders

# pytest would take the imported function for a test.
folders_with_tests = test_folders
del test_folders


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "libs/common/common/__init__.py",
        "services/feed/feed/__init__.py",
        "services/feed/tests/test_book.py",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text("")
    return tmp_path


def test_every_package_and_every_folder_of_tests_is_type_checked(tree: Path) -> None:
    assert packages(tree) == ["libs/common/common", "services/feed/feed"]
    assert folders_with_tests(tree) == ["services/feed/tests"]
    names = [step.name for step in all_steps(tree)]
    assert names == ["lint", "format", "locks", "types of the packages", "types of services/feed/tests", "tests"]


def test_tests_that_start_platforms_are_a_step_of_their_own_and_none_is_left_out(tree: Path) -> None:
    for folder in ("chaos", "simulation"):
        (tree / "tests" / folder).mkdir(parents=True)
    computing, platforms = all_steps(tree)[-2:]
    assert "--ignore=tests/chaos" in computing.command
    assert not any("simulation" in word for word in computing.command)
    assert [word for word in platforms.command if word.startswith("tests")] == ["tests/chaos"]


def test_what_the_machine_lacks_is_installed_where_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[str] = []
    said: list[str] = []
    monkeypatch.setattr(checks, "fetch_promtool", lambda report: None)
    monkeypatch.setattr(checks, "find_browser", lambda: "chromium" in installed or None)
    monkeypatch.setattr(checks, "on_path", lambda program: program.package in installed or None)
    monkeypatch.setattr(checks, "can_apt", lambda: False)
    checks.install_needs(said.append)
    assert said == ["nats-server, redis-server, chromium: not here; the tests that need it are listed as NOT RUN"]
    monkeypatch.setattr(checks, "can_apt", lambda: True)
    monkeypatch.setattr(checks, "apt_install", lambda packages, report: installed.extend(packages))
    checks.install_needs(said.append)
    assert installed == ["nats-server", "redis-server", "chromium"]
    assert len(said) == 1


def test_tests_that_did_not_run_are_no_pass_and_no_failure() -> None:
    assert (checks.worst([0, 0]), checks.worst([0, 10, 0]), checks.worst([0, 10, 1])) == (0, 10, 1)
    assert [checks.verdict(code) for code in (0, 10, 1)] == ["passed", "NOT ALL RUN", "FAILED"]


def test_arguments_go_to_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Step] = []

    def note(step: Step, folder: Path, report: checks.Report) -> tuple[int, float]:
        ran.append(step)
        return 5, 0.0

    monkeypatch.setattr(checks, "_run", note)
    assert checks.run_all(["-k", "ledger"], print) == 5
    assert ran == [pytest_step(["-k", "ledger"])]


def test_one_failed_check_fails_all_and_the_others_still_run(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(checks, "_run", lambda step, folder, report: (1 if step.name == "format" else 0, 0.0))
    assert checks.run_all([], said.append) == 1
    assert "FAILED  format  0 s" in said
    assert "passed  tests  0 s" in said


def test_the_slowest_files_of_all_steps_are_named_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def run(step: Step, folder: Path, report: checks.Report) -> tuple[int, float]:
        if step.is_pytest:
            (folder / f"{step.name}.json").write_text(json.dumps({f"{step.name}/test_a.py": 3.0, "tests/test_b.py": 1}))
        return 0, 0.0

    monkeypatch.setattr(checks, "_run", run)
    assert checks.run_all([], said.append) == 0
    begin = said.index("── the slowest files of tests")
    assert said[begin + 1 : begin + 4] == [
        "     3 s  tests on running platforms/test_a.py",
        "     3 s  tests/test_a.py",
        "     1 s  tests/test_b.py",
    ]
