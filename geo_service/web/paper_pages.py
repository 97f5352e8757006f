"""The page on which coordinators type outings from sheets of paper and from calls, many at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Depends, Request, UploadFile
from fastapi.responses import HTMLResponse, Response

from geo_service.accounts.dependencies import require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.clock import today
from geo_service.db import Db
from geo_service.patrols import typed
from geo_service.patrols.typed import FIELDS, MOST_ROWS, TypedRow, TypedSheet
from geo_service.photos import MOST_BYTES
from geo_service.settings import Settings
from geo_service.web import queries
from geo_service.web.frame import Frame, Framed
from layers.errors import BadFile, YinxunError
from layers.vocabulary import Evidence

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

FIRST_ROWS = 8
"""Blank rows of a new page; a browser with scripts adds more."""
ANSWER = "answer:"
"""Begins the name of a field that answers a question."""
Changes = Annotated[Scope, require(*CHANGE)]
Values = Mapping[str, str]


@dataclass(frozen=True)
class Said:
    """The form as it was sent."""

    rows: Sequence[Values] = ()
    evidence: str = Evidence.PAPER
    told_to: str = ""
    answers: Values = field(default_factory=dict)
    photo: UploadFile | None = None


async def _said(request: Request, photo: UploadFile | None = None) -> Said:
    # `photo` is declared so that FastAPI closes the form.
    form = await request.form()
    columns = {key: [word for word in form.getlist(key) if isinstance(word, str)] for key in FIELDS}
    count = max(map(len, columns.values()), default=0)
    rows = [{key: words[k] if k < len(words) else "" for key, words in columns.items()} for k in range(count)]
    texts = {name: value for name, value in form.items() if isinstance(value, str)}
    answers = {name.removeprefix(ANSWER): value for name, value in texts.items() if name.startswith(ANSWER)}
    return Said(
        rows, texts.get("evidence", Evidence.PAPER), texts.get("told_to", ""),
        {name: value for name, value in answers.items() if value},
        photo if photo is not None and photo.filename else None,
    )  # fmt: skip


@router.get("/paper", summary="Show the form that takes outings from paper or calls")
def blank(db: Db, frame: Framed, scope: Changes) -> Response:
    """Show blank rows."""
    return _form(db, frame, scope, Said(rows=[{"day": today(frame.own_county).isoformat()}]))


@router.post("/paper", summary="Register outings from paper or calls")
def register(
    request: Request, db: Db, frame: Framed, scope: Changes, said: Annotated[Said, Depends(_said)]
) -> Response:
    """Register what is right; the other rows stay in the form with what is wrong beside them."""
    settings: Settings = request.app.state.settings
    evidence = Evidence.STATED if said.evidence == Evidence.STATED else Evidence.PAPER
    try:
        with db.begin_nested():
            sheet = TypedSheet(said.rows, evidence, said.told_to, said.answers, _photo(said.photo))
            rows = typed.register(db, scope, sheet, settings.files_dir)
    except YinxunError as error:
        return _form(db, frame, scope, said, error=error)
    return _form(db, frame, scope, said, done=rows)


def _photo(upload: UploadFile | None) -> bytes | None:
    if upload is None:
        return None
    data = upload.file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise BadFile(f"照片超过 {MOST_BYTES // 2**20} MB；请用手机缩小后再传。")
    return data


def _form(
    db: Db,
    frame: Frame,
    scope: Scope,
    said: Said,
    *,
    error: YinxunError | None = None,
    done: Sequence[TypedRow] = (),
) -> Response:
    """Show the form with the rows that are not registered yet."""
    left = {row.number: row for row in done if not row.is_taken}
    rows = [
        (values, left.get(number))
        for number, values in enumerate(said.rows)
        if (number in left if done else True)
    ]
    rows += [({}, None)] * max(FIRST_ROWS - len(rows), 0 if left else 1)
    values = {
        "fields": FIELDS,
        "rows": rows,
        "taken": [row for row in done if row.is_taken],
        "left": len(left),
        "said": said,
        "error": error,
        "most": MOST_ROWS,
        "answer": ANSWER,
        "grades": [Evidence.PAPER, Evidence.STATED],
        "people": queries.names_to_type(db, scope),
        "places": queries.places_to_type(db, scope),
    }
    return frame.show("paper.html", values, status=422 if error or (left and len(left) == len(done)) else 200)
