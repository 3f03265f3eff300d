from pathlib import Path

from toolkit.platform.child import last_lines, rotate


def test_a_short_log_stays_as_it_is(tmp_path: Path) -> None:
    log = tmp_path / "feed.log"
    log.write_text("one line\n")
    assert not rotate(log, max_bytes=100)
    assert log.read_text() == "one line\n"


def test_a_long_log_moves_on_and_only_a_bounded_number_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "feed.log"
    for round_number in range(5):
        log.write_text(f"{round_number}" * 20)
        assert rotate(log, max_bytes=10, old_files=2)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "feed.log": "",
        "feed.log.1": "4" * 10,
        "feed.log.2": "3" * 10,
    }


def test_a_writer_goes_on_in_the_emptied_log(tmp_path: Path) -> None:
    log = tmp_path / "feed.log"
    with log.open("a") as writer:
        writer.write("x" * 50)
        writer.flush()
        assert rotate(log, max_bytes=10)
        writer.write("after")
    assert log.read_text() == "after"


def test_the_end_of_a_log_is_shown_and_a_missing_log_is_empty(tmp_path: Path) -> None:
    (tmp_path / "risk.log").write_text("a\nb\nc\n")
    assert last_lines(tmp_path, "risk", 2) == ["b", "c"]
    assert last_lines(tmp_path, "feed", 2) == []
