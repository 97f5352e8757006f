"""`geo-service roster`, `duties`, `people`, `duty-list`: people, and who looks after what, as tables."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, BinaryIO, TypeVar

import typer
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.scope import Scope
from geo_service.accounts.service import command_scope
from geo_service.cli.connect import connect
from geo_service.cli.options import (
    AnswerFile,
    CountyCode,
    DryRun,
    Encoding,
    Form,
    InFull,
    Output,
    SkipRefused,
    answers_in,
    existing,
    write_not_taken,
)
from geo_service.clock import today_in
from geo_service.columns import Listing, printable
from geo_service.db import transaction
from geo_service.errors import Invalid
from geo_service.imports import ImportReport, Outcome, RowsRefused
from geo_service.listing import DRAWN, As, emit, write_file
from geo_service.people import imports, lists, misfits
from geo_service.people.imports import ImportOptions
from geo_service.rosters.options import RosterOptions
from geo_service.rosters.service import import_roster, workbook

app = typer.Typer()

Table = Annotated[Path, typer.Argument(help="XLSX、XLS 或 CSV（UTF-8、GBK 都可以）", show_default=False)]
Reconcile = Annotated[
    bool, typer.Option("--reconcile", help="与登记的核对：列出名册里没有了的，逐项问是结束职责还是保留")
]
LastDay = Annotated[
    dt.datetime | None,
    typer.Option("--last-day", formats=["%Y-%m-%d"], help="结束的职责的最后一天；不写就是昨天"),
]
AreaCode = Annotated[str | None, typer.Option("--area", help="镇街或村的代码；不写就是全县")]
WithAll = Annotated[
    bool,
    typer.Option("--full", help="文件里写全姓名、电话，并带上健康、住址、紧急联系人等；不写就遮挡、不带"),
]
Chosen = TypeVar("Chosen", bound=ImportOptions)
Take = Callable[[Session, Scope, BinaryIO, str, Chosen], ImportReport]


@app.command(
    short_help="导入名册：河道、道路、网格、小区、志愿者，按表头自己认。",
    help="导入名册：河道名录、路长名册、网格员名册、小区名录、志愿者登记表，按表头自己认。"
    "名册里的对象、人员、职责一次登记；同一个文件再导入什么也不变；不删除任何人。",
)
def roster(
    file: Table, reconcile: Reconcile = False, last_day: LastDay = None, answer_file: AnswerFile = None,
    skip_refused: SkipRefused = None, dry_run: DryRun = False, encoding: Encoding = None,
    county: CountyCode = None, form: Form = None, output: Output = None,
) -> None:  # fmt: skip
    """Bring places, people and duties up to date from a roster."""
    options = RosterOptions(
        dry_run,
        skip_refused is not None,
        answers_in(answer_file),
        encoding,
        reconcile=reconcile,
        last_day=last_day.date() if last_day else None,
    )
    run_import(import_roster, file, options, county, form, output, skip_refused)


@app.command(
    help="导入职责：人员、对象、起点米、止点米（或 责任段、负责范围）、岗位、类别、级别、开始日期、结束日期。"
)
def duties(
    file: Table, answer_file: AnswerFile = None, skip_refused: SkipRefused = None, dry_run: DryRun = False,
    encoding: Encoding = None, county: CountyCode = None, form: Form = None, output: Output = None,
) -> None:  # fmt: skip
    """Take duties from a table."""
    options = _options(answer_file, skip_refused, encoding, dry_run=dry_run)
    run_import(imports.import_duties, file, options, county, form, output, skip_refused)


@app.command(
    "roster-sheet",
    help="把一个镇街或村的对象、人员、职责写成一个表发下去改；改好后用 roster 导入，和登记的合并。",
)
def roster_sheet(
    area: Annotated[str, typer.Option("--area", help="镇街或村的代码")],
    output: Annotated[Path, typer.Option("-o", "--output", help="写到这个 .xlsx 文件")],
    full: InFull = False, county: CountyCode = None,
) -> None:  # fmt: skip
    """Write the workbook of an area."""
    if output.suffix.lower() != ".xlsx":
        raise Invalid("辖区表只能写成 .xlsx 文件。")
    with connect() as (engine, _), transaction(engine) as db:
        scope = command_scope(db, county)
        _, data = workbook(db, scope, area, full=full)
        subject = f"area/{area}"
        audit.record(
            db, scope.actor, "workbook.export", county_id=scope.county_id, subject=subject, full=full
        )
    write_file(output, [data])


@app.command("people", help="列出人员；用 -o 写成名册，改好后用 roster 导入。")
def people_(
    area: AreaCode = None, full: WithAll = False, county: CountyCode = None, form: Form = None,
    output: Output = None,
) -> None:  # fmt: skip
    """Print or write people."""
    with connect() as (engine, _), transaction(engine) as db:
        scope = command_scope(db, county)
        listing = lists.people(db, scope, area=area)
        _record(db, scope, listing, form, output, full=full)
    is_file = form is not None or output is not None
    emit(listing if is_file else listing.of(lists.ON_SCREEN), form, output, full=full)


@app.command("duty-list", help="列出职责；用 -o 写成职责表，改好后用 duties 导入。")
def duty_list(
    area: AreaCode = None,
    past: Annotated[bool, typer.Option("--past", help="已结束的和将来的也列出")] = False,
    full: InFull = False, county: CountyCode = None, form: Form = None, output: Output = None,
) -> None:  # fmt: skip
    """Print or write duties, those in force today unless told."""
    with connect() as (engine, _), transaction(engine) as db:
        scope = command_scope(db, county)
        day = None if past else today_in(db, scope.county_id)
        drawn = (form or (output and output.suffix.lower().removeprefix("."))) in DRAWN
        listing = lists.duties(db, scope, area=area, day=day, drawn=drawn)
        _record(db, scope, listing, form, output, full=full)
    emit(listing, form, output, full=full)


@app.command("misfits", help="列出不再合适的职责：图形改了对不上的，或对象已不纳管的。")
def misfits_(
    area: AreaCode = None, full: InFull = False, county: CountyCode = None, form: Form = None,
    output: Output = None,
) -> None:  # fmt: skip
    """Print or write the duties that no longer fit their place."""
    with connect() as (engine, _), transaction(engine) as db:
        scope = command_scope(db, county)
        listing = misfits.listing(misfits.found(db, scope, area=area))
        _record(db, scope, listing, form, output, full=full)
    emit(listing, form, output, full=full)


def _record(
    db: Session, scope: Scope, listing: Listing, form: As | None, output: Path | None, *, full: bool
) -> None:
    """Write into the audit what leaves as a file; a look on the screen is none."""
    if form is None and output is None:
        return
    ending = form.value if form else output.suffix.lower().removeprefix(".") if output else ""
    action, rows = f"{listing.name}.export", len(list(listing.rows))
    audit.record(db, scope.actor, action, county_id=scope.county_id, form=ending, rows=rows, full=full)


def _options(
    answer_file: Path | None, skip_refused: Path | None, encoding: str | None, *, dry_run: bool
) -> ImportOptions:
    return ImportOptions(dry_run, skip_refused is not None, answers_in(answer_file), encoding)


def run_import(
    take: Take[Chosen], path: Path, options: Chosen, county: str | None, form: As | None, output: Path | None,
    skip_refused: Path | None,
) -> None:  # fmt: skip
    """Import a table and tell what became of its rows; refused rows are shown before the error."""
    with (
        existing(path).open("rb") as file,
        connect(storing=True) as (engine, settings),
        transaction(engine) as db,
    ):
        options = replace(options, keep_in=settings.files_dir)
        try:
            report = take(db, command_scope(db, county), file, path.name, options)
        except RowsRefused as refused:
            tell(refused.report, form, output, all_rows=False, kept=False)
            raise
    tell(report, form, output, all_rows=options.dry_run, kept=not options.dry_run)
    write_not_taken(report, skip_refused)


def tell(report: ImportReport, form: As | None, output: Path | None, *, all_rows: bool, kept: bool) -> None:
    """Show every row of a dry run, else those that ask for attention; a file holds all of them."""
    if form or output or all_rows:
        emit(report.listing(), form, output)
    elif report.of(Outcome.REFUSED, Outcome.ASKED):
        emit(report.listing(Outcome.REFUSED, Outcome.ASKED))
    for note in report.notes:
        typer.echo(printable(note), err=True)
    typer.echo(printable(report.summary() + ("" if kept else "（没有改动）")), err=True)
