"""The append-only record of who did what."""

from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor
from geo_service.tables import Audit


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
