"""What is due under a norm, met, late, waived: one row for each person or place and period.

Pure: duties, outings and exemptions in, rows out. The rules, which pages and the README repeat:

- A period is judged whole: it belongs to the window in which it ends, so that windows side by side add up.
  One that is still running when the window ends is shown, and takes no part in the rates.
- How many outings are wanted in a period is its count, by the days on which something could be due: those in
  the norm's months and force on which the subject holds a duty. ``wanted = round(count * days / length)``,
  halves upwards. Days of leave or weather are taken off in the same way: ``due = round(count * (days -
  exempt) / length)``, and what they take off is waived. A month with slots wants one outing a slot.
- Somebody is exempt on a day of his own leave, and when the weather lies on every place he holds; a place,
  when the weather lies on it or everyone who holds it is on leave.
- Outings are tallied in the order of time, each once, for the earliest period that still wants one: its own,
  or one before it whose grace has not run out. Two tallied outings of one subject lie on different days (if
  the norm says so) and the stated hours apart, from beginning to beginning.
- Only counted outings are tallied. While one for review could still make up what is missing, nothing is late.
- A substitute's outing is tallied for whom he stands in on its day, on that person's places, and (where he
  holds such a duty himself) for his own.
"""

import datetime as dt
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from layers.norms import ALL_MONTHS, Mode, Per, Rule
from layers.periods import Days, period_of, periods
from layers.vocabulary import DutyKind, Level, Role, ServiceKind, Verdict, Word


class State(Word):
    """How it stands with what was wanted of somebody in a period."""

    WAIVED = "waived", "免"
    MET = "met", "已完成"
    DUE = "due", "待完成"
    LATE = "late", "未按期"


@dataclass(frozen=True)
class Holding:
    """A duty: who looks after which place as what, on which days."""

    person: Hashable
    place: Hashable
    role: Role
    kind: DutyKind
    level: Level
    days: Days
    areas: frozenset[Hashable] = frozenset()
    """In which the place lies, with all above them: for the weather."""


@dataclass(frozen=True)
class Outing:
    """A patrol or service: who, where, when (local time), what it is and what it is worth."""

    id: Hashable
    people: frozenset[Hashable]
    places: frozenset[Hashable]
    """Of a service that names none, empty: taken for its people, for no place."""
    began: dt.datetime
    mode: Mode
    verdict: Verdict = Verdict.COUNTED

    @property
    def day(self) -> dt.date:
        """The local day on which it began."""
        return self.began.date()


@dataclass(frozen=True)
class Leave:
    """Days on which nothing is due of a person."""

    person: Hashable
    days: Days


@dataclass(frozen=True)
class Weather:
    """Days on which nothing is due on the places of an area; None: in the whole county."""

    area: Hashable | None
    days: Days


@dataclass(frozen=True)
class StandIn:
    """Days on which somebody walks for a person: what is due stays, his outings meet it."""

    person: Hashable
    substitute: Hashable
    days: Days


Exemption = Leave | Weather | StandIn


@dataclass(frozen=True)
class Due:
    """What was wanted of one person, or of one place, in one period."""

    subject: Hashable
    period: Days
    wanted: int
    waived: int
    """Of what was wanted, taken off by leave and weather."""
    outings: tuple[Hashable, ...]
    """The ids of those that were tallied, in the order of time."""
    in_grace: int
    """How many of them came after the period's end."""
    pending: tuple[Hashable, ...]
    """The ids of those for review that could make up what is missing."""
    closed: bool
    """The period and its grace are over, and it belongs to the window: it takes part in the rates."""
    state: State

    @property
    def due(self) -> int:
        """How many outings are due: 应巡."""
        return self.wanted - self.waived

    @property
    def missing(self) -> int:
        """How many are missing."""
        return max(self.due - len(self.outings), 0)


@dataclass
class _Row:
    """A period of one subject while outings are tallied; `until`: the last day of its grace."""

    period: Days
    until: dt.date
    wanted: int
    due: int
    outings: list[Outing] = field(default_factory=list)
    pending: list[Outing] = field(default_factory=list)

    def has_room(self, rule: Rule, outing: Outing) -> bool:
        """Tell whether the period still wants an outing, and takes one more of this mode."""
        taken = [*self.outings, *self.pending]
        accepted = rule.takes(outing.mode)
        if accepted is None or len(taken) >= self.due:
            return False
        same = sum(1 for other in taken if other.mode is outing.mode)
        return accepted.at_most is None or same < accepted.at_most


