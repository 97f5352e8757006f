"""`geo-service figures`, `figure-entry` and `report`: the numbers offices report, and the report itself."""

import datetime as dt
import shutil
from pathlib import Path
from typing import Annotated

import typer

from geo_service import audit
from geo_service.accounts.service import command_scope
from geo_service.cli.connect import connect
from geo_service.cli.options import CountyCode, Form, InFull, Output, existing
from geo_service.columns import Column, Listing, printable
from geo_service.db import transaction
from geo_service.errors import Invalid
from geo_service.figures import behind, document, months, paper, reports, service
from geo_service.figures.service import EntryRequest
from geo_service.listing import emit
from layers.figures import Code, left_out, sentences

app = typer.Typer()
entry = typer.Typer(help="人工填报的数据（例如协助处置的问题数）。", no_args_is_help=True)
app.add_typer(entry, name="figure-entry")

First = Annotated[dt.datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="时段的第一天")]
Last = Annotated[dt.datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="时段的最后一天")]
Begin = Annotated[dt.datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="时段的第一天")]
End = Annotated[dt.datetime, typer.Option("--until", formats=["%Y-%m-%d"], help="时段的最后一天")]
AreaCode = Annotated[str | None, typer.Option("--area", help="镇村代码；不写就是全县")]
Rows = Annotated[Code | None, typer.Option("--rows", help="列出这个数据背后的明细，例如 X1")]
ByMonth = Annotated[bool, typer.Option("--by-month", help="按月列出次数、走到的公里数和办结的案件")]
Which = Annotated[Code, typer.Option("--figure", help="填报哪个数据")]
Value = Annotated[float, typer.Option("--value", help="数值")]
Note = Annotated[str, typer.Option("--note", help="依据，例如：问题台账第 1 至 234 号")]
Proofs = Annotated[list[Path] | None, typer.Option("--proof", help="佐证：照片或 PDF，可写多次")]
DocxFile = Annotated[Path | None, typer.Option("-o", "--output", help="报表文件，.docx")]
Annex = Annotated[Path | None, typer.Option("--annex", help="附表文件，.xlsx")]
Issue = Annotated[bool, typer.Option("--issue", help="印发：把数据和明细编号存成快照，以后不再变")]
Title = Annotated[str | None, typer.Option("--title", help="标题")]
TemplateTo = Annotated[Path | None, typer.Option("--template-to", help="把自带的模板写到这个文件，改好后用")]

_ENTRIES = (
    Column("id", "填报号", "whole"),
    Column("figure", "数据"),
    Column("first_day", "时段开始", "day"),
    Column("last_day", "时段结束", "day"),
    Column("value", "数值", "number"),
    Column("note", "依据"),
    Column("by", "填报人"),
    Column("withdrawn_at", "撤回时间", "time"),
)


@app.command(help="数据：各项数值、统计口径和文稿里的句子；--rows 列出背后的明细，--by-month 按月列出。")
def figures(
    first: First = None, last: Last = None, area: AreaCode = None, rows: Rows = None,
    by_month: ByMonth = False, county: CountyCode = None, form: Form = None, output: Output = None,
    full: InFull = False,
) -> None:  # fmt: skip
    """Print or write the figures of a period, its months, or the rows behind one of them."""
    if rows is not None and by_month:
        raise Invalid("--rows 和 --by-month 一次只能写一个。")
    with connect() as (engine, _), transaction(engine) as db:
        scope = command_scope(db, county)
        asked = service.asked(db, scope, _day(first), _day(last), area)
        table = service.figures(db, scope, asked, listed=[rows] if rows else [])
        if by_month:
            listing = months.listing(months.months(db, scope, table))
        elif rows is None:
            listing = document.figures_listing(list(table.figures.values()), asked.period.words)
        else:
            listing = behind.rows(db, scope, table.figures[rows], asked.period.last)
        if output is not None or full:
            audit.record(db, scope.actor, "figures.export", county_id=scope.county_id, full=full)
    emit(listing, form, output, full=full)
    if rows is None and not by_month and form is None and output is None:
        typer.echo("".join(sentences(table.figures, asked.period.first, asked.period.last)))
        for told in left_out(table.figures):
            typer.echo(f"没有写入：{told}", err=True)
        if table.waiting:
            typer.echo(f"另有 {table.waiting} 次巡查、服务待核，没有计入。", err=True)
        if table.outside:
            typer.echo(f"另有 {table.outside} 条人工填报的时段不完全在这个时段里，没有计入。", err=True)


