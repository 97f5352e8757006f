"""How the API answers with a list: a page behind a cursor, or all rows as a file that the audit knows of."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastapi.responses import JSONResponse, Response
from sqlalchemy.orm import Session

from geo_service import audit, cursors
from geo_service.accounts.scope import Scope
from geo_service.columns import Listing
from geo_service.listing import As, download, records


def page(listing: Listing, limit: int, cursor: str | None, told: Mapping[str, Any]) -> JSONResponse:
    """Answer with `limit` rows from the cursor on, in the list's own order, behind what else is told."""
    rows, begin = list(listing.rows), cursors.number(cursor) or 0
    return part(replace(listing, rows=rows[begin : begin + limit]), len(rows), begin + limit, told)


def part(listing: Listing, count: int, end: int, told: Mapping[str, Any]) -> JSONResponse:
    """Answer with the rows of a page alone, of so many in all, that end before a position."""
    following = cursors.encode(end) if end < count else None
    return JSONResponse(
        {**told, "count": count, "rows": records(listing), "next": following},
        headers={"Cache-Control": "no-store"},
    )


def export(db: Session, scope: Scope, listing: Listing, form: As, *, full: bool = False) -> Response:
    """Answer with all rows as a file; names and phones in full only if asked for, which the audit tells."""
    action, rows = f"{listing.name}.export", len(list(listing.rows))
    audit.record(db, scope.actor, action, county_id=scope.county_id, form=form.value, rows=rows, full=full)
    return download(listing, form, full=full)