def dues(
    rule: Rule,
    in_force: Days,
    holdings: Iterable[Holding],
    outings: Iterable[Outing],
    exemptions: Iterable[Exemption],
    window: Days,
    today: dt.date,
) -> list[Due]:
    """Return a row for each subject and each period in which something was wanted, by subject and period.

    `outings` hold those of `reach(rule, window)`; subjects come in the order of `holdings`. Periods that
    ended before the window belong to an earlier one; one that runs on past it or `today` is not closed.
    """
    held: dict[Hashable, list[Holding]] = defaultdict(list)
    for holding in holdings:
        if rule.asks(holding.role, holding.kind, holding.level):
            held[holding.person if rule.per is Per.PERSON else holding.place].append(holding)
    off = _Off.of(exemptions)
    by_person: dict[Hashable, list[Outing]] = defaultdict(list)
    for outing in sorted(outings, key=lambda outing: (outing.began, str(outing.id))):
        if outing.day in in_force and outing.day.month in rule.months:
            for person in outing.people:
                by_person[person].append(outing)
    span = Days(reach(rule, window).first, window.last)
    every = list(periods(span, rule.period, slots=rule.slots))
    span = Days(every[0].first, every[-1].last)
    wanted = lru_cache(lambda terms: _wanted(rule, in_force, terms, every))
    found: list[Due] = []
    for subject, own in held.items():
        counts = zip(every, wanted(_terms(own, off, span)), strict=True)
        rows = [_Row(period, _later(period.last, rule.grace_days), *pair) for period, pair in counts]
        _tally(rule, rows, _outings_for(rule, own, off, by_person))
        found += [_told(subject, row, window, today) for row in rows if row.wanted > 0]
    return [due for due in found if due.period.last >= window.first]


