"""What the file itself gives rise to, as rows of the report of an import."""

from collections.abc import Iterable

from geo_service.imports import Outcome, ReportRow
from layers.drafts import Draft, Question
from layers.errors import BadRow
from layers.features import Remark


def told(draft: Draft, questions: Iterable[Question], refused: Iterable[BadRow]) -> list[ReportRow]:
    """Return the rows for what the file itself gives rise to."""
    rows = [
        ReportRow(
            Outcome.ASKED if question.answer is None else Outcome.ANSWERED,
            question.rows,
            None,
            question.text,
            question,
        )
        for question in (*draft.questions, *questions)
    ]
    rows += [ReportRow(Outcome.REFUSED, [e.row], None, e.detail) for e in (*draft.refused, *refused)]
    rows += [_remarked(Outcome.REPAIRED, remark) for remark in draft.repaired]
    rows += [_remarked(Outcome.REMARK, remark) for remark in draft.remarks]
    return rows


def _remarked(outcome: Outcome, remark: Remark) -> ReportRow:
    return ReportRow(outcome, [remark.row], None, remark.detail)
