"""A track as it is stored, read back. No database: workers read theirs from bytes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.tracks import Track


def track_of(line: Any, accuracy_m: Sequence[float] | NDArray[np.floating[Any]] | None) -> Track:
    """Return a stored line (lon, lat, M epoch seconds) as the track it was made of."""
    parts, piece = shapely.get_coordinates(shapely.get_parts(line), include_m=True, return_index=True)
    known = np.full(len(parts), np.nan) if accuracy_m is None else np.array(accuracy_m, np.float64)
    return Track(parts[:, 2].copy(), parts[:, :2].copy(), known, piece.astype(np.int64))
