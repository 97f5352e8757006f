"""Names taken out of others' texts: all of them, nothing else, in Python as PostgreSQL finds them."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from geo_service.privacy.redaction import SOMEBODY, Redaction, counts_only

SIGNS = "王桂兰 李a1.*+?()[]{}|\\^$-_#&~·"
NAMES = st.text(SIGNS, min_size=2, max_size=6).filter(lambda name: name not in SOMEBODY)
TEXTS = st.lists(st.one_of(st.text(SIGNS), st.just("\0NAME")), max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(SIGNS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(SIGNS), inner, max_size=3),
    max_leaves=8,
)


@given(NAMES, TEXTS)
@example("王.*", ["王桂兰", "\0NAME"])
def test_a_name_is_gone_from_a_text_and_the_rest_of_it_stays(name: str, parts: list[str]) -> None:
    text = "".join(part.replace("\0NAME", name) for part in parts)
    out = Redaction.of(names=[name]).taken_out(text)
    assert out == text.replace(name, SOMEBODY)


@given(NAMES, JSON)
def test_the_shape_of_a_json_value_stays(name: str, value: Any) -> None:
    told = json.dumps(value, ensure_ascii=False)
    out = Redaction.of(names=[name]).taken_out(value)
    if not any(name in part for part in _strings(value)):
        assert out == value
    assert not any(name in part for part in _strings(out) if SOMEBODY not in part)
    assert json.loads(told) == value, "the value itself is not changed"


@given(JSON)
def test_of_counts_only_small_whole_numbers_and_yes_and_no_are_left(value: Any) -> None:
    if isinstance(value, dict | list):
        kept = [v for v in _values(value) if isinstance(v, bool) or (isinstance(v, int) and abs(v) < 10_000)]
        assert [*_values(counts_only(value))] == kept


def test_postgresql_reads_the_pattern_as_python_does(db: Session) -> None:
    redaction = Redaction.of(names=["王.桂|兰", "a-b #c"], phones=["13812345678"], numbers=["X-1+2"])
    texts = [
        "王.桂|兰来了", "王x桂", "a-b #c", "a-b c", "138 1234-5678", "1381234567", "913812345678", "X-1+2",
        "X-1+23", "AX-1+2", "（13812345678）",
    ]  # fmt: skip
    for text in texts:
        found = db.scalar(select(literal(text).regexp_match(redaction.pattern)))
        assert found == (redaction.taken_out(text) != text), text


def _strings(value: Any) -> list[str]:
    return _keys(value) + [item for item in _values(value) if isinstance(item, str)]


def _keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for item in value.values() for key in _keys(item))]
    return [key for item in value for key in _keys(item)] if isinstance(value, list) else []


def _values(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _values(item)]
    return [leaf for item in value for leaf in _values(item)] if isinstance(value, list) else [value]
