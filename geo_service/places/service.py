"""Places come in by files: read, compared with what is stored, and brought up to date in one transaction."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from sqlalchemy.orm import Session

from geo_service import audit, imports
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.areas.names import AreaNames
from geo_service.coverage import walkable
from geo_service.errors import Invalid
from geo_service.imports import ImportReport, Outcome, ReportRow, RowsRefused
from geo_service.patrols import again
from geo_service.places import banks, extent, lists, queries, versions
from geo_service.places.changes import change_of
from geo_service.places.matching import ID_PREFIX, StoredPlace, match
from geo_service.places.membership import Districts, main_area
from geo_service.places.prepared import Prepared, areas_of, listed_under, prepare
from geo_service.places.queries import NewPlace
from geo_service.places.report import told
from geo_service.tables import County
from layers import compounds, grids, readers, rivers, roads
from layers.drafts import Draft, DraftOptions, PlaceDraft, Question
from layers.errors import BadRow
from layers.features import Box, Features
from layers.vocabulary import Datum, Layer

_DRAFTS: Mapping[Layer, Callable[[Features, DraftOptions], Draft]] = {
    Layer.RIVER: rivers.places,
    Layer.ROAD: roads.places,
    Layer.GRID: grids.places,
    Layer.COMPOUND: compounds.places,
}

Say = Callable[[str], None]
"""Told what is being done, in Chinese."""


@dataclass(frozen=True)
class ImportOptions:
    """What the user says beside the file."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    """Standard name to column."""
    crs: str | None = None
    datum: Datum = Datum.WGS84
    encoding: str | None = None
    file_layer: str | None = None
    """Which layer of a file that has several."""
    scheme: Literal["all"] | frozenset[str] | None = None
    """Who is 纳管 where the file has no such column: all, or these names and codes."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """Question id to answer."""
    same_name_m: float = 200.0
    banks_from_m: float | None = None
    """Rivers at least as wide have their banks apart; None: as the file or the register says."""
    skip_refused: bool = False
    dry_run: bool = False
    keep_in: Path | None = None
    """Where the original is kept; None: it is not."""


@dataclass(frozen=True, eq=False)
class Ground:
    """A county with its tree, as imports need it."""

    county: County
    crs: str
    names: AreaNames
    districts: Districts


def import_layer(
    db: Session,
    scope: Scope,
    layer: Layer,
    path: Path,
    options: ImportOptions | None = None,
    *,
    name: str | None = None,
    say: Say = lambda _: None,
) -> ImportReport:
    """Bring a layer up to date from a file; with `dry_run` only say what would be.

    `name` is what messages call the file. Raises BadFile, UnknownCrs, OutsideCounty, and RowsRefused where
    rows cannot be taken and are not to be skipped: then nothing is changed.
    """
    options, name = options or ImportOptions(), name or path.name
    scope.demand_county(*CHANGE)
    say("读取文件")
    features = _read(layer, path, name, options, areas.box_of(db.get_one(County, scope.county_id)))
    # A dry run does everything and takes it back, so that it promises nothing else than what will come.
    with db.begin_nested() as trial:
        report = _bring_up_to_date(db, scope.county_id, layer, features, options, say)
        if options.dry_run:
            trial.rollback()
    if report.changes and not options.dry_run:
        _record(db, scope, layer, path, name, report, options.keep_in)
    return report


def _record(
    db: Session, scope: Scope, layer: Layer, path: Path, name: str, report: ImportReport, keep_in: Path | None
) -> None:
    counts = report.counts()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        imports.record(db, scope.county_id, layer.value, name, digest, counts, source=file, keep_in=keep_in)
    audit.record(
        db, scope.actor, "places.import", county_id=scope.county_id, layer=layer.value, counts=counts
    )


def add_places(db: Session, county: County, layer: Layer, drafts: Sequence[PlaceDraft]) -> list[int]:
    """Store new places, measured and laid on the areas, and return their ids in the order of `drafts`.

    Codes and names are made where there are none. Raises BadRow for the first that cannot be taken.
    """
    ground = ground_of(db, county)
    prepared, refused = prepare(layer, drafts, ground.crs, ground.names, ground.districts)
    if refused:
        raise refused[0]
    return [place.id for place in versions.add(db, county, layer, prepared, ground.districts)]


@dataclass(frozen=True)
class Listed:
    """A place that exists by name only, and the areas it is listed under, the first of them its own."""

    draft: PlaceDraft
    area_ids: Sequence[int]


def list_places(db: Session, county: County, layer: Layer, listed: Sequence[Listed]) -> list[NewPlace]:
    """Store places by name (未上图) and return them in order; needs no extent of the county.

    Codes are made where there are none, names of unnamed areas too.
    """
    districts = Districts.of(areas.areas_of(db, county.id, borders=False), county.crs or "")
    prepared = [Prepared(place.draft, None, {}, next(iter(place.area_ids), None)) for place in listed]
    return versions.add(db, county, layer, prepared, districts)


def change_listed(db: Session, changes: Mapping[int, Mapping[str, Any]]) -> None:
    """Give places new values of code, name, in_scheme, area_id or attributes, by id."""
    queries.update_places(db, changes)


def lay_on_areas(db: Session, county: County) -> int:
    """Find out anew in which areas all places lie, after borders changed; return how many there are."""
    if county.crs is None:
        return 0
    ground = ground_of(db, county)
    count = 0
    for layer in Layer:
        stored = queries.stored_places(db, county.id, layer, ground.crs, ground.districts)
        listed = [_listed(place, ground.names) for place in stored]
        found = areas_of(layer, [place.metres for place in stored], listed, ground.districts)
        drawn = [
            (place.version_id, membership)
            for place, membership in zip(stored, found, strict=True)
            if place.version_id is not None
        ]
        queries.delete_memberships(db, county.id, [version_id for version_id, _ in drawn])
        queries.insert_memberships(db, county.id, drawn)
        moved = {
            place.id: {"area_id": area_id}
            for place, own, areas_in in zip(stored, listed, found, strict=True)
            if place.version_id is not None
            and not own
            and (area_id := main_area(areas_in, ground.districts)) != place.area_id
        }
        queries.update_places(db, moved)
        count += len(stored)
    return count


def _listed(place: StoredPlace, names: AreaNames) -> list[int]:
    try:
        return listed_under(place.attributes, names)
    except Invalid:
        return []


def _read(layer: Layer, path: Path, name: str, options: ImportOptions, box: Box | None) -> Features:
    if lists.is_list(name):
        return lists.read(path, name, layer, mapping=options.mapping, encoding=options.encoding)
    return readers.read(
        path,
        layer,
        mapping=options.mapping,
        layer_name=options.file_layer,
        encoding=options.encoding,
        crs=options.crs,
        datum=options.datum,
        county=box,
        name=name,
    )


def ground_of(db: Session, county: County) -> Ground:
    """Return a county with its tree. Raises Invalid where its extent is not known."""
    if county.crs is None:
        raise Invalid(
            f"{county.name}还没有范围；请先用 areas 导入有边界的辖区，或用 areas --bounds 给出范围。"
        )
    tree = areas.areas_of(db, county.id)
    return Ground(county, county.crs, AreaNames.of(tree), Districts.of(tree, county.crs))


def _bring_up_to_date(
    db: Session, county_id: int, layer: Layer, features: Features, options: ImportOptions, say: Say
) -> ImportReport:
    county = queries.locked_county(db, county_id)
    asked = _settle_extent(db, county, features, options)
    ground = ground_of(db, county)
    say("归并成对象")
    draft = banks.chosen(_draft(layer, features, ground, options), options.banks_from_m)
    say("量长度、定辖区")
    prepared, refused = prepare(layer, draft.places, ground.crs, ground.names, ground.districts)
    prepared, doubled = _without_doubles(prepared)
    say("与已登记的对象比对")
    stored = queries.stored_places(db, county.id, layer, ground.crs, ground.districts)
    matching = match(stored, prepared, options.answers)
    settled = banks.settled(
        layer,
        [
            (place, None if at is None else stored[at])
            for place, at in zip(prepared, matching.stored, strict=True)
        ],
        ground.crs,
        ground.names,
        ground.districts,
    )
    rows = told(draft, [*asked, *matching.questions], [*refused, *doubled])
    report = ImportReport(
        layer.value,
        layer.zh,
        features.file,
        rows,
        left_out=draft.left_out,
        notes=[*draft.notes, *settled.notes],
        dry_run=options.dry_run,
    )
    if report.of(Outcome.REFUSED) and not (options.skip_refused or options.dry_run):
        raise RowsRefused(report)
    say("入库")
    return _store(db, ground, layer, report, settled.places, stored, matching.stored)


def _settle_extent(db: Session, county: County, features: Features, options: ImportOptions) -> list[Question]:
    """Take the box of the county's first file, if that is agreed to; a dry run tries it and asks."""
    if county.crs is not None:
        return []
    box = extent.box_of(features)
    if box is None:
        raise Invalid(f"{county.name}还没有范围，文件里也没有图形；请先用 areas --bounds 给出范围。")
    question = extent.question(box, county.name, options.answers)
    if question.answer is None and not options.dry_run:
        raise Invalid(f"{question.text}；对的话，请在 --answers 文件里给问题 {question.id} 答 yes 再导入。")
    areas.set_extent(db, county, box)
    return [question]


