"""`geo-service coverage`, `gaps` and `map`: the answers as tables, files and maps to send."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts import service as accounts_service
from geo_service.accounts.scope import Scope
from geo_service.cli.connect import connect
from geo_service.cli.map_files import Made, PaperSize, Wanted, write
from geo_service.cli.options import CountyCode, Form, InFull, Output
from geo_service.columns import Column, Listing
from geo_service.coverage import ages, answers, lists
from geo_service.coverage.ages import MOST_AGE, Order
from geo_service.coverage.answers import Total
from geo_service.coverage.asked import SHORTEST_M, Asked
from geo_service.coverage.canvas import Canvas
from geo_service.coverage.ground import Ground, Query, Register
from geo_service.db import transaction
from geo_service.listing import DRAWN, As, emit
from geo_service.tables import County
from geo_service.web import pictures, prints
from layers.vocabulary import DutyKind, GapKind, Layer, Level

app = typer.Typer()
map_ = typer.Typer(
    help="画成地图文件：.html 可缩放、可发送，断网也能打开；.png、.pdf 用来打印。", no_args_is_help=True
)
app.add_typer(map_, name="map")

Layers = Annotated[list[Layer] | None, typer.Option("--layer", help="图层，可写多次；不写就是全部")]
AreaCode = Annotated[str | None, typer.Option("--area", help="镇村代码；不写就是全县")]
First = Annotated[dt.datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="时段的第一天")]
Last = Annotated[dt.datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="时段的最后一天")]
Duty = Annotated[DutyKind, typer.Option("--duty", help="谁的职责")]
DutyLevel = Annotated[Level | None, typer.Option("--level", help="职责的级别；不写就是不限")]
Places = Annotated[Register, typer.Option("--register", help="scheme 纳管对象，all 全部在册对象")]
Shortest = Annotated[
    float, typer.Option("--shortest", min=0, max=10_000, help="短于这么多米的只合计，不列出")
]
Age = Annotated[
    int, typer.Option("--age", min=0, max=MOST_AGE, help="只列空了至少这么多天的（从来没有的也列）")
]
Sort = Annotated[
    Order, typer.Option("--sort", help="place 按对象，size 从大到小，age 空得最久的在前，township 按镇街")
]
Kind = Annotated[GapKind, typer.Option("--kind", help="空白的种类")]
MapFile = Annotated[Path, typer.Option("-o", "--output", help="地图文件，以 .html、.png 或 .pdf 结尾")]
PaperOption = Annotated[PaperSize, typer.Option("--paper", help="打印用的纸")]
AsAtlas = Annotated[bool, typer.Option("--atlas", help="图册（.pdf）：总图之后每个乡镇一页")]
GapKinds = Annotated[list[GapKind] | None, typer.Option("--kind", help="空白的种类，可写多次；不写就是全部")]

_SUMS = (
    Column("layer", "图层"),
    Column("places", "对象数", "whole"),
    Column("touched", "走到的对象数", "whole"),
    Column("length_km", "长度（公里）", "number"),
    Column("covered_km", "已覆盖（公里）", "number"),
    Column("area_km2", "面积（平方公里）", "number"),
    Column("walkable_km2", "可走部分（平方公里）", "number"),
    Column("seen_km2", "已看到（平方公里）", "number"),
    Column("share", "覆盖率", "number"),
)


@app.command(help="覆盖情况：每个对象走到了多少、几次、最近哪天。")
def coverage(
    layer: Layers = None, area: AreaCode = None, first: First = None, last: Last = None,
    duty: Duty = DutyKind.VOLUNTEER, level: DutyLevel = None, register: Places = "scheme",
    county: CountyCode = None, form: Form = None, output: Output = None, full: InFull = False,
) -> None:  # fmt: skip
    """Print or write the coverage by place, and by layer in sum."""
    with _asking(county) as (db, scope):
        query = _query(db, scope, layer, area, first, last, duty, level, register)
        table = answers.coverage(db, scope, query, with_ambiguous=True)
        canvas = Canvas.of(db, table.ground, _county(db, scope)) if _is_drawn(form, output) else None
        _record(db, scope, "coverage.export", output, full=full)
    emit(lists.coverage_list(table, canvas), form, output, full=full)
    _tell_if_empty(table.ground)
    if form is None and output is None:
        emit(Listing("totals", "合计", _SUMS, [_sum(total) for total in table.totals]))


@app.command("gaps", help="空白：没有责任人的、没人巡查的、有责任人却没人巡查的；每处空了多少天。")
def gaps_(
    kind: Kind, layer: Layers = None, area: AreaCode = None, first: First = None, last: Last = None,
    duty: Duty = DutyKind.VOLUNTEER, level: DutyLevel = None, register: Places = "scheme",
    shortest: Shortest = SHORTEST_M, age: Age = 0, sort: Sort = Order.PLACE,
    county: CountyCode = None, form: Form = None, output: Output = None, full: InFull = False,
) -> None:  # fmt: skip
    """Print or write the gaps of one kind."""
    with _asking(county) as (db, scope):
        query = _query(db, scope, layer, area, first, last, duty, level, register, shortest)
        table = ages.listed(db, scope, query, kind, age_days=age, order=sort)
        listing = lists.gap_list(db, _county(db, scope), table, drawn=_is_drawn(form, output))
        _record(db, scope, "gaps.export", output, full=full)
    emit(listing, form, output, full=full)
    _tell_if_empty(table.ground, kind)
    if form is None and len(table.short):
        left = lists.short(table)
        typer.echo(
            f"另有 {left['count']:.0f} 处短于 {shortest:.0f} 米，共 {left['metres']:.0f} 米，没有列出。",
            err=True,
        )


@map_.command("coverage", help="覆盖地图：走到的按新旧分色，没走到的用虚线，分不清的用斜纹。")
def coverage_map(
    output: MapFile, layer: Layers = None, area: AreaCode = None, first: First = None, last: Last = None,
    duty: Duty = DutyKind.VOLUNTEER, level: DutyLevel = None, register: Places = "scheme",
    paper: PaperOption = PaperSize.A4, atlas: AsAtlas = False, full: InFull = False,
    county: CountyCode = None,
) -> None:  # fmt: skip
    """Write the coverage as one self-contained file."""
    wanted = Wanted(output, paper, atlas)
    with _asking(county) as (db, scope):
        query = _query(db, scope, layer, area, first, last, duty, level, register)
        made = Made(
            lambda: pictures.coverage_map(db, scope, query, full=full),
            lambda: prints.coverage_sheet(db, scope, query),
            lambda: prints.coverage_atlas(db, scope, query),
        )
        _record(db, scope, "coverage.map", output, full=full)
        write(wanted, made)


@map_.command("gaps", help="空白地图。")
def gap_map(
    output: MapFile, kind: GapKinds = None, layer: Layers = None, area: AreaCode = None,
    first: First = None, last: Last = None, duty: Duty = DutyKind.VOLUNTEER, level: DutyLevel = None,
    register: Places = "scheme", paper: PaperOption = PaperSize.A4, atlas: AsAtlas = False,
    full: InFull = False, county: CountyCode = None,
) -> None:  # fmt: skip
    """Write the gaps as one self-contained file."""
    wanted = Wanted(output, paper, atlas)
    with _asking(county) as (db, scope):
        query = _query(db, scope, layer, area, first, last, duty, level, register)
        kinds = tuple(kind or GapKind)
        made = Made(
            lambda: pictures.gap_map(db, scope, query, kinds, full=full),
            lambda: prints.gap_sheet(db, scope, query, kinds),
            lambda: prints.gap_atlas(db, scope, query, kinds),
        )
        _record(db, scope, "gaps.map", output, full=full)
        write(wanted, made)


@contextmanager
def _asking(county: str | None) -> Iterator[tuple[Session, Scope]]:
    """Yield a session and the scope of whoever runs the machine."""
    with connect() as (engine, _), transaction(engine) as db:
        yield db, accounts_service.command_scope(db, county)


def _query(
    db: Session, scope: Scope, layer: list[Layer] | None, area: str | None, first: dt.datetime | None,
    last: dt.datetime | None, duty: DutyKind, level: Level | None, register: Register,
    shortest: float = SHORTEST_M,
) -> Query:  # fmt: skip
    asked = Asked(
        layer=layer or [],
        area=area,
        first=first.date() if first else None,
        last=last.date() if last else None,
        duty=duty,
        level=level,
        of=register,
        shortest=shortest,
    )
    return asked.query(db, scope)


def _tell_if_empty(ground: Ground, kind: GapKind | None = None) -> None:
    """Tell an empty register, or one in which nobody holds anything, from a county without a gap."""
    if ground.places:
        return
    if kind is GapKind.NEGLECTED:
        said = "没有人负责符合条件的对象；请先登记职责，或换 --layer、--area、--duty、--level、--register。"
    else:
        said = "没有登记符合条件的对象；请先用 geo-service import 导入，或换 --layer、--area、--register。"
    typer.echo(said, err=True)


def _county(db: Session, scope: Scope) -> County:
    return db.get_one(County, scope.county_id)


def _record(db: Session, scope: Scope, action: str, output: Path | None, *, full: bool = False) -> None:
    """Write into the audit what leaves as a file, or with full names; another look on the screen is none."""
    if output is not None or full:
        form = output.suffix.lower().removeprefix(".") if output else ""
        audit.record(db, scope.actor, action, county_id=scope.county_id, form=form, full=full)


def _is_drawn(form: As | None, output: Path | None) -> bool:
    wanted = form or (output.suffix.lower().removeprefix(".") if output else None)
    return wanted in DRAWN


def _sum(total: Total) -> tuple[object, ...]:
    line, grid = total.layer.is_line, total.layer is Layer.GRID
    kilometres = [round(size / 1e3, 2) if line else None for size in (total.whole, total.covered)]
    square = [
        None if line else round(total.whole / 1e6, 3),
        *(round(size / 1e6, 3) if grid else None for size in (total.counting, total.covered)),
    ]
    share = None if total.share is None else round(total.share, 4)
    return (total.layer, total.places, total.touched, *kilometres, *square, share)
