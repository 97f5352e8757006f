"""What an import did or would do, row by row: one vocabulary for the dry run, the commands and the pages."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import insert
from sqlalchemy.orm import Session

from geo_service import files
from geo_service.columns import Column, Listing
from geo_service.tables import Import
from layers.drafts import Question
from layers.errors import YinxunError
from layers.vocabulary import Word


class Outcome(Word):
    """What becomes of a row, or of something that is stored already."""

    ADDED = "added", "新增"
    CHANGED = "changed", "变更"
    MOVED = "moved", "换了地方"
    SAME = "same", "不变"
    GONE = "gone", "文件里没有"
    LOST = "lost", "未能沿用"
    ASKED = "asked", "待确认"
    ANSWERED = "answered", "已按答复处理"
    REFUSED = "refused", "不能导入"
    REPAIRED = "repaired", "已修复"
    REMARK = "remark", "提示"


OUTCOME = Column("outcome", "结果")
CODE = Column("code", "编码")
NAME = Column("name", "对象")
DETAIL = Column("detail", "说明")
_ROWS = Column("rows", "行")
_ASKED = (Column("question", "问题编号"), Column("answers", "可选答复"), Column("answer", "答复"))


@dataclass(frozen=True)
class ReportRow:
    """One line of the report: what becomes of rows of the file, and why."""

    outcome: Outcome
    rows: Sequence[int]
    """Of the file, from 1; none for what only the register has."""
    name: str | None
    """Whom or what it is about; None where `detail` says that and the row."""
    detail: str = ""
    question: Question | None = None
    code: str | None = None
    """The code of a place."""
    cells: tuple[str, ...] = ()
    """The row as it stood in a table."""
    wrong: tuple[str, ...] = ()
    """The fields of a table in which stands why it is not taken."""

    @property
    def numbers(self) -> str:
        """Its rows as people read them: the first ten."""
        return "、".join(map(str, self.rows[:10])) + ("……" if len(self.rows) > 10 else "")

    @property
    def told(self) -> str:
        """What is wrong, and where."""
        where = f"第 {self.numbers} 行 {self.name}".rstrip() + "：" if self.name is not None else ""
        return where + self.detail.removesuffix("。")


@dataclass(frozen=True)
class ImportReport:
    """All of it: the rows, and counts of what has no row of its own."""

    what: str
    """river, road, grid, compound, roster, duties"""
    title: str
    """The same in Chinese."""
    file: str
    rows: Sequence[ReportRow]
    coded: bool = True
    """Whether the rows are about places, which have codes."""
    headers: Sequence[str] = ()
    """Of a table whose rows have `cells`."""
    columns: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Where the fields of a table stand among its headers."""
    same: int = 0
    """Places that did not change."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Features left out on purpose, by reason (Chinese)."""
    notes: Sequence[str] = ()
    """About the file as a whole (Chinese)."""
    dry_run: bool = False

    def of(self, *outcomes: Outcome) -> list[ReportRow]:
        """Return the rows with one of these outcomes."""
        return [row for row in self.rows if row.outcome in outcomes]

    def counts(self) -> dict[str, int]:
        """Return how many there are of each outcome, by its stored word."""
        found = Counter(row.outcome.value for row in self.rows)
        counts = {outcome.value: found[outcome.value] for outcome in Outcome}
        return counts | {"same": counts["same"] + self.same, "left_out": sum(self.left_out.values())}

    @property
    def changes(self) -> bool:
        """Tell whether anything is, or would be, different afterwards."""
        return bool(self.of(Outcome.ADDED, Outcome.CHANGED, Outcome.MOVED))

    def summary(self) -> str:
        """Return the counts in one line of plain Chinese."""
        counts = self.counts()
        told = [f"{outcome.zh} {counts[outcome.value]}" for outcome in Outcome if counts[outcome.value]]
        told += [f"略过 {count}（{reason}）" for reason, count in self.left_out.items()]
        return f"{self.title}「{self.file}」：" + ("、".join(told) or "没有任何对象")

    def listing(self, *outcomes: Outcome) -> Listing:
        """Return the rows (with these outcomes) as a list; filled in at 答复 it is the file of answers."""
        columns = [OUTCOME, _ROWS, *([CODE] if self.coded else []), NAME, DETAIL, *_ASKED]
        rows = self.of(*outcomes) if outcomes else self.rows
        values = [
            (r.outcome, r.numbers, *([r.code] if self.coded else []), r.name, r.detail, *_asked(r.question))
            for r in rows
        ]
        return Listing(f"import_{self.what}", f"{self.title}导入结果", columns, values)

    def only(self, outcome: Outcome, *, first: int) -> Listing:
        """Return the first rows with one outcome as a list."""
        part = replace(self, rows=self.of(outcome)[:first]).listing()
        return replace(part, title=f"{self.title}：{outcome.zh}")

    def left_out_rows(self) -> list[ReportRow]:
        """Return the rows of a table that were not taken, each once, with all that is said of it.

        Also those that wait for an answer; places that wait are taken as new ones.
        """
        found: dict[int, ReportRow] = {}
        for row in self.of(Outcome.REFUSED, Outcome.ASKED):
            for number in row.rows:
                first = found.get(number)
                detail = row.detail if first is None else f"{first.detail}；{row.detail}"
                wrong = row.wrong if first is None else (*first.wrong, *row.wrong)
                found[number] = replace(first or row, rows=[number], detail=detail, wrong=wrong)
        return [found[number] for number in sorted(found)]

    def not_taken(self) -> Listing:
        """Return the rows that were not taken: of a table as they stood in it, the wrong cells marked.

        The reason stands behind them.
        """
        if not self.headers:
            return self.listing(Outcome.REFUSED)
        titles = [*self.headers, "原因"]
        columns = [Column(f"column{i}", title) for i, title in enumerate(titles, 1)]
        left = self.left_out_rows()
        rows = [(*_padded(row.cells, len(self.headers)), row.detail) for row in left]
        marked = frozenset(
            (k, at)
            for k, row in enumerate(left)
            for field_ in row.wrong
            for at in self.columns.get(field_, ())
            if at < len(row.cells) and (row.cells[at] or len(row.wrong) == 1)
        )
        name, title = f"left_out_{self.what}", f"{self.title}未导入的行"
        return Listing(name, title, columns, rows, marked=marked)


