"""The append-only record of who did what."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from geo_service.accounts.narrow import audit_in
from geo_service.accounts.scope import Actor, Scope
from geo_service.tables import Audit
from layers.vocabulary import Right


def record(
    db: Session,
    actor: Actor,
    action: str,
    *,
    county_id: int | None,
    subject: str | None = None,
    **detail: Any,
) -> None:
    """Write one line of the record, in the caller's transaction.

    `action` is "feature.verb" as in "places.import"; `subject` is a kind and an opaque id as in
    "patrol/0192"; `detail` holds counts and codes, never names, telephone numbers, coordinates or secrets.
    """
    db.execute(
        insert(Audit).values(
            county_id=county_id,
            account_id=actor.account_id,
            os_user=actor.os_user,
            request_id=actor.request_id,
            action=action,
            subject=subject,
            detail=detail,
        )
    )


@dataclass(frozen=True)
class Line:
    """One line of the record as auditors read it."""

    id: int
    at: dt.datetime
    account_id: uuid.UUID | None
    os_user: str | None
    request_id: str | None
    action: str
    subject: str | None
    detail: dict[str, Any]


def lines(
    db: Session,
    scope: Scope,
    *,
    before: int | None = None,
    limit: int = 100,
    action: str | None = None,
    subject: str | None = None,
    account_id: uuid.UUID | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> Sequence[Line]:
    """Return lines of the record, the latest first, those before the line with number `before`.

    `since` is the first moment that is wanted, `until` the first that no longer is.

    `action` is a whole action or its beginning as in "places."; raises `Forbidden` for who is no auditor.
    """
    scope.demand_county(Right.AUDITOR)
    found = select(
        Audit.id,
        Audit.at,
        Audit.account_id,
        Audit.os_user,
        Audit.request_id,
        Audit.action,
        Audit.subject,
        Audit.detail,
    ).where(audit_in(scope))
    if before is not None:
        found = found.where(Audit.id < before)
    if action is not None:
        found = found.where(Audit.action.startswith(action, autoescape=True))
    if subject is not None:
        found = found.where(Audit.subject == subject)
    if account_id is not None:
        found = found.where(Audit.account_id == account_id)
    if since is not None:
        found = found.where(Audit.at >= since)
    if until is not None:
        found = found.where(Audit.at < until)
    return [Line(*row) for row in db.execute(found.order_by(Audit.id.desc()).limit(limit))]
