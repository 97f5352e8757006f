"""Options that several commands have, and what they stand for."""

from pathlib import Path
from typing import Annotated

import typer

from geo_service import answers
from geo_service.imports import ImportReport
from geo_service.listing import As, emit
from layers.errors import BadFile

CountyCode = Annotated[str | None, typer.Option("--county", help="县的代码，只有一个县时不用写")]
Form = Annotated[As | None, typer.Option("--as", help="结果的格式，不写就显示表格")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="把结果写到文件")]
Encoding = Annotated[str | None, typer.Option("--encoding", help="文字编码，例如 GBK；不写就自己认")]
InFull = Annotated[
    bool, typer.Option("--full", help="文件里写全姓名和电话；不写就遮挡（王*英、138****5678）")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="只逐行说明会怎样，什么也不改")]
AnswerFile = Annotated[Path | None, typer.Option("--answers", help="填好「答复」一列的结果表，或 JSON")]
SkipRefused = Annotated[
    Path | None, typer.Option("--skip-refused", help="跳过不能导入的行，并把它们写到这个文件")
]


def existing(path: Path, *, hint: str = "请写出其中的一个文件") -> Path:
    """Return the path of a file. Raises BadFile for one that is not there, and for a folder with a hint."""
    if path.is_dir():
        raise BadFile(f"「{path}」是文件夹；{hint}。")
    if not path.exists():
        raise BadFile(f"没有「{path}」这个文件；请核对文件名和位置。")
    return path


def answers_in(path: Path | None) -> dict[str, str]:
    """Return question id to answer from the file of answers, if there is one. Raises BadFile."""
    if path is None:
        return {}
    with existing(path).open("rb") as file:
        return answers.read(file, path.name)


def write_not_taken(report: ImportReport, path: Path | None) -> None:
    """Write the rows that were not taken to the file that was asked for, if there are any."""
    listing = report.not_taken()
    if path is not None and list(listing.rows):
        emit(listing, None if path.suffix else As.CSV, path)