def _draft(layer: Layer, features: Features, ground: Ground, options: ImportOptions) -> Draft:
    drawn, listed = lists.split(features)
    draft_options = DraftOptions(
        same_name_m=options.same_name_m,
        scheme=options.scheme,
        answers={id_: a for id_, a in options.answers.items() if not _is_ours(id_)},
        crs=ground.crs,
    )
    draft = _DRAFTS[layer](drawn, draft_options)
    unmapped, refused, notes = lists.unmapped(listed, layer, draft_options)
    return replace(
        draft,
        places=[*draft.places, *unmapped],
        refused=[*draft.refused, *refused],
        notes=draft.notes if len(drawn) else [*features.notes, *notes],
    )


def _is_ours(question_id: str) -> bool:
    return question_id == extent.EXTENT or question_id.startswith(ID_PREFIX)


def _without_doubles(prepared: Sequence[Prepared]) -> tuple[list[Prepared], list[BadRow]]:
    """Refuse every place whose code another place of the file has."""
    counts: Counter[str | None] = Counter(place.draft.code for place in prepared)
    doubled = {code for code, count in counts.items() if code is not None and count > 1}
    refused = [
        BadRow(
            f"第 {'、'.join(map(str, place.draft.rows))} 行：编码 {place.draft.code} 在文件里有"
            f" {counts[place.draft.code]} 个不同的对象；请改正编码。",
            row=min(place.draft.rows, default=0),
        )
        for place in prepared
        if place.draft.code in doubled
    ]
    return [place for place in prepared if place.draft.code not in doubled], refused


