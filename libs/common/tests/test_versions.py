from common.versions import text_of, version_in
from hypothesis import given
from hypothesis import strategies as st

numbers = st.integers(0, 99)


@given(st.tuples(numbers, numbers, numbers))
def test_a_version_is_read_as_it_is_written(version: tuple[int, int, int]) -> None:
    assert version_in(f"nats-server: v{text_of(version)}-RC.1 of 2031.1.1") == version


def test_what_holds_no_version_has_none() -> None:
    assert version_in("development, 2.15") is None
