"""`geo-service cards`: cards for volunteers, as sheets to print."""

from pathlib import Path
from typing import Annotated

import typer

from geo_service.accounts.service import command_scope
from geo_service.cli.connect import connect
from geo_service.cli.options import CountyCode
from geo_service.cli.own_files import whole
from geo_service.columns import printable
from geo_service.db import transaction
from geo_service.devices import sheets
from geo_service.devices.sheets import Asked, Whom
from geo_service.errors import Invalid
from maps.cards import PER_SHEET, write_cards

app = typer.Typer()

PdfFile = Annotated[Path, typer.Option("-o", "--output", help="写到这个 .pdf 文件；只有您能读，打印后请删除")]
AreaCode = Annotated[str | None, typer.Option("--area", help="镇街或村的代码；不写就是全县")]
ForWhom = Annotated[
    Whom, typer.Option("--whom", help="missing 只给还没有卡片的人，again 每人再做一张，replace 旧卡作废")
]
FullName = Annotated[bool, typer.Option("--full", help="卡片上写全名；不写就是称呼，如王女士、李先生")]


@app.command(help="给一个镇街或村的志愿者做卡片，写成可以打印、裁开的 PDF：一张 A4 纸八张。")
def cards(
    output: PdfFile, area: AreaCode = None, whom: ForWhom = Whom.MISSING, full: FullName = False,
    county: CountyCode = None,
) -> None:  # fmt: skip
    """Make cards and write them: both or neither."""
    if output.suffix.lower() != ".pdf":
        raise Invalid(f"卡片要写成以 .pdf 结尾的文件，而不是「{output.name}」。")
    # Written before the commit: cards whose secrets stand nowhere would count as given out.
    with (
        whole(output) as file,
        connect() as (engine, settings),
        transaction(engine) as db,
    ):
        asked = Asked(area, whom, full)
        made = sheets.make(db, command_scope(db, county), asked, settings.address, most=None)
        write_cards(made.cards, file, made.about)
        file.flush()  # a full disk is found out before the commit
    pages = -(-len(made.cards) // PER_SHEET)
    typer.echo(
        printable(f"已做好 {len(made.cards)} 张卡片，{pages} 页 A4，写在 {output}。打印后请删除这个文件。")
    )
    if made.left_out:
        typer.echo(f"{made.left_out} 人的账号已停用，没有做。", err=True)
    if not sheets.opens_on_phones(settings.address):
        told = f"注意：网址是 {settings.address}，别的手机打不开。请先设置 GEO_PUBLIC_URL，再做卡片。"
        typer.echo(told, err=True)