@entry.command("add", help="填报一个数据；已填的不会被覆盖，要改请先撤回。")
def add(
    begin: Begin, end: End, value: Value, note: Note, figure: Which = Code.X6, proof: Proofs = None,
    county: CountyCode = None,
) -> None:  # fmt: skip
    """Enter a figure by hand."""
    with connect() as (engine, settings), transaction(engine) as db:
        scope = command_scope(db, county)
        number = service.enter(db, scope, EntryRequest(figure, begin.date(), end.date(), value, note))
        for path in proof or []:
            with existing(path, hint="请写出其中的文件").open("rb") as file:
                service.add_proof(db, scope, settings.files_dir, number, file, path.name)
    typer.echo(f"已填报，填报号 {number}。")


@entry.command("list", help="列出人工填报的数据，撤回的也在内。")
def list_(county: CountyCode = None, form: Form = None, output: Output = None) -> None:
    """Print or write the entries."""
    with connect() as (engine, _), transaction(engine) as db:
        made = [
            (e.id, e.figure.title, e.first_day, e.last_day, e.value, e.note, e.by, e.withdrawn_at)
            for e in service.entries(db, command_scope(db, county))
        ]
    emit(Listing("entries", "人工填报", _ENTRIES, made), form, output)


@entry.command("withdraw", help="撤回一条填报：记录保留，不再计入。")
def withdraw(
    number: Annotated[int, typer.Argument(help="填报号", show_default=False)], county: CountyCode = None
) -> None:
    """Withdraw an entry."""
    with connect() as (engine, _), transaction(engine) as db:
        service.withdraw(db, command_scope(db, county), number)
    typer.echo(f"填报号 {number} 已撤回。")


@app.command(help="报表：一份 Word 文档（数据、各镇街、空白图）和它的 Excel 附表；--issue 印发。")
def report(
    output: DocxFile = None, annex: Annex = None, issue: Issue = False, title: Title = None,
    first: First = None, last: Last = None, area: AreaCode = None, template_to: TemplateTo = None,
    full: InFull = False, county: CountyCode = None,
) -> None:  # fmt: skip
    """Write the report of a period, and issue it if asked for."""
    _check(output, ".docx")
    _check(annex, ".xlsx")
    _check(template_to, ".docx")
    if template_to is not None:
        shutil.copyfile(document.TEMPLATE, template_to)
        typer.echo(f"模板已写到 {template_to}；改好后把 GEO_REPORT_TEMPLATE 设成它的位置。")
    if output is None and annex is None and not issue:
        if template_to is None:
            raise Invalid("请用 -o 写明报表文件（.docx），或用 --issue 印发。")
        return
    with connect() as (engine, settings), transaction(engine) as db:
        scope = command_scope(db, county)
        asked = service.asked(db, scope, _day(first), _day(last), area)
        made, docx = paper.draft(db, scope, asked, title=title, template=settings.report_template)
        book = paper.annex(db, scope, made, full=full) if annex is not None else None
        number = reports.issue(db, scope, settings.files_dir, asked, made, docx) if issue else None
    _write(output, docx)
    _write(annex, book)
    if number is not None:
        typer.echo(f"已印发，报表号 {number}。")
    typer.echo(printable("".join(made.sentences)))


def _check(path: Path | None, ending: str) -> None:
    if path is not None and path.suffix.lower() != ending:
        raise Invalid(f"文件要以 {ending} 结尾，而不是「{path.name}」。")


def _write(path: Path | None, content: bytes | None) -> None:
    if path is None or content is None:
        return
    try:
        path.write_bytes(content)
    except OSError as error:
        raise Invalid(f"写不了 {path}：{error.strerror}。请换一个位置。") from error
    typer.echo(f"已写好 {path}。", err=True)


def _day(moment: dt.datetime | None) -> dt.date | None:
    return moment.date() if moment else None
