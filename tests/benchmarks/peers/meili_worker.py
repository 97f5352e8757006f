"""Meili, fed as well as is known: a program for the peers' Python.

    python -m tests.benchmarks.peers.meili_worker OSM_FILE FOLDER

builds its tiles in the folder unless they are there, and answers. It is fed means of fixes, fewer than there
were: raw ones at 1 Hz cost it up to 20 points of F1. Ways of every difficulty are allowed. Its library is
imported late: outside the peers' Python this file can be read, not run.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.peers.answering import serve
from tests.benchmarks.peers.thinning import thinned

COSTING = {"pedestrian": {"max_hiking_difficulty": 6}}
ATTRIBUTES = ["edge.way_id", "edge.begin_shape_index", "edge.end_shape_index", "shape"]


def tiles(osm_file: Path, folder: Path) -> Path:
    """Build the tiles of a map unless they are there; return the file that tells of them."""
    from valhalla import config  # noqa: PLC0415

    file = folder / "valhalla.json"
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        told = config.get_config(tile_extract="", tile_dir=str(folder), verbose=False)
        told["mjolnir"]["concurrency"] = 1
        for part in told.values():
            if isinstance(part, dict) and "logging" in part:
                part["logging"]["type"] = ""
        fresh = folder / "building.json"
        fresh.write_text(json.dumps(told))
        command = ["valhalla_build_tiles", "-c", str(fresh), str(osm_file)]
        subprocess.run(command, check=True, stdout=sys.stderr)
        fresh.rename(file)
    return file


def main(osm_file: str, folder: str) -> None:
    """Answer requests: `time_s`, `lonlat` of a track; it is fed means of `mean_s`, one in `every_s`."""
    import valhalla  # noqa: PLC0415

    actor = valhalla.Actor(str(tiles(Path(osm_file), Path(folder))))

    def answer(time_s: np.ndarray, lonlat: np.ndarray, mean_s: float, every_s: float) -> dict[str, Any]:
        began = time.perf_counter()
        time_s, lonlat = thinned(time_s, lonlat, mean_s=mean_s, every_s=every_s)
        shape = [{"lon": lon, "lat": lat} for lon, lat in lonlat.tolist()]
        request = {
            "shape": shape,
            "costing": "pedestrian",
            "costing_options": COSTING,
            "shape_match": "map_snap",
            "filters": {"action": "include", "attributes": ATTRIBUTES},
        }
        text = json.dumps(request)
        called = time.perf_counter()
        try:
            found = actor.trace_attributes(text)
        except RuntimeError as error:
            # It found no path at all: an answer too.
            found = json.dumps({"edges": [], "shape": "", "error": str(error)})
        ended = time.perf_counter()
        matched = json.loads(found)
        edges = [(e["way_id"], e["begin_shape_index"], e["end_shape_index"]) for e in matched["edges"]]
        spent_s = time.perf_counter() - began
        return {
            "spent_s": spent_s,
            "call_s": ended - called,
            "edges": np.array(edges, np.int64).reshape(-1, 3),
            "shape": matched["shape"],
            "error": matched.get("error"),
        }

    serve(answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
