import json
import subprocess
import sys
from pathlib import Path

import pytest
from toolkit.checking.slowest import OPTION, SHOWN_MAX, slowest

TESTS = """
import time
import pytest
@pytest.fixture
def made():
    time.sleep(0.02)
def test_a(made):
    time.sleep(0.02)
def test_b():
    pass
"""


@pytest.mark.parametrize("options", [(), ("-n", "2")])
def test_what_a_file_took_is_kept_with_what_its_fixtures_took(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "test_slow.py").write_text(TESTS)
    (tmp_path / "test_fast.py").write_text("def test_a():\n    pass\n")
    kept = tmp_path / "kept.json"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "toolkit.checking.slowest", "-p", "no:cacheprovider"]
    subprocess.run([*command, *options, OPTION, str(kept), str(tmp_path)], cwd=tmp_path, check=True)
    seconds = json.loads(kept.read_text())
    assert set(seconds) == {"test_slow.py", "test_fast.py"}
    assert seconds["test_slow.py"] >= 0.04


def test_the_slowest_files_of_several_runs_come_first_and_no_more_than_are_read(tmp_path: Path) -> None:
    (tmp_path / "one").write_text(json.dumps({f"test_{number}.py": float(number) for number in range(SHOWN_MAX)}))
    (tmp_path / "two").write_text(json.dumps({"test_long.py": 100.4}))
    lines = slowest([tmp_path / "one", tmp_path / "two", tmp_path / "broken off"])
    assert lines[:2] == ["   100 s  test_long.py", "     9 s  test_9.py"]
    assert len(lines) == SHOWN_MAX
