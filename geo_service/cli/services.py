"""`geo-service service`: activities without a track, one by one or from a table."""

import datetime as dt
import uuid
from pathlib import Path
from typing import Annotated, Any

import typer

from geo_service import audit
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
from geo_service.cli.people import tell
from geo_service.columns import printable
from geo_service.db import transaction
from geo_service.imports import RowsRefused
from geo_service.listing import emit
from geo_service.patrols import parties
from geo_service.people.imports import ImportOptions
from geo_service.services import imports, lists, service
from geo_service.services.service import ServiceRequest
from layers.vocabulary import Evidence, ServiceKind, Verdict

app = typer.Typer()
service_ = typer.Typer(help="没有轨迹的服务：网格服务、走访、议事、值守。", no_args_is_help=True)
app.add_typer(service_, name="service")

Table = Annotated[Path, typer.Argument(help="XLSX 或 CSV（UTF-8、GBK 都可以）", show_default=False)]
Day = Annotated[dt.datetime, typer.Option("--day", formats=["%Y-%m-%d"], help="哪天")]
Kind = Annotated[ServiceKind, typer.Option("--kind", help="类别")]
Hours = Annotated[float, typer.Option("--hours", help="每人多少小时")]
Persons = Annotated[list[str], typer.Option("--person", help="参加人：姓名、编号或 id，可写多次")]
Place = Annotated[str | None, typer.Option("--place", help="对象的编码或名称")]
Area = Annotated[str | None, typer.Option("--area", help="镇街或村的代码")]
People = Annotated[int | None, typer.Option("--people", help="参加人数；不写就是写明的人数")]
Served = Annotated[int | None, typer.Option("--served", help="服务了多少人")]
Note = Annotated[str | None, typer.Option("--note", help="内容")]
Rests = Annotated[Evidence, typer.Option("--evidence", help="凭证")]
Proofs = Annotated[list[Path] | None, typer.Option("--proof", help="佐证：照片或 PDF，可写多次")]
Id = Annotated[uuid.UUID | None, typer.Option("--id", help="自选的编号（UUID）；同一编号再登记不会重复")]
First = Annotated[dt.datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="第一天")]
Last = Annotated[dt.datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="最后一天")]
SomeKind = Annotated[ServiceKind | None, typer.Option("--kind", help="只列这一类")]
SomeVerdict = Annotated[Verdict | None, typer.Option("--verdict", help="只列这种结论，例如 review 待核")]
Which = Annotated[uuid.UUID, typer.Argument(help="服务的标识", show_default=False)]
Why = Annotated[str, typer.Option("--reason", help="原因")]


@service_.command("add", help="登记一次服务。")
def add(
    kind: Kind, day: Day, hours: Hours, person: Persons, place: Place = None, area: Area = None,
    people: People = None, served: Served = None, note: Note = None, evidence: Rests = Evidence.PAPER,
    proof: Proofs = None, id_: Id = None, county: CountyCode = None,
) -> None:  # fmt: skip
    """Store one service with its proofs."""
    with connect() as (engine, settings), transaction(engine) as db:
        scope = command_scope(db, county)
        request = ServiceRequest(
            kind=kind,
            day=day.date(),
            hours=hours,
            persons=[parties.person_called(db, scope, word).id for word in person],
            place_id=None if place is None else service.place_called(db, scope, place),
            area=area,
            people=people,
            people_served=served,
            note=note,
            evidence=evidence,
        )
        answer = service.put(db, scope, id_ or uuid.uuid4(), request)
        for path in [] if answer.already else proof or []:
            with existing(path, hint="请写出其中的照片").open("rb") as file:
                service.add_proof(db, scope, settings.files_dir, answer.service_id, file, path.name)
    again = "以前已登记过，没有重复登记。" if answer.already else ""
    typer.echo(printable(f"{again}{answer.told}（标识 {answer.service_id}）"))


@service_.command("list", help="列出服务记录，最近的在前。")
def list_(
    kind: SomeKind = None, verdict: SomeVerdict = None, first: First = None, last: Last = None,
    full: InFull = False, county: CountyCode = None, form: Form = None, output: Output = None,
) -> None:  # fmt: skip
    """Print or write services."""
    with connect() as (engine, _), transaction(engine) as db:
        scope = command_scope(db, county)
        found = service.listed(
            db, scope, kind=kind, verdict=verdict, first_day=first.date() if first else None,
            last_day=last.date() if last else None, limit=None,
        )  # fmt: skip
        if output is not None or full:
            about: dict[str, Any] = {"rows": len(found.rows), "full": full}
            audit.record(db, scope.actor, "services.export", county_id=scope.county_id, **about)
    emit(lists.services(found.rows), form, output, full=full)


@service_.command("void", help="作废一次服务：记录和原因保留，不再计入。")
def void(which: Which, reason: Why, county: CountyCode = None) -> None:
    """Take a service back."""
    with connect() as (engine, _), transaction(engine) as db:
        typer.echo(printable(service.void(db, command_scope(db, county), which, reason).told))


@service_.command("confirm", help="核对志愿者自己登记的服务，使它计入。")
def confirm(which: Which, county: CountyCode = None) -> None:
    """Let a service count that waits for review."""
    with connect() as (engine, _), transaction(engine) as db:
        typer.echo(printable(service.confirm(db, command_scope(db, county), which).told))


@service_.command(
    "import", help="导入服务记录表：类别、日期、时长、参加人、对象（或镇街、村）、服务人数、内容、凭证。"
)
def import_(
    file: Table, answer_file: AnswerFile = None, skip_refused: SkipRefused = None, dry_run: DryRun = False,
    encoding: Encoding = None, county: CountyCode = None, form: Form = None, output: Output = None,
) -> None:  # fmt: skip
    """Take services from a table; the same file again changes nothing."""
    options = ImportOptions(dry_run, skip_refused is not None, answers_in(answer_file), encoding)
    with existing(file).open("rb") as opened, connect() as (engine, _), transaction(engine) as db:
        try:
            report = imports.import_services(db, command_scope(db, county), opened, file.name, options)
        except RowsRefused as refused:
            tell(refused.report, form, output, all_rows=False, kept=False)
            raise
    tell(report, form, output, all_rows=dry_run, kept=not dry_run)
    write_not_taken(report, skip_refused)
