"""The SQL of the roll-up: what was covered of each place on each local day, and in each month.

A day's row is the union of what the patrols that cover had on it, a month's row the union of its days; what
would be empty has no row. What is new is added by union. After any other change the rows that it had a part
in are locked and made anew from what they are the union of.

Rows are locked lines before areas, days before months, and in the order of their keys, so that no two
transactions wait for each other in a ring. One that is not there yet is made first, and so is locked too:
what is made anew sees all that was before, and nothing comes in between.
"""

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import ColumnElement, TextClause, select, text, true
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from geo_service.bulk import among
from geo_service.counting import covered_spans, covering
from geo_service.coverage.queries import in_force
from geo_service.tables import CELLS_PER_BLOCK, CellCoverage, LineCoverage
from layers.vocabulary import Layer

LineKey = tuple[int, dt.date]
"""Version, day."""
CellKey = tuple[int, dt.date, int, int]
"""Version, day, block_x, block_y."""


@dataclass(frozen=True)
class PlaceDays:
    """Days of places that have a row in the roll-up, or may have one."""

    lines: frozenset[LineKey] = field(default_factory=frozenset)
    cells: frozenset[CellKey] = field(default_factory=frozenset)

    def __or__(self, other: "PlaceDays") -> "PlaceDays":
        return PlaceDays(self.lines | other.lines, self.cells | other.cells)

    @property
    def areas(self) -> set[int]:
        """The versions of areas among them."""
        return {version_id for version_id, *_ in self.cells}

    @property
    def is_empty(self) -> bool:
        """Whether there is no day at all."""
        return not (self.lines or self.cells)


def days_of(
    db: Session,
    county_id: int,
    patrol_ids: Collection[uuid.UUID],
    *,
    only_in_force: bool = False,
    layers: Collection[Layer] = (),
) -> PlaceDays:
    """Return the place-days that patrols have a part in.

    `only_in_force`: of versions that are in force; `layers`: and only of these, if any are named.
    """
    line = (LineCoverage.place_version_id, LineCoverage.day)
    cell = (CellCoverage.place_version_id, CellCoverage.day, CellCoverage.block_x, CellCoverage.block_y)
    lines, cells = (
        db.execute(
            select(*key)
            .where(table.county_id == county_id, among(table.patrol_id, patrol_ids))
            .where(in_force(table.place_version_id, layers) if only_in_force else true())
        ).all()
        for table, key in ((LineCoverage, line), (CellCoverage, cell))
    )
    return PlaceDays(frozenset(map(tuple, lines)), frozenset(map(tuple, cells)))


def add_patrols(db: Session, county_id: int, patrol_ids: Sequence[uuid.UUID]) -> None:
    """Join what patrols cover into their days and months, by union: it loses nothing that comes meanwhile."""
    for kind in _KINDS:
        _add(db, kind.add_patrols, {"county_id": county_id, "patrol_ids": list(patrol_ids)})


def add_version(db: Session, county_id: int, version_id: int) -> None:
    """Join all that was covered of a version into its days and months."""
    for kind in _KINDS:
        _add(db, kind.add_version, {"county_id": county_id, "version_id": version_id})


def _add(db: Session, statements: Sequence[TextClause], of: dict[str, Any]) -> None:
    """Add to days, then to months; what adds nothing to a day adds nothing to a month."""
    for statement in statements:
        if not cast(Any, db.execute(statement, of)).rowcount:
            break


def rebuild(db: Session, county_id: int, days: PlaceDays) -> None:
    """Make place-days and their months anew. Call it once the change is written, in its transaction."""
    for kind, keys in ((_LINES, days.lines), (_CELLS, days.cells)):
        if keys:
            of_days = _columns(county_id, keys)
            of_months = _columns(county_id, {(v, day.replace(day=1), *block) for v, day, *block in keys})
            db.execute(kind.lock_days, of_days)
            db.execute(kind.lock_months, of_months)
            db.execute(kind.renew_days, of_days)
            db.execute(kind.renew_months, of_months)


def _columns(county_id: int, keys: Iterable[tuple[Any, ...]]) -> dict[str, Any]:
    columns = zip(*sorted(keys), strict=True)
    names = ("versions", "days", "xs", "ys")
    return {"county_id": county_id} | {n: list(c) for n, c in zip(names, columns, strict=False)}


# --- the statements, for lines and for areas


def _sql(expression: ColumnElement[Any]) -> str:
    dialect: Any = postgresql.dialect
    return str(expression.compile(dialect=dialect(), compile_kwargs={"literal_binds": True}))