def _store(
    db: Session,
    ground: Ground,
    layer: Layer,
    report: ImportReport,
    prepared: Sequence[Prepared],
    stored: Sequence[StoredPlace],
    matched: Sequence[int | None],
) -> ImportReport:
    """Change what differs, add what is new, tell what the file no longer has."""
    pairs = [(stored[at], draft) for draft, at in zip(prepared, matched, strict=True) if at is not None]
    rows, moved = _change(db, ground, pairs)
    same = len(pairs) - sum(row.outcome is Outcome.CHANGED for row in rows)
    new = [draft for draft, at in zip(prepared, matched, strict=True) if at is None]
    added = versions.add(db, ground.county, layer, new, ground.districts)
    for place in added:
        detail = "纳管" if place.prepared.draft.in_scheme else "只登记"
        detail += "" if place.prepared.shape else "，未上图"
        rows.append(ReportRow(Outcome.ADDED, place.prepared.draft.rows, place.name, detail, code=place.code))
    gone = set(range(len(stored))) - set(matched)
    rows += [
        ReportRow(Outcome.GONE, [], stored[at].name, "已登记，这个文件里没有；保留不动", code=stored[at].code)
        for at in sorted(gone)
    ]
    drawn = [place.id for place in added if place.prepared.shape is not None] + moved
    # The patrols first: they take the county's lock, for which nobody may wait who holds rows of grids.
    walked_again = _walked_again(db, ground.county, drawn, dry_run=report.dry_run)
    later = not report.dry_run and walkable.renew(db, ground.county, drawn)
    notes = [*report.notes, *(["网格的可走部分正在后台重新计算。"] if later else []), *walked_again]
    return replace(report, rows=[*report.rows, *rows], same=same, notes=notes)


def _walked_again(db: Session, county: County, place_ids: Sequence[int], *, dry_run: bool) -> list[str]:
    """Compute the patrols near places of another shape or width again (a dry run counts them); say so."""
    found = (again.count if dry_run else again.compute)(db, county, place_ids)
    if not found.patrols:
        return []
    when = "会按新的图形重算" if dry_run else "正在后台按新的图形重算" if found.later else "已按新的图形重算"
    return [f"附近的 {found.patrols} 次巡查{when}。"]


def _change(
    db: Session, ground: Ground, pairs: Sequence[tuple[StoredPlace, Prepared]]
) -> tuple[list[ReportRow], list[int]]:
    """Store what differs; return what to tell, and the ids of places of another shape or width."""
    changes = [(stored, draft, change_of(stored, draft, ground.districts)) for stored, draft in pairs]
    changes = [(stored, draft, change) for stored, draft, change in changes if change]
    queries.update_places(db, {stored.id: change.values for stored, _, change in changes})
    queries.update_origins(
        db,
        {
            stored.version_id: change.origins
            for stored, _, change in changes
            if change.origins is not None and stored.version_id is not None
        },
    )
    reshaped = [(stored, draft) for stored, draft, change in changes if change.shape is not None]
    lost = versions.reshape(db, ground.county, reshaped) if reshaped else {}
    rows = []
    for stored, draft, change in changes:
        code, name = change.values.get("code", stored.code), change.values.get("name", stored.name)
        told = "；".join(change.told)
        rows.append(ReportRow(Outcome.CHANGED, draft.draft.rows, name, told, code=code))
        rows += [
            ReportRow(Outcome.LOST, draft.draft.rows, name, detail, code=code)
            for detail in lost.get(stored.id, [])
        ]
    return rows, [stored.id for stored, _, change in changes if change.moves_reach]
