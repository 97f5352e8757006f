"""A map as the file that a command was asked for: a page to open, a picture, sheets to print, an atlas."""

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from geo_service.errors import Invalid
from geo_service.web.prints import Atlas
from maps import printing
from maps.data import MapData
from maps.paper import PAPERS
from maps.printing import Sheet

ENDINGS = (".html", ".png", ".pdf")


class PaperSize(StrEnum):
    """A paper to print on."""

    A4 = "A4"
    A3 = "A3"


@dataclass(frozen=True)
class Wanted:
    """The file that was asked for."""

    path: Path
    paper: PaperSize = PaperSize.A4
    atlas: bool = False

    def __post_init__(self) -> None:
        if self.form not in ENDINGS:
            raise Invalid(
                f"地图文件要以 .html（可缩放）、.png 或 .pdf（打印）结尾，而不是「{self.path.name}」。"
            )
        if self.atlas and self.form != ".pdf":
            raise Invalid("图册（--atlas）是多页的 PDF，请把文件名写成以 .pdf 结尾。")

    @property
    def form(self) -> str:
        """Its ending in small letters."""
        return self.path.suffix.lower()


@dataclass(frozen=True)
class Made:
    """How a question is drawn, in each of the forms."""

    picture: Callable[[], MapData]
    sheet: Callable[[], Sheet]
    atlas: Callable[[], Atlas]


def write(wanted: Wanted, made: Made) -> None:
    """Write the file: all of it or nothing. Raises Invalid where it cannot be written."""
    try:
        handle, part = tempfile.mkstemp(dir=wanted.path.parent, suffix=wanted.form)
    except OSError as error:
        raise Invalid(f"写不了 {wanted.path}：{error.strerror}。请换一个位置。") from error
    try:
        with open(handle, "wb") as file:
            paper = PAPERS[wanted.paper]
            if wanted.form == ".html":
                from maps.web import draw  # noqa: PLC0415  (loaded when such a map is asked for)

                file.write(draw(made.picture()).html.encode())
            elif wanted.form == ".png":
                file.write(printing.png(made.sheet(), paper=paper))
            elif wanted.atlas:
                printing.pdf(_told(made.atlas()), file, paper=paper)
            else:
                printing.pdf([made.sheet()], file, paper=paper)
        os.chmod(part, 0o666 & ~_umask())
        os.replace(part, wanted.path)
    except OSError as error:
        raise Invalid(f"写不了 {wanted.path}：{error.strerror}。请换一个位置。") from error
    finally:
        Path(part).unlink(missing_ok=True)
    size_mb = wanted.path.stat().st_size / 1e6
    how = "用浏览器打开即可" if wanted.form == ".html" else f"可按 {wanted.paper} 纸原大打印"
    typer.echo(f"已写好 {wanted.path}（{size_mb:.1f} MB），{how}。")


def _told(atlas: Atlas) -> Iterator[Sheet]:
    """Pass the pages of an atlas on, and show how far it is."""
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("图册", total=atlas.count)
        for name, page in atlas.pages:
            bar.update(task, description=f"图册：{name}")
            yield page
            bar.advance(task)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
