"""For pytest: what a machine lacks keeps a test from running, and nobody takes that for a pass.

Loaded by `./mm test`. Each test that did not run is listed with what it needs, and a run without failures ends with
`EXIT_CODE` instead of 0.
"""

from typing import NoReturn

import pytest

EXIT_CODE = 10
MARK = "NOT RUN: "
EMPTY = "got empty parameter set"
"""What pytest says of a test that is run once for each server of the machine, where there is none."""
SERVERS = "a server to run it on (apt-get install nats-server redis-server as root)"


def not_run(needs: str) -> NoReturn:
    """End the test that asks: this machine lacks what it needs; `needs` says how to get it."""
    pytest.skip(MARK + needs)


class Plugin:
    """Gathers the tests that did not run."""

    def __init__(self) -> None:
        self.lacking: dict[str, str] = {}
        """What each needs, by the test's id."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.skipped or not isinstance(report.longrepr, tuple):
            return
        why = report.longrepr[2]
        if MARK in why:
            self.lacking[report.nodeid] = why.partition(MARK)[2]
        elif EMPTY in why:
            self.lacking[report.nodeid] = SERVERS

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self.lacking and exitstatus == pytest.ExitCode.OK and not hasattr(session.config, "workerinput"):
            session.exitstatus = EXIT_CODE

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.lacking:
            return
        terminalreporter.section(f"{len(self.lacking)} NOT RUN", sep="=")
        for test, needs in sorted(self.lacking.items()):
            terminalreporter.write_line(f"NOT RUN {test}: {needs}")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Plugin(), "not-run")
