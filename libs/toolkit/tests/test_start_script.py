"""The start script with a stand-in for uv: what it makes, when it makes it again, what it says when it cannot."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from toolkit.paths import ROOT

# A virtual environment whose python says what it was asked to run.
STUB_UV = """#!/bin/bash
echo "$@" >> "$STUB_LOG"
if [ "$1" = venv ]; then
    for target in "$@"; do :; done
    mkdir -p "$target/bin"
    says='#!/bin/bash\\nif [ "$1" = -m ]; then echo "ran $*"; else exec %s "$@"; fi\\n'
    printf "$says" "$REAL_PYTHON" > "$target/bin/python"
    chmod +x "$target/bin/python"
fi
[ "$1 $2" != "$STUB_FAILS" ]
"""

TOOLS = ("bash", "env", "cat", "cut", "dirname", "readlink", "sha256sum", "mkdir", "rm", "flock", "chmod")


class Tree:
    """A project tree with the real start script, and a PATH with nothing but what is put there."""

    def __init__(self, root: Path) -> None:
        self.root = root / "project"
        self.log = root / "uv.log"
        self.bin = root / "bin"
        self.bin.mkdir(parents=True)
        for tool in TOOLS:
            path = shutil.which(tool)
            assert path is not None, tool
            (self.bin / tool).symlink_to(path)
        for name in ("locks", "libs/toolkit", "services"):
            (self.root / name).mkdir(parents=True)
        shutil.copy(ROOT / "mm", self.root / "mm")
        (self.root / "pyproject.toml").write_text("[project]\n")
        (self.root / "libs/toolkit/pyproject.toml").write_text("[project]\n")
        (self.root / "locks/all.txt").write_text("rich==15.0.0\n")

    def add(self, name: str, script: str) -> None:
        path = self.bin / name
        path.write_text(script)
        path.chmod(0o755)

    def command(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.root / "mm"), *arguments],
            env={"PATH": str(self.bin), "STUB_LOG": str(self.log), "REAL_PYTHON": sys.executable, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        process = self.command(*arguments, **environment)
        out, err = process.communicate()
        return process.returncode, out, err

    def uv_calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = Tree(tmp_path)
    tree.add("uv", STUB_UV)
    tree.add("python3", f'#!/bin/bash\nexec {sys.executable} "$@"\n')
    return tree


def test_the_first_call_makes_the_environment_and_hands_over(tree: Tree) -> None:
    assert tree.call("status", "--json")[:2] == (0, "ran -m toolkit status --json\n")
    calls = tree.uv_calls()
    assert [call.split()[:2] for call in calls] == [
        ["--version"],
        ["venv", "--quiet"],
        ["pip", "install"],
        ["pip", "install"],
    ]
    assert "--require-hashes" in calls[2]
    assert "--no-deps" in calls[3]
    assert f"-e {tree.root}/libs/toolkit" in calls[3]


def test_the_second_call_starts_at_once(tree: Tree) -> None:
    tree.call("status")
    before = tree.uv_calls()
    assert tree.call("status") == (0, "ran -m toolkit status\n", "")
    assert tree.uv_calls() == before


@pytest.mark.parametrize("changed", ["locks/all.txt", "pyproject.toml", "libs/toolkit/pyproject.toml"])
def test_a_changed_lock_or_member_installs_again_into_the_same_environment(tree: Tree, changed: str) -> None:
    tree.call("status")
    before = len(tree.uv_calls())
    (tree.root / changed).write_text("something else\n")
    assert tree.call("status")[0] == 0
    assert [call.split()[0] for call in tree.uv_calls()[before:]] == ["--version", "pip", "pip"]


def test_a_moved_tree_installs_again(tree: Tree) -> None:
    tree.call("status")
    before = len(tree.uv_calls())
    moved = tree.root.with_name("moved")
    tree.root.rename(moved)
    tree.root = moved
    assert tree.call("status")[0] == 0
    assert len(tree.uv_calls()) > before


def test_two_first_calls_at_once_make_one_environment(tree: Tree) -> None:
    both = [tree.command("status"), tree.command("doctor")]
    assert sorted(process.communicate()[0] for process in both) == [
        "ran -m toolkit doctor\n",
        "ran -m toolkit status\n",
    ]
    assert len([call for call in tree.uv_calls() if call.startswith("venv")]) == 1


def test_the_script_works_through_a_link_and_from_any_folder(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tree.bin / "mm").symlink_to(tree.root / "mm")
    done = subprocess.run(
        [str(tree.bin / "mm"), "down"],
        env={"PATH": str(tree.bin), "STUB_LOG": str(tree.log), "REAL_PYTHON": sys.executable},
        cwd=tmp_path / "elsewhere",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "ran -m toolkit down\n"


def test_without_a_suitable_python_one_sentence_says_what_to_install(tree: Tree) -> None:
    tree.add("python3", "#!/bin/bash\nexit 1\n")
    code, out, err = tree.call("up")
    assert (code, out) == (1, "")
    assert err.startswith("mm: needs Python 3.11 or 3.12 and found none; run 'apt-get install python3 python3-venv'")
    assert len(err.splitlines()) == 1


def test_without_uv_and_without_the_venv_module_one_sentence_says_what_to_install(tree: Tree) -> None:
    (tree.bin / "uv").unlink()
    tree.add("python3", f'#!/bin/bash\ncase "$2" in *ensurepip*|pip) exit 1;; esac\nexec {sys.executable} "$@"\n')
    code, _, err = tree.call("up")
    assert code == 1
    assert (
        err.splitlines()[-1]
        == "mm: Python lacks its venv module; run 'apt-get install python3-venv' (as root) and call ./mm again."
    )


def test_without_the_venv_module_pip_alone_is_enough_to_get_uv(tree: Tree) -> None:
    (tree.bin / "uv").unlink()
    stub = tree.root.parent / "stub-uv"
    stub.write_text(STUB_UV)
    stub.chmod(0o755)
    tree.add(
        "python3",
        f"""#!/bin/bash
case "$2 $3" in
    *ensurepip*) exit 1 ;;
    "pip --version") exit 0 ;;
    "pip install") mkdir -p {tree.root}/.tools/bin; cp -p {stub} {tree.root}/.tools/bin/uv; echo "$@" >> "$STUB_LOG" ;;
    *) exec {sys.executable} "$@" ;;
esac
""",
    )
    (tree.bin / "cp").symlink_to(shutil.which("cp") or "cp")
    assert tree.call("up")[:2] == (0, "ran -m toolkit up\n")
    assert f"-m pip install --target {tree.root}/.tools" in tree.uv_calls()[0]
    assert "--require-hashes" in tree.uv_calls()[0]


def test_a_failed_installation_is_reported_and_tried_again_next_time(tree: Tree) -> None:
    code, _, err = tree.call("up", STUB_FAILS="pip install")
    assert code == 1
    assert "could not install the packages of locks/all.txt" in err
    assert tree.call("up")[:2] == (0, "ran -m toolkit up\n")


def test_what_is_run_holds_the_bootstrap_lock_no_more(tree: Tree) -> None:
    tree.call("status")
    (tree.root / "locks/all.txt").write_text("changed\n")
    tree.call("status")
    held = subprocess.run(["flock", "-n", str(tree.root / ".tools/bootstrap.lock"), "true"], check=False)
    assert held.returncode == os.EX_OK