class RowsRefused(YinxunError):
    """Some rows cannot be taken, so nothing was; `report` shows all of them."""

    code = "rows_refused"
    title = "Rows of the file cannot be taken; nothing was imported."

    def __init__(self, report: ImportReport) -> None:
        refused = report.of(Outcome.REFUSED)
        first = "；".join(row.told for row in refused[:3])
        super().__init__(
            f"有 {len(refused)} 行不能导入，什么也没有改动。{first}{'……' if len(refused) > 3 else ''}。"
            "请改正后再导入，或跳过它们（--skip-refused 文件名）。"
        )
        self.report = report


def record(
    db: Session,
    county_id: int,
    what: str,
    file_name: str,
    sha256: bytes,
    summary: Mapping[str, Any],
    *,
    source: BinaryIO | None = None,
    keep_in: Path | None = None,
) -> int:
    """Write down which file changed something, and what it did; return the number of the import.

    The file itself is kept in a folder of kept files, until the raw retention; without a folder it is not.
    """
    row = insert(Import).values(
        county_id=county_id, what=what, file_name=file_name, sha256=sha256, summary=dict(summary)
    )
    number = db.execute(row.returning(Import.id)).scalar_one()
    if source is not None and keep_in is not None:
        files.keep_original(
            db, keep_in, source, county_id=county_id, subject=f"import/{number}", name=file_name
        )
    return number


def _padded(cells: Sequence[str], width: int) -> tuple[str, ...]:
    return tuple(cells) + ("",) * (width - len(cells))


def _asked(question: Question | None) -> tuple[str | None, str | None, str | None]:
    if question is None:
        return None, None, None
    answers = "；".join(f"{answer}={meaning}" for answer, meaning in question.answers.items())
    return question.id, answers, question.answer
