"""A workbook of an area that comes back: merged with what the register says by now, then planned and stored.

People first, then places, then duties: a duty may speak of people and places that the same workbook adds.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from sqlalchemy.orm import Session

from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.imports import ImportReport, Outcome, ReportRow, RowsRefused
from geo_service.people import imports, matching, roster, rota
from geo_service.people.lookup import Unclear, word_of
from geo_service.people.matching import Rights
from geo_service.places import reading as places
from geo_service.places import service as places_service
from geo_service.rosters import merging, placing, planning, reconciling, workbooks
from geo_service.rosters.merging import Cells, Merged, Table
from geo_service.rosters.options import RosterOptions
from geo_service.rosters.placing import PlaceChange
from geo_service.rosters.planning import Register
from geo_service.rosters.reconciling import Gone
from geo_service.rosters.records import PlaceSaid
from geo_service.rosters.storing import register_of, store_places
from geo_service.rosters.workbooks import DUTIES, PEOPLE, PLACES, Tab, Workbook
from layers import said
from layers.readers import fields
from layers.sheets import Row
from layers.sheets.headings import plain
from layers.vocabulary import Layer

_COLUMN = {column.title: column.name for column in (*places.COLUMNS, *places.ATTRIBUTES)}
_ATTRIBUTES = {column.name for column in places.ATTRIBUTES}


def import_workbook(
    db: Session, scope: Scope, file: BinaryIO, name: str, options: RosterOptions
) -> ImportReport:
    """Merge a workbook that came back. Raises BadFile, NotFound (its area), RowsRefused, Forbidden."""
    scope.demand(*CHANGE)
    book = workbooks.read(file, name)
    areas.area_id_of(db, scope, book.area)
    register = register_of(db, scope)
    now = {tab.name: workbooks.as_now(db, scope, tab, book.area, full=book.full) for tab in workbooks.TABS}
    # A dry run does everything and takes it back: duties look at the people and places stored before them.
    with db.begin_nested() as trial:
        rows = _Returned(db, scope, book, now, register, options).rows()
        report = ImportReport(
            "workbook",
            "辖区表",
            name,
            rows,
            coded=False,
            same=_same(book, rows),
            dry_run=options.dry_run,
            notes=_notes(rows),
        )
        refused = bool(report.of(Outcome.REFUSED)) and not options.skip_refused
        if options.dry_run or refused:
            trial.rollback()
    if refused and not options.dry_run:
        raise RowsRefused(report)
    if report.changes and not options.dry_run:
        imports.record_import(db, scope, file, name, report, options.keep_in)
    return report


def _same(book: Workbook, rows: Sequence[ReportRow]) -> int:
    """Return how many rows of the sheets nothing is told of."""
    told = {number for row in rows for number in row.rows}
    return sum(number not in told for table in book.sheets.values() for number in table.numbers.values())


def _notes(rows: Sequence[ReportRow]) -> list[str]:
    return [] if rows else ["表和登记的一样，没有要改的。"]


class _Returned:
    """A workbook on its way into the register."""

    def __init__(
        self,
        db: Session,
        scope: Scope,
        book: Workbook,
        now: Mapping[str, Table],
        register: Register,
        options: RosterOptions,
    ) -> None:
        self._db, self._scope, self._book, self._now = db, scope, book, now
        self._register, self._options = register, options
        last_day = options.last_day or register.today - dt.timedelta(days=1)
        self._ends = reconciling.Ends(options.answers, last_day)

    def rows(self) -> list[ReportRow]:
        """Carry it out, and return what becomes of every row that is not the same."""
        told = [*self._people(), *self._places(), *self._duties()]
        return [row for row in told if row.outcome is not Outcome.SAME or row.detail]

    def _merged(self, tab: Tab, told: list[ReportRow], subject: str) -> list[Merged]:
        """Return the rows that change, and tell of the others what there is to tell."""
        base, sheet = self._book.base[tab.name], self._book.sheets[tab.name]
        found = list(merging.merge(base, sheet, self._now[tab.name], self._options.answers))
        for one in found:
            if one.row is not None:
                told += _told(one, tab, one.row, base.rows[one.id].get(subject))
        strangers = [id_ for id_ in sheet.rows if id_ not in base.rows]
        told += [
            ReportRow(Outcome.REFUSED, [row], None, f"「{id_}」在上面已有一行，请合成一行")
            for row, id_ in sheet.doubled
        ]
        told += [
            ReportRow(
                Outcome.REFUSED,
                [sheet.numbers[id_]],
                None,
                f"「{id_}」不是下载时给的；新增的行请让第一列空着",
            )
            for id_ in strangers
        ]
        return [one for one in found if one.row is not None and one.taken and not one.lost]

    # --- people

    def _people(self) -> list[ReportRow]:
        told: list[ReportRow] = []
        changed = self._merged(PEOPLE, told, "姓名")
        sheet, now = self._book.sheets[PEOPLE.name], self._now[PEOPLE.name]
        rows = [
            _row(
                one.row, {"标识": one.id, "姓名": now.rows[one.id]["姓名"], **self._moved(one)}, roster.FIELDS
            )
            for one in changed
            if one.row is not None
        ]
        rows += [_row(number, cells, roster.FIELDS) for number, cells in sheet.added]
        plan = matching.plan(
            rows,
            self._register.people,
            self._register.areas,
            Rights(self._register.allowed),
            self._options.answers,
        )
        imports.store_people(self._db, self._scope.county_id, plan.added, plan.changed)
        return [*told, *plan.rows, *self._gone_people()]

    def _moved(self, one: Merged) -> dict[str, str]:
        """Return the cells taken; who moves to another village is told with its township."""
        taken = {title: text for title, text in one.taken.items() if title in PEOPLE.editable}
        place = {"镇街", "村（社区）"}
        if place.isdisjoint(taken):
            return taken
        row = self._book.sheets[PEOPLE.name].rows[one.id]
        return taken | {title: row[title] for title in place if row.get(title)}

    def _gone_people(self) -> list[ReportRow]:
        gone = Gone()
        by_id = {str(known.id): known for known in self._register.people}
        for id_ in self._ids_gone(PEOPLE):
            known = by_id[id_]
            duties = [
                duty
                for duty in self._register.duties
                if duty.person_id == known.id and duty.meets(self._register.today, None) and known.mine
            ]
            subject = planning.contact(known)
            if duties:
                text = f"表里删去了，登记着 {len(duties)} 项在任职责"
                self._end(subject, text, duties, gone, known.id)
            else:
                gone.rows.append(ReportRow(Outcome.GONE, [], subject, "表里删去了；登记的保留不动"))
        imports.store_duties(self._db, self._scope.county_id, [], gone.ended)
        return gone.rows

    def _ids_gone(self, tab: Tab) -> list[str]:
        now, sheet = self._now[tab.name], self._book.sheets[tab.name]
        return [id_ for id_ in self._book.base[tab.name].rows if id_ not in sheet.rows and id_ in now.rows]

    def _end(self, subject: str, text: str, duties: Sequence[Any], gone: Gone, about: object) -> None:
        reconciling.ask_to_end(subject, text, duties, gone, about, self._ends)

    # --- places

    def _places(self) -> list[ReportRow]:
        told: list[ReportRow] = []
        grounds = {str(ground.id): ground for ground in self._register.places if ground.mine}
        changes: dict[int, PlaceChange] = {}
        for one in self._merged(PLACES, told, "名称"):
            if one.row is None:
                continue
            ground = grounds.get(one.id)
            try:
                if ground is None:
                    raise Unclear("不在您管理的辖区内")
                changes[ground.id] = _place_change(ground.attributes, one.taken)
            except ValueError as reason:
                told.append(ReportRow(Outcome.REFUSED, [one.row], None, _reason(reason)))
                continue
            detail = "；".join(changes[ground.id].told)
            told.append(ReportRow(Outcome.CHANGED, [one.row], ground.label, detail))
        places_service.change_listed(self._db, {id_: change.values for id_, change in changes.items()})
        told += self._new_places()
        told += [
            ReportRow(Outcome.GONE, [], grounds[id_].label, "表里删去了；登记的保留不动")
            for id_ in self._ids_gone(PLACES)
            if id_ in grounds
        ]
        return told

    def _new_places(self) -> list[ReportRow]:
        told: list[ReportRow] = []
        wanted: list[tuple[int, PlaceSaid]] = []
        for number, cells in self._book.sheets[PLACES.name].added:
            try:
                wanted.append((number, self._place_said(cells)))
            except ValueError as reason:
                told.append(ReportRow(Outcome.REFUSED, [number], cells.get("名称"), _reason(reason)))
        register = self._register
        placed = placing.place(
            wanted, register.places, register.areas, register.allowed, self._options.answers
        )
        store_places(self._db, self._scope.county_id, placed.added, placed.changed)
        added = {new.ground.id for new in placed.added}
        for k, (number, place) in enumerate(wanted):
            if k in placed.questions:
                question = placed.questions[k]
                told.append(ReportRow(Outcome.ASKED, [number], place.name, question.text, question))
            elif k in placed.refused:
                told.append(ReportRow(Outcome.REFUSED, [number], place.name, placed.refused[k]))
            elif placed.grounds[k].id in added:
                told.append(ReportRow(Outcome.ADDED, [number], place.name, "新增（未上图）"))
            else:
                told.append(ReportRow(Outcome.SAME, [number], place.name, "登记里已有"))
        return told

    def _place_said(self, cells: Cells) -> PlaceSaid:
        if not cells.get("图层"):
            raise Unclear("新增的对象要写图层（河道、道路、网格或小区）和名称")
        layer = word_of(Layer, cells["图层"])
        name, code = fields.name(cells.get("名称")), fields.text(cells.get("编码"))
        if not (name or code):
            raise Unclear("新增的对象要写名称")
        area_id = self._register.areas.find(cells.get("镇街") or None, cells.get("村居") or None)
        own = {title: text for title, text in cells.items() if text and _COLUMN.get(title) in _ATTRIBUTES}
        in_scheme = said.yes(cells.get("纳管", ""))
        attributes = _attributes(own)
        return PlaceSaid(layer, name, code, (area_id,) if area_id else (), attributes, in_scheme)

    # --- duties

    def _duties(self) -> list[ReportRow]:
        told: list[ReportRow] = []
        changed = self._merged(DUTIES, told, "人员")
        sheet, now = self._book.sheets[DUTIES.name], self._now[DUTIES.name]
        rows = [
            _row(one.row, {"职责号": one.id, **now.rows[one.id], **one.taken}, rota.FIELDS)
            for one in changed
            if one.row is not None and DUTIES.editable.issuperset(one.taken)
        ]
        rows += [_row(number, cells, rota.FIELDS) for number, cells in sheet.added]
        land = imports.land_of(self._db, self._scope)
        plan = rota.plan(rows, land, self._register.today, self._options.answers)
        imports.store_duties(self._db, self._scope.county_id, plan.added, plan.ended)
        return [*told, *plan.rows, *self._gone_duties()]

    def _gone_duties(self) -> list[ReportRow]:
        gone = Gone()
        by_id = {str(duty.duty_id): duty for duty in self._register.duties}
        places_of = {ground.id: ground for ground in self._register.places}
        for id_ in self._ids_gone(DUTIES):
            duty, ground = by_id[id_], places_of[by_id[id_].place_id]
            if not ground.mine:
                continue
            text = f"表里删去了：{duty.name}对{ground.label}的{duty.level.zh}{duty.kind.zh}职责"
            self._end(f"{duty.name} {ground.label}", text, [duty], gone, duty.duty_id)
        imports.store_duties(self._db, self._scope.county_id, [], gone.ended)
        return gone.rows


def _told(one: Merged, tab: Tab, row: int, subject: str | None) -> list[ReportRow]:
    """Return what there is to tell of a row beside the cells that are taken."""
    told = [ReportRow(Outcome.ASKED, [row], subject, q.text, q) for q in one.questions]
    if one.lost:
        told.append(ReportRow(Outcome.REFUSED, [row], subject, "登记里已经没有这一行，改动没有地方放"))
    fixed = [title for title in one.taken if title not in tab.editable]
    if fixed and tab is DUTIES:
        why = f"「{'、'.join(fixed)}」不能在原来的行里改；请给这一行写上结束日期，另起一行写新的职责"
        told.append(ReportRow(Outcome.REFUSED, [row], subject, why))
    elif fixed:
        told.append(ReportRow(Outcome.REFUSED, [row], subject, f"「{'、'.join(fixed)}」不能在这里改"))
    if one.kept:
        detail = f"登记里改过「{'、'.join(one.kept)}」，表里没有动，保留登记的"
        told.append(ReportRow(Outcome.REMARK, [row], subject, detail))
    if one.cleared:
        detail = f"「{'、'.join(one.cleared)}」在表里清空了；空着的格子不改动登记"
        told.append(ReportRow(Outcome.REMARK, [row], subject, detail))
    return told


def _row(number: int, cells: Cells, known: Mapping[str, Sequence[str]]) -> Row:
    """Return a row by the fields of a planner."""
    meaning = {plain(title): key for key, titles in known.items() for title in titles}
    values = {key: text for title, text in cells.items() if text and (key := meaning.get(plain(title)))}
    return Row(number, values)


def _place_change(attributes: Mapping[str, Any], taken: Cells) -> PlaceChange:
    """Return what the cells of a row change of a place. Raises ValueError."""
    fixed = [title for title in taken if title not in PLACES.editable]
    values: dict[str, Any] = {}
    if "名称" in taken:
        values["name"] = fields.name(taken["名称"])
    if "纳管" in taken:
        values["in_scheme"] = said.yes(taken["纳管"])
    new = _attributes({t: text for t, text in taken.items() if _COLUMN.get(t) in _ATTRIBUTES})
    if new:
        values["attributes"] = {**attributes, **new}
    told = [f"{title} → {text}" for title, text in taken.items() if title not in fixed]
    return PlaceChange(values, told)


def _attributes(cells: Cells) -> dict[str, Any]:
    named = {_COLUMN[title]: text for title, text in cells.items()}
    return {key: fields.clean(text, fields.Column(key, key)) for key, text in named.items()}


def _reason(error: ValueError) -> str:
    return str(getattr(error, "detail", error)).removesuffix("。")
