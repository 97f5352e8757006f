"""What the register has and a roster no longer names: told, and asked; nothing ends by itself.

A roster speaks for the townships that it names (none: all of the user's), for the places of its layer and for
the duties that it has columns for.
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from geo_service.imports import Outcome, ReportRow
from geo_service.people.charges import Ending
from geo_service.people.drafts import DutySpan, question_id
from geo_service.people.known import Known
from geo_service.people.lookup import Ground, answer_to, plain
from geo_service.rosters.planning import Register, RosterPlan, contact
from geo_service.rosters.records import Record
from layers.drafts import Question
from layers.vocabulary import DutyKind, Layer, Level, Role

END, KEEP = "end", "keep"
ALL = "gone"
"""The id under which one answer stands for every question of this kind."""


@dataclass(frozen=True)
class Claim:
    """What a roster is a full list of."""

    layer: Layer | None
    """Of this layer's places; None: of people."""
    offices: frozenset[tuple[DutyKind, Level]]
    """The duties that it has columns for."""
    townships: frozenset[int | None]
    """Of these townships; empty: of all."""


@dataclass
class Gone:
    """What is no longer named, and the duties that end where that was answered."""

    rows: list[ReportRow] = field(default_factory=list)
    ended: list[Ending] = field(default_factory=list)


def claim(
    records: Sequence[Record],
    layer: Layer | None,
    offices: Iterable[tuple[DutyKind, Level]],
    register: Register,
) -> Claim:
    """Return what some rows are a full list of."""
    said = [id_ for record in records if record.place for id_ in record.place.area_ids]
    said += [
        one.draft.area_id
        for record in records
        for one in record.people
        if not one.aside and one.draft.area_id
    ]
    townships = frozenset(register.areas.township(id_) for id_ in said)
    return Claim(layer, frozenset(offices), townships - {None})


def reconcile(
    plan: RosterPlan,
    records: Sequence[Record],
    claim: Claim,
    register: Register,
    answers: Mapping[str, str],
    last_day: dt.date,
) -> Gone:
    """Return what the register has and the rows do not name. Duties that are to end do so on `last_day`."""
    return _Reconciling(plan, records, claim, register, answers, last_day).gone()


