"""巡查记录表 (domain.md 7.1): a table of outings recorded on paper, decided row by row."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from geo_service.accounts.narrow import CHANGE, companions_in, people_in
from geo_service.accounts.scope import Scope
from geo_service.imports import ImportReport, Outcome, ReportRow, RowsRefused
from geo_service.patrols import outings, paper, paper_queries
from geo_service.patrols.paper import Paper
from geo_service.patrols.paper_queries import Registered
from geo_service.patrols.paper_reading import Draft, Names, Reader
from geo_service.patrols.parties import county_of
from geo_service.people import service as people
from geo_service.people.imports import ImportOptions, record_import
from geo_service.people.lookup import People
from geo_service.tables import County
from layers import forms, sheets
from layers.sheets import Row, Sheet


def import_records(
    db: Session, scope: Scope, file: BinaryIO, name: str, options: ImportOptions
) -> ImportReport:
    """Register the outings of a table (XLSX, XLS or CSV). Raises BadFile, RowsRefused, Forbidden.

    Twice the same file changes nothing; a row that says something else of a registered outing is refused,
    one that is asked about and not answered is left out.
    """
    scope.demand(*CHANGE)
    county = county_of(db, scope)
    form = forms.OUTINGS
    sheet = sheets.read(
        file, name, form.fields, required=form.required, encoding=options.encoding, fill_down=form.fill_down
    )
    rows, added, _ = decide(db, scope, county, sheet.rows, options.answers)
    report = _report(name, sheet, rows, options)
    if added and not options.dry_run:
        paper.store(db, county, {draft.id: draft.paper for draft in added})
        record_import(db, scope, file, name, report, options.keep_in)
    return report


def decide(
    db: Session, scope: Scope, county: County, rows: Sequence[Row], answers: Mapping[str, str]
) -> tuple[list[ReportRow], list[Draft], list[Draft]]:
    """Return what becomes of each row, the outings that are to be stored, and those that are already.

    Until the end of the transaction nobody else registers any in the county.
    """
    outings.lock(db, county.id)
    left, drafts = _read(rows, Reader(county, _names(db, scope), answers))
    known = paper_queries.registered(db, county.id, {draft.paper.day for draft in drafts})
    decided, added = _decided(county, drafts, known)
    there = {one.id for one in known if not one.is_voided}
    return [*left, *decided], added, [draft for draft in drafts if draft.id in there]


def _names(db: Session, scope: Scope) -> Names:
    _, places, areas = people.nameable(db, scope)
    return Names(
        People(paper_queries.people(db, people_in(scope, *CHANGE))),
        People(paper_queries.people(db, companions_in(scope))),
        places,
        areas,
    )


def _read(rows: Sequence[Row], reader: Reader) -> tuple[list[ReportRow], list[Draft]]:
    left: list[ReportRow] = []
    drafts: list[Draft] = []
    for row in rows:
        found = reader.read(row)
        if isinstance(found, Draft):
            drafts.append(found)
        else:
            left += found
    return left, drafts


def _report(name: str, sheet: Sheet, rows: Sequence[ReportRow], options: ImportOptions) -> ImportReport:
    notes = [f"没有读取的列：{'、'.join(sheet.ignored[:20])}"] if sheet.ignored else []
    if "signature" in sheet.columns:
        notes.append("「签字」一列不登记，请留好原件。")
    remarks = {row.number: row.remarks for row in sheet.rows}
    report = ImportReport(
        "records",
        forms.OUTINGS.title,
        name,
        sorted((_with_remarks(row, remarks[row.rows[0]]) for row in rows), key=lambda row: row.rows[0]),
        coded=False,
        headers=sheet.headers,
        columns=sheet.columns,
        notes=[*notes, *sheet.notes],
        dry_run=options.dry_run,
    )
    if report.of(Outcome.REFUSED) and not options.dry_run and not options.skip_refused:
        raise RowsRefused(report)
    return report


def _with_remarks(row: ReportRow, remarks: Sequence[str]) -> ReportRow:
    return replace(row, detail="；".join((row.detail, *remarks))) if remarks else row


def _decided(
    county: County, drafts: Sequence[Draft], known: Sequence[Registered]
) -> tuple[list[ReportRow], list[Draft]]:
    """Return what becomes of the rows that can be read, and those that are to be stored."""
    zone = ZoneInfo(county.time_zone)
    by_id = {one.id: one for one in known}
    by_key = {(one.person_id, one.place_id, one.started_at) for one in known if not one.is_voided}
    of_key: dict[object, dict[uuid.UUID, int]] = defaultdict(dict)
    for draft in drafts:
        of_key[_key(draft, zone)].setdefault(draft.id, draft.row.number)
    rows, added = [], []
    for draft in drafts:
        key = _key(draft, zone)
        same = of_key[key]
        if draft.id in by_id:
            voided = "，后来作废了，不再登记" if by_id[draft.id].is_voided else ""
            outcome, detail = Outcome.SAME, f"以前登记过{voided}"
        elif len(same) > 1:
            numbers = "、".join(map(str, sorted(same.values())))
            outcome = Outcome.REFUSED
            detail = f"第 {numbers} 行是同一个人同一时间在同一处，内容却不一样，请合成一行"
        elif same[draft.id] != draft.row.number:
            outcome, detail = Outcome.SAME, f"与第 {same[draft.id]} 行相同，只登记一次"
        elif key in by_key:
            outcome = Outcome.REFUSED
            detail = "同一个人这一时间在同一处的巡查已登记，内容却不一样；如要更正，请先作废原来的"
        else:
            outcome, detail = Outcome.ADDED, _outline(draft.paper)
            added.append(draft)
        rows.append(ReportRow(outcome, [draft.row.number], draft.told, detail, cells=draft.row.cells))
    return rows, added


def _key(draft: Draft, zone: ZoneInfo) -> tuple[uuid.UUID, int | None, dt.datetime]:
    places = draft.paper.place_ids
    return draft.paper.person_id, places[0] if places else None, draft.paper.times(zone)[0]


def _outline(told: Paper) -> str:
    along = f"，同行 {len(told.companions)} 人" if told.companions else ""
    return f"{told.evidence.zh}，{len(told.place_ids)} 处{along}，待核"
