"""`geo-service plates`: plates for places, as sheets to print."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from geo_service.accounts.service import command_scope
from geo_service.cli.connect import connect
from geo_service.cli.options import CountyCode
from geo_service.cli.own_files import whole
from geo_service.columns import printable
from geo_service.db import transaction
from geo_service.devices.sheets import opens_on_phones
from geo_service.errors import Invalid
from geo_service.plates import sheets
from geo_service.plates.sheets import Asked
from layers.vocabulary import Layer
from maps.cards import write_plates
from maps.paper import A4, A5

app = typer.Typer()


class PlatePaper(StrEnum):
    """What a plate is printed on, taken across."""

    A4 = "A4"
    A5 = "A5"


PdfFile = Annotated[Path, typer.Option("-o", "--output", help="写到这个 .pdf 文件，一页一块")]
AreaCode = Annotated[str | None, typer.Option("--area", help="镇街或村的代码；不写就是全县")]
OfLayer = Annotated[Layer | None, typer.Option("--layer", help="只要一个图层：river、road、grid、compound")]
Codes = Annotated[list[str] | None, typer.Option("--place", help="只要这个编号的对象，可以写几次")]
OnPaper = Annotated[PlatePaper, typer.Option("--paper", help="A4 或 A5，横放")]
Existing = Annotated[bool, typer.Option("--existing", help="只印已有的牌子，不给没有牌子的对象做新的")]


@app.command(help="给对象做公示牌（带打卡二维码），写成可以打印的 PDF；已有的牌子再印一遍，码不变。")
def plates(
    output: PdfFile, area: AreaCode = None, layer: OfLayer = None, place: Codes = None,
    paper: OnPaper = PlatePaper.A4, existing: Existing = False, county: CountyCode = None,
) -> None:  # fmt: skip
    """Make plates and write them: both or neither."""
    if output.suffix.lower() != ".pdf":
        raise Invalid(f"公示牌要写成以 .pdf 结尾的文件，而不是「{output.name}」。")
    with (
        whole(output) as file,
        connect() as (engine, settings),
        transaction(engine) as db,
    ):
        asked = Asked(area, layer, codes=place or (), missing=not existing)
        made = sheets.make(db, command_scope(db, county), asked, settings.address, most=None)
        write_plates(made.plates, file, made.about, paper={"A4": A4, "A5": A5}[paper])
        file.flush()
    typer.echo(printable(f"已写好 {len(made.plates)} 块公示牌，在 {output}。"))
    if not opens_on_phones(settings.address):
        told = f"注意：网址是 {settings.address}，别的手机打不开。请先设置 GEO_PUBLIC_URL，再打印。"
        typer.echo(told, err=True)
