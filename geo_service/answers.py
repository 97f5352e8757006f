"""Answers to the questions of an import: the report as it was given out, with its column 答复 filled in."""

import json
from typing import BinaryIO

from layers import sheets
from layers.errors import BadFile

FIELDS = {"question": ("问题编号", "问题"), "answer": ("答复", "回答")}


def read(file: BinaryIO, name: str) -> dict[str, str]:
    """Return question id to answer from XLSX, XLS or CSV, or JSON as {"id": "answer"}. Raises BadFile."""
    if name.lower().endswith(".json"):
        return from_json(file.read(2**20).decode("utf-8", "replace"), name)
    sheet = sheets.read(file, name, FIELDS, required=(("question",), ("answer",)))
    given = [row.values for row in sheet.rows if "answer" in row.values and "question" in row.values]
    return {values["question"]: values["answer"] for values in given}


def from_json(text: str, name: str = "answers") -> dict[str, str]:
    """Return question id to answer from a JSON object. Raises BadFile."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) or not all(isinstance(answer, str) for answer in given.values()):
        raise BadFile(f'{name}：答复要写成 {{"问题编号": "答复"}} 这样的 JSON。')
    return given
