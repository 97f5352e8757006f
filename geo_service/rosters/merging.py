"""Three-way merge of tables: what went out, what came back, and what the register says now.

Pure: texts by row id and column. Only the sheet changed: taken. Only the register changed: kept. Both, and
differently: asked, with both values.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from geo_service.people.drafts import question_id
from geo_service.people.lookup import answer_to
from layers.drafts import Question

SHEET, REGISTER = "sheet", "register"

Cells = Mapping[str, str]
"""Column title -> text; blank: nothing."""


@dataclass(frozen=True)
class Table:
    """One table of a workbook: its rows with an id, and those without."""

    rows: Mapping[str, Cells]
    numbers: Mapping[str, int] = field(default_factory=dict)
    """Id -> row number."""
    added: Sequence[tuple[int, Cells]] = ()
    """Row number and cells."""
    doubled: Sequence[tuple[int, str]] = ()
    """Row number and id of rows that repeat an id."""


@dataclass(frozen=True)
class Merged:
    """What becomes of one row that went out."""

    id: str
    row: int | None
    """Its number in the sheet; None: it is not there any more."""
    taken: Cells = field(default_factory=dict)
    """The cells of the sheet that are to be stored."""
    kept: Sequence[str] = ()
    """Columns that the register has changed since."""
    cleared: Sequence[str] = ()
    """Columns emptied in the sheet: nothing is taken away by that."""
    questions: Sequence[Question] = ()
    lost: bool = False
    """Whether the register has no such row any more."""


def merge(base: Table, sheet: Table, register: Table, answers: Mapping[str, str]) -> Iterator[Merged]:
    """Yield what becomes of every row that went out, in its order.

    >>> out = Table({"1": {"电话": "a", "备注": "x"}})
    >>> back = Table({"1": {"电话": "b", "备注": "x"}}, {"1": 2})
    >>> now = Table({"1": {"电话": "a", "备注": "y"}})
    >>> [(one.taken, one.kept) for one in merge(out, back, now, {})]
    [({'电话': 'b'}, ['备注'])]
    """
    for id_, was in base.rows.items():
        if id_ not in sheet.rows:
            yield Merged(id_, None, lost=id_ not in register.rows)
            continue
        says, now = sheet.rows[id_], register.rows.get(id_)
        yield _merged(id_, sheet.numbers[id_], was, says, now, answers)


def _merged(
    id_: str, row: int, was: Cells, says: Cells, now: Cells | None, answers: Mapping[str, str]
) -> Merged:
    changed = {title: says[title] for title in was if title in says and says[title] != was[title]}
    if now is None:
        return Merged(id_, row, lost=bool(changed))
    taken: dict[str, str] = {}
    kept, questions = [], []
    for title in was:
        stored = now.get(title, "")
        if title not in changed:
            kept += [title] if stored != was[title] else []
        elif stored == was[title] or stored == changed[title]:
            taken |= {} if stored == changed[title] else {title: changed[title]}
        else:
            question = _conflict(id_, title, changed[title], stored)
            answer = answer_to(question, answers)
            questions += [question] if answer is None else []
            taken |= {title: changed[title]} if answer == SHEET else {}
    cleared = [title for title, text in taken.items() if not text]
    for title in cleared:
        del taken[title]
    return Merged(id_, row, taken, kept, cleared, questions)


def _conflict(id_: str, title: str, says: str, stored: str) -> Question:
    return Question(
        question_id("sheet", id_, title, says, stored),
        f"「{title}」两边都改了：表里是「{says or '空'}」，登记的是「{stored or '空'}」。用哪一个？",
        {SHEET: f"用表里的「{says or '空'}」", REGISTER: f"保留登记的「{stored or '空'}」"},
    )
