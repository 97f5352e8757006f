"""Grids: polygons that a county's townships and villages are divided into."""

from layers import area_drafts
from layers.drafts import Draft, DraftOptions
from layers.features import Features
from layers.vocabulary import Layer


def places(features: Features, options: DraftOptions | None = None) -> Draft:
    """Return the grids of a file; overlaps of more than a square metre are told."""
    return area_drafts.draft(features, Layer.GRID, options or DraftOptions(), lambda _features, _index: None)