_COVERED = """(
    select {rows}.county_id, {rows}.place_version_id, {rows}.day, {rows}.patrol_id {of_rows},
           {part} as {value}
    from {rows} join patrol on patrol.id = {rows}.patrol_id
    where {covering}
)"""

_ADD = """
insert into {target} (county_id, place_version_id, {period} {blocks}, {value})
select county_id, place_version_id, date_trunc('{period}', day)::date as {period} {blocks}, {union}({value})
from {covered} covered
where county_id = :county_id and {which} and {value} <> {nothing}
group by county_id, place_version_id, date_trunc('{period}', day)::date {blocks}
order by place_version_id, {period} {blocks}
on conflict (place_version_id, {period} {blocks})
do update set {value} = {target}.{value} {joined} excluded.{value}
"""

_WANTED = "unnest({arrays}) as wanted (place_version_id, {period} {blocks})"

_LOCK = """
insert into {target} (county_id, place_version_id, {period} {blocks}, {value})
select :county_id, place_version_id, {period} {blocks}, {nothing} from {wanted}
order by place_version_id, {period} {blocks}
on conflict (place_version_id, {period} {blocks}) do update set {value} = {target}.{value} where false
"""

_RENEW = """
with made as (
    select wanted.*, (
        select {union}(below.{value}) from {below} below
        where below.place_version_id = wanted.place_version_id
          and below.day >= wanted.{period} and below.day < wanted.{period} + interval '1 {period}'
          {same_block}
    ) as {value}
    from {wanted}
),
emptied as (
    delete from {target} using made
    where {same_key} and coalesce(made.{value}, {nothing}) = {nothing}
)
update {target} set {value} = made.{value} from made where {same_key} and made.{value} <> {nothing}
"""


@dataclass(frozen=True, eq=False)
class _Kind:
    add_patrols: list[TextClause]
    add_version: list[TextClause]
    lock_days: TextClause
    lock_months: TextClause
    renew_days: TextClause
    renew_months: TextClause


def _kind(
    of: str, *, blocks: Sequence[str], value: str, part: str, nothing: str, union: str, joined: str
) -> _Kind:
    rows, day, month = f"{of}_coverage", f"{of}_day", f"{of}_month"
    arrays = ["bigint", "date", *("int" for _ in blocks)]
    names = [":versions", ":days", ":xs", ":ys"]
    own = {
        "rows": rows, "value": value, "part": part, "nothing": nothing, "union": union, "joined": joined,
        "covering": _sql(covering()),
        "blocks": "".join(f", {block}" for block in blocks),
        "of_rows": "".join(f", {rows}.{block}" for block in blocks),
        "same_block": "".join(f" and below.{block} = wanted.{block}" for block in blocks),
        "arrays": ", ".join(f"cast({n} as {t}[])" for n, t in zip(names, arrays, strict=False)),
    }  # fmt: skip
    covered = _COVERED.format_map(own)

    def statement(template: str, target: str, period: str, **more: str) -> TextClause:
        same_key = " and ".join(
            f"{target}.{column} = made.{column}" for column in ("place_version_id", period, *blocks)
        )
        words = own | {"target": target, "period": period, "same_key": same_key, "covered": covered} | more
        return text(template.format_map(words | {"wanted": _WANTED.format_map(words)}))

    periods = ((day, "day"), (month, "month"))
    by_patrols, by_version = "patrol_id = any(:patrol_ids)", "place_version_id = :version_id"
    return _Kind(
        add_patrols=[statement(_ADD, *period, which=by_patrols) for period in periods],
        add_version=[statement(_ADD, *period, which=by_version) for period in periods],
        lock_days=statement(_LOCK, day, "day"),
        lock_months=statement(_LOCK, month, "month"),
        renew_days=statement(_RENEW, day, "day", below=covered),
        renew_months=statement(_RENEW, month, "month", below=day),
    )


_LINES = _kind(
    "line", blocks=(), value="spans", part=_sql(covered_spans()), nothing="'{}'::int4multirange",
    union="range_agg", joined="+",
)  # fmt: skip
_CELLS = _kind(
    "cell", blocks=("block_x", "block_y"), value="seen", part="cell_coverage.seen",
    nothing=f"0::bit({CELLS_PER_BLOCK})", union="bit_or", joined="|",
)  # fmt: skip
_KINDS = (_LINES, _CELLS)
