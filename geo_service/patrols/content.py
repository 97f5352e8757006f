"""The canonical form of what a batch holds, over which its hash is made: the same on every phone."""

import hashlib

import numpy as np

from layers.tracks import Recording
from layers.vocabulary import Datum

UNKNOWN_M = -1.0
"""How the canonical form writes an accuracy that is not known."""
NOTHING = Recording(np.empty(0), np.empty((0, 2)), np.empty(0))


def sha256_of(datum: Datum, recording: Recording) -> bytes:
    """Return the hash of a batch.

    SHA-256 over the datum's word, a line feed, and for each fix in the order sent four 64-bit little-endian
    floats: time (epoch seconds), longitude, latitude, accuracy in metres (-1 where unknown).

    >>> sha256_of(Datum.WGS84, NOTHING).hex()[:16]
    '195df194016254ef'
    """
    accuracy_m = recording.accuracy_m
    known = np.full(recording.time_s.size, np.nan) if accuracy_m is None else accuracy_m
    rows = np.column_stack([recording.time_s, recording.lonlat, np.where(np.isnan(known), UNKNOWN_M, known)])
    return hashlib.sha256(f"{datum.value}\n".encode() + rows.astype("<f8").tobytes()).digest()
