"""`geo-service areas` and `geo-service import`: the county, its tree, and its layers, from files."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from geo_service.accounts.scope import Actor
from geo_service.accounts.service import command_scope, os_user
from geo_service.areas import service as areas_service
from geo_service.areas.service import AreaOptions, AreaReport
from geo_service.cli.connect import connect
from geo_service.cli.options import (
    AnswerFile,
    CountyCode,
    DryRun,
    Encoding,
    Form,
    Output,
    SkipRefused,
    answers_in,
    existing,
    write_not_taken,
)
from geo_service.columns import Column, Listing, printable
from geo_service.db import transaction
from geo_service.imports import CODE, DETAIL, NAME, OUTCOME, ImportReport, Outcome, RowsRefused
from geo_service.listing import As, emit
from geo_service.places import reaching, scheme, service
from geo_service.places.reaching import Choice
from geo_service.places.service import ImportOptions, Say
from layers.features import Box
from layers.vocabulary import Datum, Layer

app = typer.Typer()

_STEPS = 5
_ONE_FILE = "请写出其中的一个文件（Shapefile 请打成 zip）"
_SHOWN = 20
"""Rows of one outcome on the screen; a file holds all of them."""


def _layer(word: str) -> Layer:
    found = next((layer for layer in Layer if word.strip().lower() in (layer.value, layer.zh)), None)
    if found is None:
        known = "、".join(f"{layer.value}（{layer.zh}）" for layer in Layer)
        raise typer.BadParameter(f"没有「{word}」这个图层，可以写：{known}。")
    return found


def _bounds(text: str) -> Box:
    sides = re.split(r"[,,\s]+", text.strip())
    try:
        west, south, east, north = (float(side) for side in sides)
    except ValueError:
        raise typer.BadParameter("要写四个数：西,南,东,北，例如 119.7,32.6,120.3,33.2。") from None
    return Box(west, south, east, north)


Crs = Annotated[str | None, typer.Option("--crs", help="坐标系，例如 EPSG:4549；不写就按文件里写的")]
StatedDatum = Annotated[Datum, typer.Option("--datum", help="wgs84、gcj02（高德、腾讯）或 bd09（百度）")]

AreaFiles = Annotated[
    list[Path] | None, typer.Argument(help="GeoJSON、GeoPackage、CSV、XLSX 或 JSON", show_default=False)
]
CountyName = Annotated[str | None, typer.Option("--county", help="县名")]
Code = Annotated[str | None, typer.Option("--code", help="县的代码，在中国是 6 位或 12 位")]
Bounds = Annotated[
    Box | None, typer.Option("--bounds", parser=_bounds, metavar="西,南,东,北", help="县的范围（度）")
]
TimeZone = Annotated[str | None, typer.Option("--tz", help="时区；在中国不用写")]

LayerWord = Annotated[
    Layer,
    typer.Argument(parser=_layer, metavar="LAYER", help="river 河道、road 道路、grid 网格 或 compound 小区"),
]
LayerFile = Annotated[
    Path, typer.Argument(help="GeoPackage、GeoJSON、Shapefile(zip)、KML、OSM；或 CSV、XLSX 名录")
]
Columns = Annotated[list[str] | None, typer.Option("--map", help="如 name=河道名称；可写多次")]
FileLayer = Annotated[str | None, typer.Option("--file-layer", help="文件有几个图层时用哪一个")]
InScheme = Annotated[
    str | None,
    typer.Option("--in-scheme", metavar="all|列名|名单文件", help="哪些纳管；不写：全部区域和有名的线"),
]
PlaceCode = Annotated[str, typer.Argument(metavar="CODE", help="对象的编码")]
Width = Annotated[
    float | None, typer.Option("--width", min=0.1, max=reaching.WIDEST_M, help="全线的宽度（米）")
]
OwnReach = Annotated[
    float | None,
    typer.Option("--reach", min=0, max=reaching.FURTHEST_M, help="多少米以内算走到；0：重新按宽度定"),
]
WhichBanks = Annotated[
    Literal["apart", "together"] | None, typer.Option("--banks", help="apart 两岸分开，together 合起来")
]
BanksApart = Annotated[
    float | None,
    typer.Option("--banks-apart", min=1, metavar="米", help="至少这么宽的河，两岸分开算；不写就按文件和登记"),
]
SameName = Annotated[
    float | None, typer.Option("--same-name", min=0, help="同名的线端点相距多少米以内算一条")
]


# --- areas


@app.command(
    help="建县和它的镇街、村居：从文件（可写多个），或只给 --county 和 --code。再次运行只更新，不删除。"
)
def areas(
    files: AreaFiles = None, county: CountyName = None, code: Code = None, bounds: Bounds = None,
    tz: TimeZone = None, crs: Crs = None, datum: StatedDatum = Datum.WGS84, encoding: Encoding = None,
    dry_run: DryRun = False, form: Form = None, output: Output = None,
) -> None:  # fmt: skip
    """Create or update the county and its tree."""
    options = AreaOptions(county, code, bounds, tz, crs, datum, encoding)
    paths = [existing(path, hint=_ONE_FILE) for path in files or []]
    actor = Actor(os_user=os_user())
    with connect(storing=True) as (engine, settings), transaction(engine) as db:
        options = replace(options, keep_in=settings.files_dir)
        if paths:
            report = areas_service.import_areas(db, actor, paths, options, dry_run=dry_run)
        else:
            report = areas_service.make_county(db, actor, options)
        if report.plan.moves_borders and not dry_run:
            service.lay_on_areas(db, areas_service.county_of(db, report.county))
    _tell_areas(report, form, output, dry_run=dry_run)


_AREA_COLUMNS = (OUTCOME, CODE, NAME, Column("level", "级别"), DETAIL)


def _tell_areas(report: AreaReport, form: As | None, output: Path | None, *, dry_run: bool) -> None:
    plan = report.plan
    rows = [(Outcome.ADDED, a.code, a.name, a.level, "有边界" if a.geometry else "") for a in plan.added]
    rows += [(Outcome.CHANGED, a.code, a.name, a.level, "、".join(what)) for a, what in plan.changed]
    rows += [(Outcome.GONE, a.code, a.name, a.level, "已登记，文件里没有；保留不动") for a in plan.gone]
    if dry_run or form or output:
        emit(Listing("areas", "辖区导入结果", _AREA_COLUMNS, rows), form, output)
    for note in report.notes:
        typer.echo(printable(note), err=True)
    counts = {"新增": len(plan.added), "变更": len(plan.changed), "文件里没有（保留）": len(plan.gone)}
    told = [f"{word} {count}" for word, count in counts.items() if count]
    told += [f"不变 {plan.same}"] if plan.same else []
    told += [f"略过 {report.left_out} 行（不属于本县）"] if report.left_out else []
    told += ["县的范围已更新"] if report.extent_changed else []
    would = "（没有改动）" if dry_run else ""
    typer.echo(f"{report.county}：{'、'.join(told)}{would}", err=True)


# --- import


@app.command("import", help="导入一个图层。同一个文件再导入什么也不变；文件里没有的只报告，不删除。")
def import_(
    layer: LayerWord, file: LayerFile, columns: Columns = None, crs: Crs = None,
    datum: StatedDatum = Datum.WGS84, encoding: Encoding = None, file_layer: FileLayer = None,
    in_scheme: InScheme = None, same_name: SameName = None, banks_apart: BanksApart = None,
    answer_file: AnswerFile = None, skip_refused: SkipRefused = None, dry_run: DryRun = False,
    county: CountyCode = None,
    form: Form = None, output: Output = None,
) -> None:  # fmt: skip
    """Bring a layer up to date from a file."""
    chosen = scheme.choice(in_scheme)
    mapping = scheme.mapping_of(columns or [])
    options = ImportOptions(
        mapping={**mapping, "in_scheme": chosen.column} if chosen.column else mapping,
        crs=crs,
        datum=datum,
        encoding=encoding,
        file_layer=file_layer,
        scheme=chosen.scheme,
        answers=answers_in(answer_file),
        banks_from_m=banks_apart,
        skip_refused=skip_refused is not None,
        dry_run=dry_run,
    )
    path = existing(file, hint=_ONE_FILE)
    with connect(storing=True) as (engine, settings), transaction(engine) as db, _progress() as say:
        same_name_m = settings.same_name_m if same_name is None else same_name
        options = replace(options, same_name_m=same_name_m, keep_in=settings.files_dir)
        scope = command_scope(db, county)
        try:
            report = service.import_layer(db, scope, layer, path, options, say=say)
        except RowsRefused as refused:
            _tell(refused.report, form, output, all_rows=False, kept=False)
            raise
    _tell(report, form, output, all_rows=dry_run, kept=not dry_run)
    write_not_taken(report, skip_refused)


@app.command(help="一条河道或道路有多宽、多远以内算走到；河道还可以把两岸分开算，各走各的。")
def reach(
    code: PlaceCode, width: Width = None, own: OwnReach = None, banks: WhichBanks = None,
    dry_run: DryRun = False, county: CountyCode = None,
) -> None:  # fmt: skip
    """Say how far from a line its patrol may pass."""
    choice = Choice(width, own, banks)
    with connect(storing=True) as (engine, _), transaction(engine) as db:
        scope = command_scope(db, county)
        place_id = reaching.place_with_code(db, scope, code)
        found = reaching.choose(db, scope, place_id, choice, dry_run=dry_run)
    typer.echo(printable(f"{found.name or '无名'}（{found.code}）：{'；'.join(found.told)}。"))
    typer.echo(f"可及距离 {found.reach_m:g} 米。")
    for bank in found.banks:
        typer.echo(f"{bank.name} {bank.length_m:.0f} 米。")
    if found.patrols:
        when = "会" if dry_run else "后台正在" if found.later else "已"
        typer.echo(f"附近的 {found.patrols} 次巡查{when}重算。")
    if dry_run:
        typer.echo("（没有改动）")


def _tell(report: ImportReport, form: As | None, output: Path | None, *, all_rows: bool, kept: bool) -> None:
    if form or output:
        emit(report.listing(), form, output)
    elif all_rows:
        emit(report.listing())
    else:
        _show_what_matters(report)
    for note in report.notes:
        typer.echo(printable(note), err=True)
    typer.echo(printable(report.summary() + ("" if kept else "（没有改动）")), err=True)


def _show_what_matters(report: ImportReport) -> None:
    """Show some rows of every outcome but the plain additions."""
    for outcome in Outcome:
        rows = report.of(outcome)
        if not rows or outcome is Outcome.ADDED:
            continue
        emit(report.only(outcome, first=_SHOWN))
        if len(rows) > _SHOWN:
            typer.echo(f"……{outcome.zh}共 {len(rows)} 行；加 --as xlsx -o 结果.xlsx 可得到全部。")


@contextmanager
def _progress() -> Iterator[Say]:
    """Show on the terminal what is being done, and for how long."""
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("开始", total=_STEPS)
        done = -1

        def say(what: str) -> None:
            nonlocal done
            done += 1
            bar.update(task, description=what, completed=done)

        yield say