def reach(rule: Rule, window: Days) -> Days:
    """Return the days whose outings bear on a window.

    From the period before, as far back as its grace or the gap between outings reaches, to the end of the
    grace of the last.
    """
    lengths = list(periods(window, rule.period, slots=rule.slots))
    back = max(rule.grace_days, int(rule.min_gap_hours // 24) + 1)
    before = dt.date.fromordinal(max(lengths[0].first.toordinal() - back, 1))
    first = period_of(before, rule.period, slots=rule.slots).first
    return Days(first, _later(lengths[-1].last, rule.grace_days))


@dataclass(frozen=True)
class _Off:
    """Exemptions by whom they are for."""

    leave: Mapping[Hashable, Sequence[Days]]
    weather: Sequence[Weather]
    stand_ins: Mapping[Hashable, Sequence[StandIn]]

    @classmethod
    def of(cls, exemptions: Iterable[Exemption]) -> "_Off":
        leave, weather = defaultdict(list), []
        stand_ins = defaultdict(list)
        for exemption in exemptions:
            if isinstance(exemption, Leave):
                leave[exemption.person].append(exemption.days)
            elif isinstance(exemption, StandIn):
                stand_ins[exemption.person].append(exemption)
            else:
                weather.append(exemption)
        return cls(leave, weather, stand_ins)

    def spans(self, holding: Holding) -> list[Days]:
        """Return the days on which nothing is due of a holding."""
        struck = [w.days for w in self.weather if w.area is None or w.area in holding.areas]
        return [*self.leave.get(holding.person, ()), *struck]


Terms = tuple[tuple[Days, tuple[Days, ...]], ...]
"""On which days a subject holds something, each with the days on which nothing is due of it."""


def _terms(own: Sequence[Holding], off: _Off, span: Days) -> Terms:
    """Return the terms of a subject as far as they lie in a span: those of most people are the same."""
    held = [(holding.days & span, off.spans(holding)) for holding in own]
    return tuple((days, tuple(exempt)) for days, exempt in held if days is not None)


def _wanted(rule: Rule, in_force: Days, terms: Terms, every: Sequence[Days]) -> list[tuple[int, int]]:
    """Return for each period how many outings are wanted, and how many of them are due."""
    count = 1 if rule.slots else rule.count
    found = []
    for period in every:
        held: set[int] = set()
        available: set[int] = set()
        for days, exempt in terms:
            here = _ordinals(period, in_force, days)
            held |= here
            available |= here.difference(*(_ordinals(period, less) for less in exempt))
        pair = (_share(count, _in_months(ordinals, rule), len(period)) for ordinals in (held, available))
        found.append((next(pair), next(pair)))
    return found


def _ordinals(*days: Days) -> set[int]:
    first, last = max(d.first for d in days), min(d.last for d in days)
    return set(range(first.toordinal(), last.toordinal() + 1))


def _in_months(ordinals: set[int], rule: Rule) -> int:
    if len(rule.months) == len(ALL_MONTHS):
        return len(ordinals)
    return sum(1 for n in ordinals if dt.date.fromordinal(n).month in rule.months)


def _share(count: int, days: int, length: int) -> int:
    """Return the count by the share of days, rounded, halves upwards.

    >>> _share(1, 4, 7), _share(1, 3, 7), _share(2, 16, 31), _share(1, 15, 30)
    (1, 0, 1, 1)
    """
    return (2 * count * days + length) // (2 * length)


def _outings_for(
    rule: Rule, own: Sequence[Holding], off: _Off, by_person: Mapping[Hashable, Sequence[Outing]]
) -> list[Outing]:
    """Return the outings that could be tallied for a subject, each once, in the order of time."""
    found: dict[Hashable, Outing] = {}
    for holding in own:
        for outing in _by_holder(holding, off, by_person):
            if outing.day in holding.days and _is_there(rule, holding, outing):
                found[outing.id] = outing
    return sorted(found.values(), key=lambda outing: (outing.began, str(outing.id)))


def _by_holder(
    holding: Holding, off: _Off, by_person: Mapping[Hashable, Sequence[Outing]]
) -> Iterator[Outing]:
    yield from by_person.get(holding.person, ())
    for stand_in in off.stand_ins.get(holding.person, ()):
        for outing in by_person.get(stand_in.substitute, ()):
            if outing.day in stand_in.days:
                yield outing


def _is_there(rule: Rule, holding: Holding, outing: Outing) -> bool:
    """Tell whether an outing was at the place of a duty; a service without a place is its people's."""
    if not outing.places:
        return rule.per is Per.PERSON and isinstance(outing.mode, ServiceKind)
    return holding.place in outing.places


def _tally(rule: Rule, rows: Sequence[_Row], outings: Sequence[Outing]) -> None:
    last: Outing | None = None
    for outing in outings:
        if outing.verdict is Verdict.COUNTED and (last is None or _is_apart(rule, last, outing)):
            row = _open_row(rule, rows, outing)
            if row is not None:
                row.outings.append(outing)
                last = outing
    for outing in outings:
        if outing.verdict is Verdict.REVIEW:
            row = _open_row(rule, rows, outing)
            if row is not None:
                row.pending.append(outing)


def _open_row(rule: Rule, rows: Sequence[_Row], outing: Outing) -> _Row | None:
    """Return the earliest period that still wants an outing and is not over."""
    begin = bisect_left(rows, outing.day, key=lambda row: row.until)
    for row in rows[begin:]:
        if row.period.first > outing.day:
            return None
        if row.has_room(rule, outing):
            return row
    return None


def _is_apart(rule: Rule, last: Outing, outing: Outing) -> bool:
    if rule.one_a_day and last.day == outing.day:
        return False
    return (outing.began - last.began).total_seconds() >= rule.min_gap_hours * 3600


def _told(subject: Hashable, row: _Row, window: Days, today: dt.date) -> Due:
    is_over = row.until < today
    missing = max(row.due - len(row.outings), 0)
    if row.due == 0:
        state = State.WAIVED
    elif missing == 0:
        state = State.MET
    else:
        state = State.LATE if is_over and len(row.pending) < missing else State.DUE
    return Due(
        subject,
        row.period,
        row.wanted,
        row.wanted - row.due,
        tuple(outing.id for outing in row.outings),
        sum(1 for outing in row.outings if outing.day > row.period.last),
        tuple(outing.id for outing in row.pending),
        is_over and row.period.last <= window.last,
        state,
    )


def _later(day: dt.date, days: int) -> dt.date:
    return dt.date.fromordinal(min(day.toordinal() + days, dt.date.max.toordinal()))


# --- rates (domain.md 1.7)


@dataclass(frozen=True)
class Rates:
    """应巡, 实巡 and the rates; a rate over nothing is None."""

    due: int
    done: int

    @property
    def done_share(self) -> float | None:
        """巡查率 = min(实巡, 应巡) / 应巡, taken for each period, so that none makes up for another."""
        return self.done / self.due if self.due else None


def rates(found: Iterable[Due]) -> Rates:
    """Return the rates over the closed periods; what is done beyond what is due does not count."""
    closed = [due for due in found if due.closed]
    return Rates(sum(due.due for due in closed), sum(min(len(due.outings), due.due) for due in closed))


def counted_share(verdicts: Iterable[Verdict]) -> float | None:
    """Return 有效率 = counted / (counted + review + not counted); None over nothing.

    >>> counted_share([Verdict.COUNTED, Verdict.COUNTED, Verdict.REVIEW, Verdict.NOT_COUNTED])
    0.5
    """
    every = list(verdicts)
    return sum(1 for verdict in every if verdict is Verdict.COUNTED) / len(every) if every else None
