"""Numbers as bulletins write them, figures over facts, and the sentence of the documents."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.figures import FIGURES, Code, Counted, approx_cn, left_out, sentences

YEAR = dt.date(2025, 1, 1), dt.date(2025, 12, 31)


@pytest.mark.parametrize(
    ("n", "style", "written"),
    [
        (64, "余", "60余"),
        (99, "余", "90余"),
        (118, "余", "110余"),
        (2137, "多", "2100多"),
        (2100, "多", "2100"),
        (4899, "多", "4800多"),
        (47_312, "余", "4.7万余"),
        (36_000, "余", "3.6万"),
        (231_500, "余", "23万余"),
        (1_342_000, "余", "130余万"),
        (1_000_000, "余", "100万"),
        (1_000_001, "余", "100余万"),
        (30_500, "多", "3万多"),
        (99_999, "多", "9.9万多"),
        (100_000, "多", "10万"),
        (23_456_789, "多", "2300多万"),
        (123_456_789, "多", "1.2亿多"),
        (0, "多", "0"),
        (59, "多", "59"),
        (60, "多", "60"),
        (999, "多", "990多"),
        (1000, "多", "1000"),
        (9999, "多", "9900多"),
    ],
)
def test_numbers_are_cut_down_as_in_the_documents(n, style, written):
    assert approx_cn(n, style) == written


def value_of(written: str) -> float:
    """What an approximate number says, as a number: an independent reading."""
    plain = written.replace("多", "").replace("余", "")
    unit = 1e8 if plain.endswith("亿") else 1e4 if plain.endswith("万") else 1
    return float(plain.rstrip("万亿")) * unit


@given(st.integers(0, 10**10))
def test_a_number_is_never_rounded_up_and_says_so_when_it_was_cut(n):
    written = approx_cn(n)
    assert value_of(written) <= n
    assert ("多" in written) is (round(value_of(written)) < n)
    assert n - value_of(written) < max(n * 0.17, 1)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_more_is_never_written_as_less(a, b):
    low, high = sorted((a, b))
    assert value_of(approx_cn(low)) <= value_of(approx_cn(high))


def test_a_negative_count_is_a_mistake():
    with pytest.raises(ValueError, match="negative"):
        approx_cn(-1)


def of_the_documents() -> dict[Code, Counted]:
    values = {
        Code.X1: 2819, Code.X2: 247, Code.X3: 185, Code.X4: 422, Code.X5: 2137, Code.X6: 234,
        Code.X7: 304, Code.X8: 123,
    }  # fmt: skip
    return {code: Counted(FIGURES[code], values.get(code, 0)) for code in Code}


def test_the_sentence_is_that_of_the_documents():
    assert sentences(of_the_documents(), *YEAR) == [
        "目前登记在册“银发三长”(河长、路长、网格长)2819名，志愿服务覆盖247条河道、185条道路、422个网格。",
        "2025年1月1日至2025年12月31日，共开展巡河巡路、网格服务2100多次，协助处置各类问题230多个。",
        "引导300多名老干部老党员加入业主委员会，为城区123个小区管理注入“银龄”力量。",
    ]
    assert left_out(of_the_documents()) == []


def test_a_figure_without_a_value_is_left_out_and_told():
    found = of_the_documents() | {
        Code.X6: Counted(FIGURES[Code.X6], None),
        Code.X3: Counted(FIGURES[Code.X3], 0),
    }
    told = "".join(sentences(found, *YEAR))
    assert "问题" not in told
    assert "道路" not in told
    assert "247条河道、422个网格。" in told
    assert "服务2100多次。" in told
    assert left_out(found) == ["志愿服务覆盖道路：0条", "协助处置各类问题：没有填报"]


def test_without_any_fact_there_is_no_sentence_and_no_invented_number():
    found = {code: Counted(FIGURES[code], None if code is Code.X6 else 0) for code in Code}
    assert sentences(found, *YEAR) == []
    assert len(left_out(found)) == 8
