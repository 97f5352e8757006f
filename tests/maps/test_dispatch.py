"""How 交办单 breaks its lines."""

from hypothesis import given
from hypothesis import strategies as st

from maps.dispatch import _wrapped
from maps.labels import width_mm

SIGNS = st.text(st.sampled_from("河岸有三袋垃圾，。）a1-. 9"), max_size=60)


@given(SIGNS, st.floats(10, 80))
def test_every_line_fits_and_nothing_is_lost(text: str, room_mm: float) -> None:
    lines = _wrapped(text, room_mm, 11)
    if not lines or "见系统" not in lines[-1]:
        assert "".join(lines) == text
    assert all(width_mm(line, 11) <= room_mm for line in lines[:-1])


def test_numbers_stay_whole_and_no_line_begins_with_a_comma() -> None:
    assert _wrapped("距起点 300 米", width_mm("距起点 30", 11), 11) == ["距起点 ", "300 米"]
    assert _wrapped("三袋垃圾，没人收", width_mm("三袋垃圾", 11) + 0.1, 11)[0] == "三袋垃"
