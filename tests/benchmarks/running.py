"""What every group of the table is given: the map, how much to do, and the peers."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.progress import Progress

from tests.benchmarks import network
from tests.benchmarks.peers.buffer import PostGIS, postgis
from tests.benchmarks.peers.leuven import Leuven, leuven
from tests.benchmarks.peers.meili import CALM, USUAL, Feeding, Meili, meili
from tests.benchmarks.peers.venv import installed
from tests.benchmarks.table import Row

Item = TypeVar("Item")


@dataclass
class Run:
    """One run of the table. Peers are installed and started when a group first asks for them."""

    osm_file: Path
    peers: Path
    """Folder in which the peers are installed."""
    walks: int
    """Walks for each condition and scene."""
    repeats: int
    """How often what is timed is repeated, in turn; the least counts."""
    progress: Progress
    half: network.Half = "judge"
    """Of the map; and other walks in each."""
    asks_peers: bool = True
    """Whether peers are asked at all: for tuning they need not be."""
    _open: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @cached_property
    def network(self) -> network.Network:
        """The map."""
        return network.read(self.osm_file)

    @cached_property
    def python(self) -> Path:
        """The peers' Python."""
        self.progress.console.print(f"peers: {self.peers}", style="dim")
        return installed(self.peers)

    @property
    def feedings(self) -> tuple[Feeding, ...]:
        """How Meili is fed: none where no peer is asked."""
        return (USUAL, CALM) if self.asks_peers else ()

    @cached_property
    def meili(self) -> Meili:
        """Meili, running."""
        return self._kept(meili(self.python, self.network, self.osm_file))

    @cached_property
    def leuven(self) -> Leuven:
        """LeuvenMapMatching, running."""
        return self._kept(leuven(self.python, self.network))

    @cached_property
    def postgis(self) -> PostGIS:
        """The ways in PostGIS."""
        return self._kept(postgis(self.network))

    def rng(self, name: str) -> np.random.Generator:
        """Return the chance of a row of the table: its own in each half."""
        return np.random.default_rng(zlib.crc32(f"{self.half}, {name}".encode()))

    def each(self, items: Iterable[Item], what: str) -> Iterator[Item]:
        """Yield items while a bar shows how far it is."""
        items = list(items)
        task = self.progress.add_task(what, total=len(items))
        for item in items:
            yield item
            self.progress.advance(task)
        self.progress.remove_task(task)

    def _kept(self, opened: AbstractContextManager[Item]) -> Item:
        return self._open.enter_context(opened)


Group = Callable[[Run], Iterator[Row]]
"""A part of the table: measures, and yields its rows as they come."""
