"""Answers to an import's questions, as they are given back."""

import io

import pytest

from geo_service import answers
from layers.errors import BadFile


def read(text: str, name: str) -> dict[str, str]:
    return answers.read(io.BytesIO(text.encode("gbk")), name)


def test_only_rows_with_an_answer_count() -> None:
    table = "结果,问题编号,可选答复,答复\n待确认,a1,1=甲;new=乙,new\n待确认,b2,1=甲,\n新增,,,\n"
    assert read(table, "答复.csv") == {"a1": "new"}
    assert read('{"a1": "new"}', "a.json") == {"a1": "new"}


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a"', "[" * 100_000])
def test_json_that_is_no_answers_is_refused(text: str) -> None:
    with pytest.raises(BadFile, match=r"a\.json：答复要写成"):
        read(text, "a.json")


def test_a_table_without_the_columns_is_refused() -> None:
    with pytest.raises(BadFile, match="「问题编号」、「答复」"):
        read("行,说明\n1,2\n", "a.csv")
