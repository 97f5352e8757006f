"""What an import did or would do, row by row: the same for the dry run, the command and the page."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from geo_service.columns import Column, Listing
from layers.drafts import Draft, Question
from layers.errors import BadRow, YinxunError
from layers.features import Remark
from layers.vocabulary import Layer, Word


class Outcome(Word):
    """What becomes of a row, or of a stored place."""

    ADDED = "added", "新增"
    CHANGED = "changed", "变更"
    SAME = "same", "不变"
    GONE = "gone", "文件里没有"
    LOST = "lost", "未能沿用"
    ASKED = "asked", "待确认"
    ANSWERED = "answered", "已按答复处理"
    REFUSED = "refused", "不能导入"
    REPAIRED = "repaired", "已修复"
    REMARK = "remark", "提示"


_COLUMNS = (
    Column("outcome", "结果"),
    Column("rows", "行"),
    Column("code", "编码"),
    Column("name", "名称"),
    Column("detail", "说明"),
    Column("question", "问题编号"),
    Column("answers", "可选答复"),
    Column("answer", "答复"),
)


@dataclass(frozen=True)
class ReportRow:
    """One line of the report; `rows` are rows of the file, from 1."""

    outcome: Outcome
    rows: Sequence[int]
    code: str | None
    name: str | None
    detail: str
    question: Question | None = None


@dataclass(frozen=True)
class ImportReport:
    """All of it: rows that ask for attention or change something, and counts of everything."""

    layer: Layer
    file: str
    rows: Sequence[ReportRow]
    same: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Features left out on purpose, by reason (Chinese)."""
    notes: Sequence[str] = ()
    """About the file as a whole (Chinese)."""

    def counts(self) -> dict[str, int]:
        """Return how many rows had each outcome, by its stored word."""
        found = Counter(row.outcome.value for row in self.rows)
        counts = {outcome.value: found[outcome.value] for outcome in Outcome}
        return counts | {"same": self.same, "left_out": sum(self.left_out.values())}

    def of(self, outcome: Outcome) -> list[ReportRow]:
        """Return the rows with one outcome."""
        return [row for row in self.rows if row.outcome is outcome]

    @property
    def changes(self) -> bool:
        """Tell whether anything is, or would be, different afterwards."""
        return bool(self.of(Outcome.ADDED) or self.of(Outcome.CHANGED))

    def listing(self) -> Listing:
        """Return the rows as a list; filled in at 答复, it can be given back as the file of answers."""
        values = [
            (row.outcome, _numbers(row.rows), row.code, row.name, row.detail, *_asked(row.question))
            for row in self.rows
        ]
        return Listing(f"import_{self.layer.value}", f"{self.layer.zh}导入结果", _COLUMNS, values)

    def only(self, outcome: Outcome, *, first: int | None = None) -> Listing:
        """Return the (first) rows with one outcome as a list."""
        part = replace(self, rows=self.of(outcome)[:first]).listing()
        return replace(part, title=f"{self.layer.zh}:{outcome.zh}")

    def summary(self) -> str:
        """Return the counts in one line of plain Chinese."""
        counts = self.counts()
        told = [f"{outcome.zh} {counts[outcome.value]}" for outcome in Outcome if counts[outcome.value]]
        told += [f"略过 {count}({reason})" for reason, count in self.left_out.items()]
        return f"{self.layer.zh}「{self.file}」:" + ("、".join(told) or "没有任何对象")


class RowsRefused(YinxunError):
    """Some rows cannot be taken, so nothing was; `report` shows all of them."""

    code = "rows_refused"
    title = "Rows of the file cannot be taken; nothing was imported."

    def __init__(self, report: ImportReport) -> None:
        refused = report.of(Outcome.REFUSED)
        first = ";".join(row.detail.removesuffix("。") for row in refused[:3])
        super().__init__(
            f"有 {len(refused)} 行不能导入,什么也没有改动。{first}{'……' if len(refused) > 3 else ''}。"
            "请改正后再导入,或用 --skip-refused 文件名 跳过它们。"
        )
        self.report = report


def _numbers(rows: Sequence[int]) -> str:
    shown = [str(row) for row in rows[:10]]
    return "、".join(shown) + ("……" if len(rows) > 10 else "")


def _asked(question: Question | None) -> tuple[str | None, str | None, str | None]:
    if question is None:
        return None, None, None
    answers = ";".join(f"{answer}={meaning}" for answer, meaning in question.answers.items())
    return question.id, answers, question.answer


def told(draft: Draft, questions: Iterable[Question], refused: Iterable[BadRow]) -> list[ReportRow]:
    """Return the rows for what the file itself gives rise to."""
    rows = [
        ReportRow(
            Outcome.ASKED if question.answer is None else Outcome.ANSWERED,
            question.rows,
            None,
            None,
            question.text,
            question,
        )
        for question in (*draft.questions, *questions)
    ]
    rows += [ReportRow(Outcome.REFUSED, [e.row], None, None, e.detail) for e in (*draft.refused, *refused)]
    rows += [_remarked(Outcome.REPAIRED, remark) for remark in draft.repaired]
    rows += [_remarked(Outcome.REMARK, remark) for remark in draft.remarks]
    return rows


def _remarked(outcome: Outcome, remark: Remark) -> ReportRow:
    return ReportRow(outcome, [remark.row], None, None, remark.detail)