class _Reconciling:
    def __init__(
        self,
        plan: RosterPlan,
        records: Sequence[Record],
        claim: Claim,
        register: Register,
        answers: Mapping[str, str],
        last_day: dt.date,
    ) -> None:
        self._plan, self._claim, self._register = plan, claim, register
        self._answers, self._last_day = answers, last_day
        self._people = {known.id: known for known in register.people}
        self._places = {ground.id: ground for ground in register.places}
        self._duties: dict[uuid.UUID, list[DutySpan]] = defaultdict(list)
        for duty in register.duties:
            if duty.meets(register.today, register.today):
                self._duties[duty.person_id].append(duty)
        # Of rows that are left out it is not known yet whom and what they mean.
        taken = {row.rows[0] for row in plan.rows if row.outcome not in (Outcome.REFUSED, Outcome.ASKED)}
        left = [record for record in records if record.row.number not in taken]
        self._open = {plain(one.draft.name) for record in left for one in record.people}
        self._open_places = {plain(record.place.name or "") for record in left if record.place}
        self._new_places: dict[uuid.UUID, list[str]] = defaultdict(list)
        grounds = {new.ground.id: new.ground for new in plan.places_added} | self._places
        for draft in plan.duties_added:
            self._new_places[draft.person_id].append(grounds[draft.place_id].label)

    def gone(self) -> Gone:
        """Return what is gone."""
        found = Gone()
        if self._claim.layer is None:
            for known in self._gone_people():
                self._tell_person(known, found)
            return found
        for duty, known, ground in self._gone_duties():
            self._tell_duty(duty, known, ground, found)
        found.rows += [
            ReportRow(Outcome.GONE, [], ground.label, "登记着，名册里没有；保留不动")
            for ground in self._gone_places()
        ]
        return found

    def _speaks_of(self, area_ids: Iterable[int]) -> bool:
        if not self._claim.townships:
            return True
        return not self._claim.townships.isdisjoint(map(self._register.areas.township, area_ids))

    def _gone_people(self) -> list[Known]:
        return [
            known
            for known in self._register.people
            if known.mine and known.id not in self._plan.met_people and plain(known.name) not in self._open
            if known.area_id is not None and self._speaks_of([known.area_id])
            if all(duty.kind is DutyKind.VOLUNTEER for duty in self._duties[known.id])
        ]

    def _gone_duties(self) -> list[tuple[DutySpan, Known, Ground]]:
        role = Role.of(self._claim.layer) if self._claim.layer else None
        return [
            (duty, known, ground)
            for known in self._register.people
            if plain(known.name) not in self._open
            for duty in self._duties[known.id]
            if duty.role is role and (duty.kind, duty.level) in self._claim.offices
            if duty.duty_id not in self._plan.met_duties
            if (ground := self._places.get(duty.place_id)) is not None and ground.mine
            if self._speaks_of(ground.area_ids) and plain(ground.name or "") not in self._open_places
        ]

    def _gone_places(self) -> list[Ground]:
        return [
            ground
            for ground in self._register.places
            if ground.layer is self._claim.layer and ground.mine and ground.in_scheme
            if ground.id not in self._plan.met_places and self._speaks_of(ground.area_ids)
            if plain(ground.name or "") not in self._open_places
        ]

    def _tell_person(self, known: Known, found: Gone) -> None:
        duties = self._duties[known.id]
        if not duties:
            found.rows.append(
                ReportRow(Outcome.GONE, [], contact(known), "登记着，名册里没有，也没有在任职责；保留不动")
            )
            return
        places = "、".join(self._label(duty) for duty in duties[:5])
        text = f"名册里没有了，登记着 {len(duties)} 项在任职责（{places}）"
        self._ask(contact(known), text, duties, found, known.id)

    def _tell_duty(self, duty: DutySpan, known: Known, ground: Ground, found: Gone) -> None:
        text = (
            f"名册里没有了：{ground.label}的{duty.level.zh}{duty.kind.zh}{known.name}（自 {duty.first_day}）"
        )
        if moved := self._new_places.get(known.id):
            text += f"；名册里{known.name}改在{'、'.join(moved[:3])}"
        self._ask(f"{contact(known)} {ground.label}", text, [duty], found, duty.duty_id)

    def _label(self, duty: DutySpan) -> str:
        ground = self._places.get(duty.place_id)
        return ground.label if ground else "别处"

    def _ask(self, subject: str, text: str, duties: Sequence[DutySpan], found: Gone, about: object) -> None:
        ask_to_end(subject, text, duties, found, about, Ends(self._answers, self._last_day))


@dataclass(frozen=True)
class Ends:
    """What was answered, and the last day of duties that end."""

    answers: Mapping[str, str]
    last_day: dt.date


def ask_to_end(
    subject: str, text: str, duties: Sequence[DutySpan], found: Gone, about: object, ends: Ends
) -> None:
    """Ask whether duties that are no longer named end on a day, or do what was answered.

    `about` is the id of what is asked about.
    """
    last_day = ends.last_day
    question = Question(
        question_id("roster", "gone", about),
        text,
        {END: f"结束职责，最后一天 {last_day}", KEEP: "保留，只是表里漏了"},
    )
    given = answer_to(question, ends.answers) or ends.answers.get(ALL)
    if given == END:
        begun = [duty for duty in duties if duty.first_day <= last_day]
        found.ended += [Ending(duty.duty_id, last_day) for duty in begun]
        late = "" if len(begun) == len(duties) else "；开始得更晚的没有动"
        detail = f"{text}；按答复结束，最后一天 {last_day}{late}"
        found.rows.append(ReportRow(Outcome.CHANGED if begun else Outcome.GONE, [], subject, detail))
    elif given == KEEP:
        question = replace(question, answer=KEEP)
        found.rows.append(ReportRow(Outcome.ANSWERED, [], subject, f"{text}；按答复保留", question))
    else:
        found.rows.append(ReportRow(Outcome.GONE, [], subject, text, question))
