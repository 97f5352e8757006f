"""Sheets of townships: all of them out by one click, many of them back together, conflicts asked about."""

import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request, UploadFile
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from geo_service import audit
from geo_service.accounts.dependencies import InFull, SignedIn, require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.attachments import attachment
from geo_service.columns import printable
from geo_service.db import Db
from geo_service.errors import Invalid
from geo_service.rosters import bundles
from geo_service.settings import Settings
from geo_service.turns import turn
from geo_service.web import held, trials
from geo_service.web.frame import Frame, Framed
from geo_service.web.trials import Choices, Kind, Trial
from layers.drafts import Question
from layers.errors import YinxunError

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

MOST_FILES = 60
SHOWN_LINES = 200
"""Lines of one file that are shown; all of them count."""
_ANSWER = "answer:"
_ONE_ARCHIVE = threading.BoundedSemaphore(1)
"""All workbooks of a county keep a processor busy for a while: one archive at a time."""
Changes = Annotated[Scope, require(*CHANGE)]


@dataclass(frozen=True)
class Kept:
    """A file that came back and is held: the word to find it by, its name, where it lies."""

    word: str
    name: str
    path: Path


@dataclass(frozen=True)
class Sent:
    """What came back: new files, the words and names of those sent before, what was said about them."""

    files: Sequence[UploadFile]
    before: Sequence[tuple[str, str]]
    words: Mapping[str, str]

    @property
    def answers(self) -> dict[str, str]:
        """The answers to questions, by question."""
        said = {name: value for name, value in self.words.items() if name.startswith(_ANSWER) and value}
        return {name.removeprefix(_ANSWER): value for name, value in said.items()}

    @property
    def does(self) -> bool:
        """Whether it is to be carried out."""
        return self.words.get("step") == "do"

    @property
    def skips(self) -> bool:
        """Whether rows that cannot be taken are to be left out."""
        return self.words.get("skip") == "yes"


@dataclass(frozen=True)
class Came:
    """One file, and what becomes of it: a trial, or why it cannot be read."""

    word: str
    name: str
    trial: Trial | None
    error: str | None = None


async def _sent(request: Request, files: list[UploadFile] | None = None) -> Sent:
    new = [one for one in files or () if one.filename]
    texts = [(name, one) for name, one in (await request.form()).multi_items() if isinstance(one, str)]
    before = [one.partition(":") for name, one in texts if name == "held"]
    return Sent(
        new,
        [(word, printable(name)[-80:]) for word, _, name in before],
        {name: one[:500] for name, one in texts},
    )


@router.get("/rosters", summary="Show the townships whose sheets go out and come back")
def page(db: Db, frame: Framed, scope: Changes) -> Response:
    """Show the townships, and the form that takes sheets back."""
    return _page(db, frame, scope)


@router.get("/rosters/all.zip", summary="The sheets of all townships of the scope")
def archive(db: Db, frame: Framed, scope: Changes, full: InFull = False) -> Response:
    """Return a ZIP with a workbook a township, names masked unless in full."""
    with turn(_ONE_ARCHIVE, "正在为别人准备辖区表，请稍后再点一次。"):
        file = bundles.archive(db, scope, full=full)
    audit.record(db, scope.actor, "workbook.export", county_id=scope.county_id, list="all", full=full)
    headers = attachment(f"{frame.own_county.name}各镇街辖区表.zip", "workbooks.zip")
    return StreamingResponse(bundles.pieces(file), media_type="application/zip", headers=headers)


@router.post("/rosters", summary="Try sheets that came back, or merge them")
def back(
    request: Request,
    db: Db,
    who: SignedIn,
    frame: Framed,
    scope: Changes,
    sent: Annotated[Sent, Depends(_sent)],
) -> Response:
    """Show what every file would change and what is asked; with `step=do` merge all of them or none."""
    settings: Settings = request.app.state.settings
    folder = settings.data_dir / "held"
    try:
        files = _held(folder, who.account_id, sent)
    except YinxunError as error:
        return _page(db, frame, scope, error=error)
    keep_in = settings.files_dir if sent.does else None
    choices = Choices(skip_refused=sent.skips, answers=sent.answers, keep_in=keep_in)
    # A file sees what those before it changed, in a trial as well: what two townships say differently of
    # one river is asked about before anything is stored.
    with db.begin_nested() as trial:
        came = [_merged(db, scope, file, choices) for file in files]
        done = sent.does and not any(_stops(one, sent) for one in came)
        if not done:
            trial.rollback()
            db.expire_all()
    if done:
        for file in files:
            held.drop(folder, who.account_id, file.word)
    return _result(frame, sent, came, done=done)


def _merged(db: Db, scope: Scope, file: Kept, choices: Choices) -> Came:
    """Merge one file within the transaction; what is wrong with it leaves the others as they are."""
    try:
        with db.begin_nested():
            trial = trials.run(db, scope, Kind.ROSTER, file.path, file.name, choices, dry_run=False)
    except YinxunError as error:
        return Came(file.word, file.name, None, error.detail)
    return Came(file.word, file.name, trial)


def _stops(one: Came, sent: Sent) -> bool:
    return one.trial is None or bool(one.trial.refused and not sent.skips)


def _held(folder: Path, account_id: uuid.UUID, sent: Sent) -> list[Kept]:
    """Keep the new files, and return all of them. Raises Invalid, NotFound."""
    if not sent.files and not sent.before:
        raise Invalid("请先选择收回来的辖区表，可以一次选很多个。")
    if len(sent.files) + len(sent.before) > MOST_FILES:
        raise Invalid(f"一次最多 {MOST_FILES} 个文件，请分几次。")
    named = list(sent.before)
    for file in sent.files:
        name = printable(file.filename or "")[-80:]
        named.append((held.hold(folder, account_id, file.file, name), name))
    return [Kept(word, name, held.find(folder, account_id, word)) for word, name in named]


def _result(frame: Frame, sent: Sent, came: Sequence[Came], *, done: bool) -> Response:
    asked: dict[str, tuple[str, Question]] = {}
    for one in came:
        for question in one.trial.questions if one.trial else ():
            asked.setdefault(question.id, (one.name, question))
    in_vain = sent.does and not done
    values = {
        "came": came,
        "done": done,
        "asked": list(asked.values()),
        "given": sent.answers,
        "settled": {id_: answer for id_, answer in sent.answers.items() if id_ not in asked},
        "refused": sum(one.trial.refused for one in came if one.trial),
        "unread": sum(one.trial is None for one in came),
        "changes": any(one.trial.changes for one in came if one.trial),
        "shown": SHOWN_LINES,
        "in_vain": in_vain,
    }
    return frame.show("rosters_back.html", values, status=422 if in_vain else 200)


def _page(db: Db, frame: Frame, scope: Scope, error: YinxunError | None = None) -> Response:
    values = {"townships": bundles.out(db, scope), "error": error, "most": MOST_FILES}
    return frame.show("rosters.html", values, status=200 if error is None else 422)
