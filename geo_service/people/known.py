"""Somebody of the register against what a file says: told apart, the same, or with other values."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from geo_service.people.drafts import PersonDraft
from geo_service.people.lookup import Unclear
from geo_service.people.roster import COLUMNS
from layers import masks


@dataclass(frozen=True)
class Known:
    """A person of the register, or of an earlier row of the file."""

    id: uuid.UUID
    name: str
    number: str | None
    phone: str | None
    area_id: int | None
    attributes: Mapping[str, Any]
    mine: bool = True
    """Whether the user may change him."""


def told_apart(draft: PersonDraft, known: Known | PersonDraft) -> bool:
    """Tell whether number or phone say that two people of one name are two people."""
    if draft.number and draft.number == known.number:
        return False
    by_number = bool(draft.number and known.number and draft.number != known.number)
    by_phone = bool(draft.phone and known.phone and draft.phone != known.phone)
    # The same phone under another number is doubtful: renumbered, or a family's phone.
    return by_phone or (by_number and not (draft.phone and draft.phone == known.phone))


def no_conflict(draft: PersonDraft, known: Known) -> bool:
    """Tell whether two numbers, if both are known, are the same."""
    return not (draft.number and known.number and draft.number != known.number)


def bare(draft: PersonDraft, known: Known) -> bool:
    """Tell whether both have a name and an area only, the same."""
    nothing_more = not (draft.number or draft.phone or known.number or known.phone)
    return nothing_more and draft.area_id == known.area_id


def unmasked(draft: PersonDraft, known: Known) -> PersonDraft:
    """Return a draft with what is stored where it has the mask of it. Raises Unclear for another mask."""
    if masks.is_masked(draft.name):
        if draft.name != masks.name(known.name):
            raise Unclear(f"姓名「{draft.name}」是遮挡过的，和登记的对不上；要改名请写全名")
        draft = replace(draft, name=known.name)
    if draft.phone and masks.is_masked(draft.phone):
        if draft.phone != masks.phone(known.phone):
            raise Unclear("电话是遮挡过的，和登记的对不上；要改号码请写全")
        draft = replace(draft, phone=None)
    return draft


def beside(draft: PersonDraft, known: Known, *, told_before: bool) -> PersonDraft:
    """Return what a name beside a place says of a known person: not where he lives, if that is known.

    What another row of the file has said of him stays.
    """
    draft = replace(draft, area_id=None) if known.area_id is not None or told_before else draft
    if not told_before:
        return draft
    new = {key: value for key, value in draft.attributes.items() if key not in known.attributes}
    return replace(draft, attributes=new)


def as_draft(known: Known) -> PersonDraft:
    """Return somebody of the register as what a file would say of him."""
    return PersonDraft(known.name, known.number, known.phone, known.area_id, known.attributes, known.id)


def differences(draft: PersonDraft, known: Known) -> dict[str, Any]:
    """Return what the draft says otherwise; a blank cell never takes anything away."""
    values = {key: getattr(draft, key) for key in COLUMNS}
    values = {key: value for key, value in values.items() if value not in (None, getattr(known, key))}
    attributes = {**known.attributes, **draft.attributes}
    return values if attributes == dict(known.attributes) else {**values, "attributes": attributes}
