"""A scene as a picture: lines grey, truth green, found orange, missed red, fixes dots."""

from pathlib import Path

import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from layers.crs import to_metric
from layers.lines import LineSet
from layers.spans import SpanSet
from tests.benchmarks.scenes.making import Scene


def picture(
    scene: Scene, found: SpanSet, file: Path, *, title: str = "", box: tuple[float, ...] = ()
) -> None:
    """Draw a scene into a file; `box`: west, south, east, north in metres from the scene's first position."""
    figure = Figure(figsize=(16, 16))
    axes = figure.add_subplot()
    origin = scene.motion.xy[0]
    geometry = shapely.transform(np.asarray(scene.lines.geometry.values), lambda xy: xy - origin)
    lines = LineSet.of(geometry)
    _draw(axes, geometry, "0.75", 0.8)
    _draw(axes, lines.cut(found & scene.truth), "tab:green", 5.0)
    _draw(axes, lines.cut(found - scene.truth), "tab:orange", 5.0)
    _draw(axes, lines.cut(scene.truth - found), "tab:red", 5.0)
    xy = to_metric(scene.fixes[["lon", "lat"]].to_numpy(), scene.lines.crs.to_string())
    axes.plot(*(xy - origin).T, "-", color="tab:blue", linewidth=0.4)
    axes.plot(*(xy - origin).T, ".", color="tab:blue", markersize=4)
    if box:
        axes.set(xlim=(box[0], box[2]), ylim=(box[1], box[3]))
    else:
        (west, south), (east, north) = ((xy - origin).min(axis=0) - 60, (xy - origin).max(axis=0) + 60)
        axes.set(xlim=(west, east), ylim=(south, north))
    axes.set_aspect("equal")
    axes.set_title(title or scene.name)
    figure.savefig(file, dpi=80, bbox_inches="tight")


def _draw(axes: Axes, geometry: np.ndarray, colour: str, width: float) -> None:
    parts = [shapely.get_coordinates(part) for part in shapely.get_parts(geometry)]
    axes.add_collection(LineCollection(parts, colors=colour, linewidths=width, alpha=0.8))
