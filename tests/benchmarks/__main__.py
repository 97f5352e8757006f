"""One command for the table of the README: installs its peers, simulates walks, measures, prints.

    python -m tests.benchmarks                           # all of it: about ten minutes
    python -m tests.benchmarks --quick                   # a look: wide intervals
    python -m tests.benchmarks --only parallel           # one group
    python -m tests.benchmarks --half tune --no-peers    # between a change and what it does

Parameters are tuned on other walks and another half of the map than those they are judged on (see
`tests.benchmarks.conditions`): who tunes looks at `--half tune` alone. The other benchmarks of this folder
plug in here as functions of a `Run` that yield `Row`s.
"""

import datetime as dt
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tests.benchmarks import bench_lists, bench_morning, network, single, speed, worlds
from tests.benchmarks.peers import venv
from tests.benchmarks.running import Group, Run
from tests.benchmarks.table import NOTES, Row, markdown, text

GROUPS: dict[str, Group] = {
    "closed": worlds.closed,
    "open": worlds.opened,
    "fields": single.fields,
    "parallel": single.parallel_roads,
    "crossings": single.crossings,
    "banks": single.banks,
    "speed": speed.speed,
    "morning": bench_morning.rows,
    "lists": bench_lists.rows,
}
"""Parts of the table, in its order."""

WALKS, QUICK_WALKS = 400, 20
REPEATS, QUICK_REPEATS = 5, 2


def main(
    walks: Annotated[int | None, typer.Option(help=f"Walks for each condition and scene [{WALKS}].")] = None,
    only: Annotated[list[str] | None, typer.Option(help=f"Groups: {', '.join(GROUPS)}.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help=f"{QUICK_WALKS} walks.")] = False,
    form: Annotated[Literal["text", "md"], typer.Option("--as", help="md: for the README.")] = "text",
    half: Annotated[network.Half, typer.Option(help="Of the map: tune or judge.")] = "judge",
    no_peers: Annotated[bool, typer.Option("--no-peers", help="Only ours and plain buffers.")] = False,
    peers: Annotated[Path | None, typer.Option(help="Folder in which peers are installed and kept.")] = None,
    osm_file: Annotated[Path, typer.Option("--map", help="Another OpenStreetMap file.")] = network.FILE,
) -> None:
    """Measure and print the table; the bar goes to the error output."""
    unknown = sorted(set(only or ()) - set(GROUPS))
    if unknown:
        raise typer.BadParameter(f"unknown group {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    if not osm_file.is_file():
        raise typer.BadParameter(f"no map at {osm_file}; name one with --map")
    rows: list[Row] = []
    bars = (TextColumn("{task.description:45}"), BarColumn(), TimeElapsedColumn())
    with Progress(*bars, console=Console(stderr=True)) as progress:
        run = Run(
            osm_file,
            peers or venv.default_folder(),
            walks or (QUICK_WALKS if quick else WALKS),
            QUICK_REPEATS if quick else REPEATS,
            progress,
            half,
            asks_peers=not no_peers,
        )
        with run:
            for name in run.each(only or GROUPS, "the table"):
                rows += GROUPS[name](run)
                progress.console.print(f"{name}: measured", style="dim")
    today = dt.datetime.now(tz=dt.UTC).date()
    table = markdown(rows, today.isoformat()) if form == "md" else text(rows)
    sys.stdout.write(f"{table}\n\n{NOTES}\n")


if __name__ == "__main__":
    typer.run(main)
