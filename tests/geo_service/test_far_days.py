"""Days at the ends of the calendar, sent where a day is asked for: told, never a fault of ours."""

import itertools

import pytest

from layers.vocabulary import Right
from tests.geo_service.test_scope import COUNTY, WEST, World, world

__all__ = ["world"]

_ENDS = ("0001-01-01", "2026-05-01", "9999-12-31")
_SPANS = [(first, last) for first, last in itertools.product(_ENDS, _ENDS) if first <= last]
_ASKED = (
    "/api/figures", "/api/figures/X1/rows", "/api/figures/report", "/api/due", "/api/exemptions",
    "/api/services", "/api/patrols", "/api/coverage", "/figures", "/due", "/services", "/patrols",
)  # fmt: skip


@pytest.mark.parametrize(("first", "last"), _SPANS)
def test_any_span_is_answered(world: World, first: str, last: str) -> None:
    token = world.tokens[Right.COORDINATOR, COUNTY]
    for path in _ASKED:
        answer = world.ask(token, "GET", path, params={"first": first, "last": last})
        assert answer.status_code < 500, path
    span = {"first_day": first, "last_day": last}
    for path, body in (
        ("/api/reports", {"first": first, "last": last}),
        ("/api/exemptions", {"kind": "weather", **span}),
        ("/api/figures/entries", {"figure": "X11", "first": first, "last": last, "value": 1, "note": "x"}),
        (f"/api/norms/{world.towns[WEST].draft.id}/adopt", {"first_day": last}),
    ):
        assert world.ask(token, "POST", path, json=body).status_code < 500, path
