"""Proposals as lists: all of them, the lines of one, what one does not meet."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from geo_service.accounts.narrow import people_in, proposals_in
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.columns import Column, Listing
from geo_service.planning import queries, service
from geo_service.planning.queries import Held
from geo_service.planning.words import reason_words, why_words
from layers.planning import Why
from layers.vocabulary import Layer, LineState, ProposalState, Role

DUTIES = (
    Column("duty_id", "职责号", "whole"),
    Column("layer", "图层"),
    Column("place", "对象"),
    Column("stretch", "责任段（米）"),
    Column("person", "人员", mask="name"),
)
PROPOSALS = (
    Column("id", "方案", "whole"),
    Column("area", "辖区"),
    Column("area_code", "辖区编码"),
    Column("state", "状态"),
    Column("needs", "需求", "whole"),
    Column("covered", "能安排", "whole"),
    Column("lines", "条目", "whole"),
    Column("is_proven", "已证明最优", "flag"),
    Column("made_at", "提出时间", "time"),
)
LINES = (
    Column("id", "条目", "whole"),
    Column("layer", "图层"),
    Column("place_id", "对象号", "whole"),
    Column("code", "对象编码"),
    Column("place", "对象"),
    Column("stretch", "责任段（米）"),
    Column("metres", "长度（米）", "whole"),
    Column("candidate", "候选人", "whole"),
    Column("person_id", "人员标识"),
    Column("person", "人员", mask="name"),
    Column("lives", "住在"),
    Column("role", "岗位"),
    Column("state", "状态"),
    Column("reason", "理由", mask="withheld"),
    Column("distance_m", "离家（米）", "whole", mask="withheld"),
    Column("duty_id", "职责号", "whole"),
)
UNMET = (
    Column("layer", "图层"),
    Column("place_id", "对象号", "whole"),
    Column("place", "对象"),
    Column("stretch", "责任段（米）"),
    Column("person", "人员", mask="name"),
    Column("kind", "情况"),
    Column("why", "原因"),
)


def proposals(db: Session, scope: Scope, *, area: str | None = None) -> Listing:
    """Return the proposals of the scope, the latest first."""
    below = None
    if area:
        below = areas.descendants(db, scope.county_id, [areas.area_id_of(db, scope, area)])
    rows = []
    for found in queries.proposals(db, proposals_in(scope), area_ids=below):
        row, told = found.Proposal, found.Proposal.result
        lines = found.proposed + found.fixed + found.accepted
        rows.append(
            (
                row.id, found.area, found.area_code, ProposalState(row.state), told.get("needs"),
                told.get("covered"), lines, told.get("is_proven"), row.created_at,
            )
        )  # fmt: skip
    return Listing("proposals", "责任安排方案", PROPOSALS, rows)


def duties(db: Session, scope: Scope, held: Sequence[Held]) -> Listing:
    """Return duties that may be released, by place. Who may not see people sees them by number."""
    places = queries.place_names(db, scope.county_id, {one.place_id for one in held})
    who = {one.person_id for one in held}
    names = queries.person_names(db, people_in(scope), who)
    labels = {id_: names.get(id_) or f"责任人{k}" for k, id_ in enumerate(sorted(who), start=1)}
    rows = [
        (one.duty_id, Layer(places[one.place_id][0]), places[one.place_id][1],
         "一部分" if one.has_cells else stretch_words(one.spans or []), labels[one.person_id])
        for one in held
    ]  # fmt: skip
    return Listing("duties", "现有的职责", DUTIES, sorted(rows, key=lambda row: (*row[1:], row[0])))


def lines(db: Session, scope: Scope, proposal_id: int) -> Listing:
    """Return the lines of a proposal with their reasons.

    Who may not see people tells candidates apart by their number in the proposal, and where they live.
    """
    service.seen(db, scope, proposal_id)
    found = queries.lines_of(db, proposal_id)
    partners = {uuid.UUID(other) for one in found for other in one.ProposalLine.reasons.get("with", ())}
    everybody = partners | {one.ProposalLine.person_id for one in found}
    names = queries.person_names(db, people_in(scope), everybody)
    number = {id_: k for k, id_ in enumerate(sorted(everybody), start=1)}
    lives = queries.lives_in(db, everybody)
    labels = {id_: names.get(id_) or f"候选人{k}" for id_, k in number.items()}
    rows = []
    for one in found:
        line, layer = one.ProposalLine, Layer(one.layer)
        with_ = [labels.get(uuid.UUID(other), "") for other in line.reasons.get("with", ())]
        spans = [(int(s.lower or 0), int(s.upper or 0)) for s in line.spans or ()]
        distance_m = line.reasons.get("distance_m")
        rows.append(
            (
                line.id, layer, line.place_id, one.code, one.place or one.code, stretch_words(spans),
                _metres(layer, spans, one.length_dm), number[line.person_id],
                line.person_id if line.person_id in names else None, names.get(line.person_id),
                lives.get(line.person_id), Role(line.role), LineState(line.state),
                reason_words(line.reasons, layer, with_), None if distance_m is None else round(distance_m),
                line.duty_id,
            )
        )  # fmt: skip
    return Listing("proposal_lines", f"方案 {proposal_id}", LINES, rows)


def unmet(db: Session, scope: Scope, proposal_id: int) -> Listing:
    """Return what a proposal does not meet, and why: places first, then wishes."""
    told: Mapping[str, Any] = service.seen(db, scope, proposal_id).result
    places = [(one, kind) for key, kind in _KINDS for one in told.get(key, ())]
    wishes = told.get("wishes", ())
    people = queries.person_names(db, people_in(scope), [uuid.UUID(one["person_id"]) for one in wishes])
    wishes = [one for one in wishes if uuid.UUID(one["person_id"]) in people]
    ids = {one["place_id"] for one, _ in places} | {one["place_id"] for one in wishes}
    labels = queries.place_names(db, scope.county_id, ids)
    rows: list[tuple[Any, ...]] = []
    for one, kind in places:
        layer = Layer(one["layer"])
        span = [tuple(one["span"])] if one["span"] else []
        name = labels.get(one["place_id"], ("", ""))[1]
        why = why_words(Why(one["why"]), layer)
        rows.append((layer, one["place_id"], name, stretch_words(span), None, kind, why))
    for one in wishes:
        layer_word, name = labels.get(one["place_id"], (Layer.RIVER.value, ""))
        layer, person = Layer(layer_word), people[uuid.UUID(one["person_id"])]
        why = why_words(Why(one["why"]), layer)
        rows.append((layer, one["place_id"], name, "", person, "意愿没有满足", why))
    return Listing("unmet", f"方案 {proposal_id} 没有满足的", UNMET, rows)


_KINDS = (("unmet", "仍然空着"), ("short", "人数不足"))


def stretch_words(spans: Sequence[Any]) -> str:
    """Return stretches (dm) in metres; empty for the whole place.

    >>> stretch_words([(0, 12_340)]), stretch_words([])
    ('0-1234', '')
    """
    return "、".join(f"{a / 10:g}-{b / 10:g}" for a, b in spans)


def _metres(layer: Layer, spans: list[tuple[int, int]], length_dm: int | None) -> int | None:
    if not layer.is_line or length_dm is None:
        return None
    return round(sum(b - a for a, b in spans or [(0, length_dm)]) / 10)
