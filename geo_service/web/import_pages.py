"""Pages that import a file: first a trial that shows every row and asks, then the same carried out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, UploadFile
from fastapi.responses import HTMLResponse, Response

from geo_service import audit
from geo_service.accounts.dependencies import SignedIn, require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.columns import printable
from geo_service.db import Db
from geo_service.errors import Invalid
from geo_service.imports import ImportReport, Outcome
from geo_service.listing import As, download
from geo_service.settings import Settings
from geo_service.web import held, trials
from geo_service.web.frame import Frame, Framed
from geo_service.web.trials import Choices, Kind, Trial
from layers.errors import BadFile, YinxunError
from layers.vocabulary import Datum

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

SHOWN_ROWS = 300
_ANSWER = "answer:"
Imports = Annotated[Scope, require(*CHANGE)]


@dataclass(frozen=True)
class Said:
    """The form as it was sent."""

    words: Mapping[str, str]
    file: UploadFile | None

    def word(self, name: str) -> str:
        """Return what stands in a field, without blanks around it; empty if there is none."""
        return self.words.get(name, "").strip()[:500]

    @property
    def step(self) -> str:
        """What is to be done: try, do, rest (give the rows that are left out), report (give all rows)."""
        return self.word("step").partition(":")[0]

    @property
    def only(self) -> str:
        """The outcome that the list is to show, as in "try:refused"; empty: all."""
        return self.word("step").partition(":")[2]

    @property
    def kind(self) -> Kind:
        """What the file is imported as. Raises Invalid."""
        if self.word("kind") not in set(Kind):
            raise Invalid(
                "请选择文件里是什么：河道、道路、网格、小区、人员名册、职责、服务记录、巡查记录表或辖区。"
            )
        return Kind(self.word("kind"))

    @property
    def choices(self) -> Choices:
        """What was said beside the file. Raises Invalid."""
        if self.word("datum") not in {"", *Datum}:
            raise Invalid("请在列表里选择坐标系。")
        return Choices(
            crs=self.word("crs") or None,
            datum=Datum(self.word("datum") or Datum.WGS84),
            encoding=self.word("encoding") or None,
            all_in_scheme=self.word("scheme") == "all",
            skip_refused=self.word("skip") == "yes",
            reconcile=self.word("reconcile") == "yes",
            answers={
                name.removeprefix(_ANSWER): value
                for name, value in self.words.items()
                if name.startswith(_ANSWER) and value
            },
        )


async def _said(request: Request, file: UploadFile | None = None) -> Said:
    # `file` is declared so that FastAPI closes the form; the answers' fields have names of their own.
    form = await request.form()
    words = {name: value for name, value in form.items() if isinstance(value, str)}
    return Said(words, file if file is not None and file.filename else None)


@router.get("/import", summary="Show the form that imports a file")
def import_form(frame: Framed, _scope: Imports) -> Response:
    """Show what can be imported."""
    return _form(frame, Said({}, None))


@router.post("/import", summary="Try an import, or carry it out")
def import_(
    request: Request,
    db: Db,
    who: SignedIn,
    frame: Framed,
    scope: Imports,
    said: Annotated[Said, Depends(_said)],
) -> Response:
    """Show what would happen to every row; with `step=do` do it, all of it or nothing."""
    settings: Settings = request.app.state.settings
    folder = settings.data_dir / "held"
    sent, name = said.word("held"), said.word("name")
    word = ""  # of a file that is there: a page must not offer one that is gone
    try:
        if said.file is not None:
            name = printable(said.file.filename or "")[-80:]
            sent = held.hold(folder, who.account_id, said.file.file, name)
        path = _file(folder, who.account_id, sent)
        word = sent
        kind, doing = said.kind, said.step == "do"
        choices = replace(said.choices, keep_in=settings.files_dir)
        with db.begin_nested():
            trial = trials.run(db, scope, kind, path, name, choices, dry_run=not doing)
            done = doing and not (trial.refused and not choices.skip_refused)
            if doing and not done:  # of a refused import only the refused rows are told: show all, to go on
                trial = trials.run(db, scope, kind, path, name, choices, dry_run=True)
    except YinxunError as error:
        return _form(frame, said, error=error, word=word, name=name)
    if said.step in ("rest", "report") and trial.report is not None:
        return _as_file(db, scope, trial.report, said.step)
    if done and not trial.left_out:
        held.drop(folder, who.account_id, word)
    return _report(frame, said, trial, kind, done=done, word=word, name=name)


def _as_file(db: Db, scope: Scope, report: ImportReport, step: str) -> Response:
    """Give back the rows that are left out as they stood, with the reasons; or the report of all rows."""
    listing = report.not_taken() if step == "rest" else report.listing()
    audit.record(db, scope.actor, f"{listing.name}.export", county_id=scope.county_id, form="xlsx")
    return download(listing, As.XLSX)


def _file(folder: Path, account_id: Any, word: str) -> Path:
    if not word:
        raise BadFile("请先选择文件。")
    return held.find(folder, account_id, word)


def _form(
    frame: Frame, said: Said, *, error: YinxunError | None = None, word: str = "", name: str = ""
) -> Response:
    values = {
        "said": said,
        "kinds": list(Kind),
        "datums": list(Datum),
        "error": error,
        "held": word,
        "name": name,
        "asks_crs": error is not None and error.code in ("unknown_crs", "outside_county"),
    }
    return frame.show("import.html", values, status=200 if error is None else 422)


def _report(
    frame: Frame, said: Said, trial: Trial, kind: Kind, *, done: bool, word: str, name: str
) -> Response:
    lines = [line for line in trial.lines if said.only in ("", line.outcome.value)]
    first = [line for line in lines if line.outcome is Outcome.REFUSED]
    others = [line for line in lines if line.outcome is not Outcome.REFUSED]
    values = {
        "said": said,
        "trial": trial,
        "kind": kind,
        "lines": [*first, *others][:SHOWN_ROWS],
        "count": len(lines),
        "done": done,
        "held": word,
        "name": name,
        "given": said.choices.answers,
    }
    return frame.show("import_report.html", values, status=422 if trial.refused and not done else 200)
