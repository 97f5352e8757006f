"""Whatever leaves as a file names people masked, unless all of it was asked for.

Every route and command that gives a file stands in `ROUTES` or `COMMANDS`; one that does not fails
`test_every_file_that_leaves_has_an_entry`. Found they are by what their code reaches: an attachment, or the
functions that write files.
"""

import datetime as dt
import dis
import html
import io
import json
import types
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import click
import matplotlib.text
import pytest
import typer
from fastapi import FastAPI, Response
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from geoalchemy2 import WKTElement
from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from geo_service import cli, listing
from geo_service.accounts import register
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor, Scope
from geo_service.cases import handling, reports
from geo_service.cases.handling import Wanted
from geo_service.cases.reports import Said
from geo_service.listing import As, Listing
from geo_service.planning.asked import Asked
from geo_service.plates import ids
from geo_service.settings import Settings
from geo_service.tables import (
    Audit,
    Duty,
    Norm,
    Patrol,
    Person,
    Plate,
    Proposal,
    ProposalLine,
    Service,
    ServicePerson,
)
from layers import masks
from layers.figures import Code
from layers.presets import preset
from layers.vocabulary import Channel, LineState, Move, Right, Role
from tests.geo_service import watertown
from tests.geo_service.test_plates import at
from tests.geo_service.watertown import DAY, Watertown

NAME, PHONE = "欧阳测试娘", "13912345678"
MASKED = masks.name(NAME)
EMERGENCY = "13700001111"
"""The phone of his daughter, which only a file in full tells."""
MAY = {"first": "2026-05-01", "last": "2026-05-31"}
DATES = ("--from", "2026-05-01", "--until", "2026-05-31")


@dataclass
class Scene:
    """The water town, in which the named person holds duties, walked, and served."""

    town: Watertown
    draft: int
    """A norm by which his patrol would not have counted."""
    report: int = 0
    """An issued report."""
    case: int = 0
    """A problem that he told of."""
    proposal: int = 0
    """That he take one more river."""
    plate: str = ids.new()
    """Of the river that he looks after."""


Ask = dict[str, Any]
"""A request: `path` with its names filled in, `params`, and `data` of a form."""


@dataclass(frozen=True)
class Leaving:
    """How a file is asked for, in each of its forms; or why it may name people (`excepted`)."""

    asks: Callable[[Scene, str], list[Ask]] | None = None
    names: bool = True
    """Whether it names people at all: masked, and in full only where that is asked for."""
    excepted: str = ""


def _files(*forms: str, **params: Any) -> Leaving:
    return Leaving(lambda _, path: [{"path": path, "params": {**params, "as": form}} for form in forms])


def _one(path: Callable[[Scene], dict[str, Any]], *, names: bool, **params: Any) -> Leaving:
    return Leaving(lambda at, route: [{"path": route.format(**path(at)), "params": params}], names)


def _printed(_: Scene, path: str) -> list[Ask]:
    return [
        {"path": path.format(paper="A4", form=form), "params": {}, "prints": True}
        for form in ("png", "atlas")
    ]


def _behind(_: Scene, path: str) -> list[Ask]:
    return [
        {"path": path.format(code=code.value), "params": {**MAY, "as": form}}
        for code in Code
        for form in ("csv", "xlsx")
    ]


def _plated(at: Scene) -> list[int]:
    """The places that he looks after."""
    return [at.town.rivers[0].id]


def _nothing(_: Scene) -> dict[str, Any]:
    return {}


SENT_BACK = Leaving(excepted="what somebody sent comes back to him with what became of it")
A_PROOF = Leaving(excepted="the very photo or PDF that somebody sent as a proof; a look at it is recorded")
LIST = ("csv", "xlsx")
DRAWN = (*LIST, "geojson", "gpkg")
MAPPED = (*DRAWN, "kml")

ROUTES: dict[tuple[str, str], Leaving] = {
    ("GET", "/api/places"): Leaving(
        lambda _, path: [{"path": path, "params": {"as": form}} for form in MAPPED], names=False
    ),
    ("POST", "/api/places/import"): SENT_BACK,
    ("GET", "/api/people"): _files(*LIST),
    ("GET", "/api/duties"): _files(*DRAWN),
    ("POST", "/api/people/import"): SENT_BACK,
    ("POST", "/api/duties/import"): SENT_BACK,
    ("POST", "/api/rosters/import"): SENT_BACK,
    ("POST", "/api/cards"): Leaving(
        lambda _, path: [{"path": path, "params": {"area": "329902100000", "whom": "again"}, "prints": True}],
        names=False,
    ),
    ("POST", "/cards/sheet"): Leaving(
        lambda _, path: [
            {"path": path, "data": {"area": "329902100000", "whom": "again"}, "params": {}, "prints": True}
        ],
        names=False,
    ),
    ("POST", "/people/{person_id}/cards/sheet"): Leaving(
        lambda at, path: [{"path": path.format(person_id=at.town.person_id), "params": {}, "prints": True}],
        names=False,
    ),
    ("POST", "/api/plates/sheet"): Leaving(
        lambda at, path: [{"path": path, "params": {}, "json": {"place_ids": _plated(at)}, "prints": True}],
        names=False,
    ),
    ("POST", "/plates/sheet"): Leaving(
        lambda _, path: [
            {"path": path, "data": {"layer": "grid", "missing": "true"}, "params": {}, "prints": True}
        ],
        names=False,
    ),
    ("POST", "/places/{place_id}/plates/{plate_id}/{action}"): Leaving(
        lambda at, path: [
            {
                "path": path.format(place_id=_plated(at)[0], plate_id=at.plate, action="print"),
                "params": {},
                "prints": True,
            }
        ],
        names=False,
    ),
    ("GET", "/api/rosters/workbook"): _one(_nothing, names=True, area="329902100000"),
    ("GET", "/api/coverage"): _files(*DRAWN, **MAY),
    ("GET", "/api/gaps"): _files(*DRAWN, **MAY, kind="neglected"),
    ("GET", "/gaps/file"): _files(*MAPPED, **MAY, kind="neglected"),
    ("GET", "/gaps/misfits/file"): _files(*MAPPED),
    ("GET", "/api/duties/misfits"): _files(*LIST),
    ("GET", "/api/morning"): _files(*LIST),
    ("GET", "/api/proposals"): Leaving(
        lambda _, path: [{"path": path, "params": {"as": form}} for form in LIST], names=False
    ),
    ("GET", "/api/proposals/{proposal_id}"): Leaving(
        lambda at, path: [
            {"path": path.format(proposal_id=at.proposal), "params": {"as": form}} for form in LIST
        ]
    ),
    ("GET", "/audit/file"): Leaving(
        excepted="auditors read ids; only administrators, who look for who did what, read names"
    ),
    ("GET", "/rosters/all.zip"): _one(_nothing, names=True),
    ("GET", "/api/patrols/{patrol_id}/gpx"): _one(lambda at: {"patrol_id": at.town.patrol_id}, names=False),
    ("GET", "/api/patrols/{patrol_id}/photos/{photo_id}"): A_PROOF,
    ("POST", "/api/patrols/records"): SENT_BACK,
    ("GET", "/api/services"): _files(*LIST),
    ("GET", "/api/services/{service_id}/files/{file_id}"): A_PROOF,
    ("POST", "/api/services/import"): SENT_BACK,
    ("GET", "/api/cases/ledger"): _files(*DRAWN),
    ("GET", "/api/cases/handover"): Leaving(
        lambda _, path: [{"path": path, "params": {"as": form}} for form in DRAWN], names=False
    ),
    ("GET", "/api/cases/tables"): Leaving(
        lambda _, path: [{"path": path, "params": {"as": form, "by": "place"}} for form in LIST], names=False
    ),
    ("GET", "/api/cases/repeat"): Leaving(
        lambda _, path: [{"path": path, "params": {"as": form}} for form in DRAWN], names=False
    ),
    ("GET", "/api/cases/{case_id}/photos/{photo_id}"): A_PROOF,
    ("GET", "/open311/v2/media/{photo_id}.jpg"): Leaving(
        excepted="a version without faces and number plates that a coordinator released to everybody"
    ),
    ("GET", "/cases/{case_id}/dispatch.pdf"): Leaving(
        lambda at, path: [{"path": path.format(case_id=at.case), "params": {}, "prints": True}], names=False
    ),
    ("GET", "/case-rules/categories"): Leaving(
        lambda _, path: [{"path": path, "params": {"as": form}} for form in LIST], names=False
    ),
    ("GET", "/map/cases/file"): _one(_nothing, names=False),
    ("GET", "/api/norms/{norm_id}/trial"): Leaving(
        lambda at, path: [
            {"path": path.format(norm_id=at.draft), "params": {**MAY, "as": form}} for form in LIST
        ]
    ),
    ("GET", "/api/due"): Leaving(
        lambda _, path: [
            {"path": path, "params": {**MAY, "as": form, "by": by}}
            for form in LIST
            for by in ("period", "subject", "township")
        ]
    ),
    ("GET", "/api/figures"): Leaving(
        lambda _, path: [{"path": path, "params": {**MAY, "as": form}} for form in LIST], names=False
    ),
    ("GET", "/api/figures/months"): Leaving(
        lambda _, path: [{"path": path, "params": {**MAY, "as": form}} for form in LIST], names=False
    ),
    ("GET", "/api/figures/{code}/rows"): Leaving(_behind),
    ("GET", "/api/figures/entries/{entry_id}/files/{file_id}"): A_PROOF,
    ("GET", "/api/figures/report"): _one(_nothing, names=False, **MAY),
    ("GET", "/api/figures/annex"): _one(_nothing, names=True, **MAY),
    ("GET", "/api/reports/{report_id}/docx"): _one(lambda at: {"report_id": at.report}, names=False),
    ("GET", "/api/reports/{report_id}/annex"): _one(lambda at: {"report_id": at.report}, names=True),
    ("GET", "/api/people/{person_id}/data.zip"): Leaving(excepted="what is stored of a person, for himself"),
    ("POST", "/import"): SENT_BACK,
    ("GET", "/map/coverage/file"): _one(_nothing, names=True, **MAY),
    ("GET", "/map/gaps/file"): _one(_nothing, names=True, **MAY),
    ("GET", "/map/coverage/print/{paper}/{form}"): Leaving(_printed, names=False),
    ("GET", "/map/gaps/print/{paper}/{form}"): Leaving(_printed, names=False),
}


@dataclass(frozen=True)
class Written:
    """The words of a command that writes a file, or why it may name people."""

    words: tuple[str, ...] = ()
    endings: tuple[str, ...] = ("csv", "xlsx", "json")
    names: bool = True
    into: str = "-o"
    excepted: str = ""
    prints: bool = False
    number: str = ""
    """The number of the scene that is its first argument."""
    county: bool = True
    asks: tuple[tuple[str, ...], ...] = field(default=((),))
    """Further words, one file for each."""


READ_BACK = Written(excepted="the rows of a file that somebody gave, with what became of them")
TAKES_FILES = Written(excepted="reads a file and prints a line")
WHOLE = Written(excepted="all of the data, sealed to a key that is kept elsewhere")

COMMANDS: dict[str, Written] = {
    "areas": READ_BACK,
    "import": READ_BACK,
    "roster": READ_BACK,
    "duties": READ_BACK,
    "patrol-records": READ_BACK,
    "service import": READ_BACK,
    "roster-sheet": Written(("--area", "329902100000"), ("xlsx",)),
    "people": Written(),
    "cards": Written(("--area", "329902100000"), ("pdf",), names=False, prints=True),
    "plates": Written(("--place", "R1"), ("pdf",), names=False, prints=True),
    "duty-list": Written(endings=("csv", "xlsx", "json", "geojson", "gpkg")),
    "figures": Written(DATES, ("csv", "xlsx"), asks=tuple(("--rows", code.value) for code in Code)),
    "report": Written(DATES, ("xlsx",), into="--annex"),
    "coverage": Written(DATES, ("csv", "xlsx", "json", "geojson", "gpkg")),
    "gaps": Written((*DATES, "--kind", "neglected"), ("csv", "xlsx", "json", "geojson", "gpkg")),
    "service list": Written(),
    "cases list": Written(names=False),
    "cases ledger": Written(endings=("csv", "xlsx", "json", "geojson", "gpkg")),
    "cases handover": Written(names=False),
    "cases tables": Written(names=False),
    "cases rates": Written(names=False),
    "cases repeat": Written(names=False),
    "figure-entry list": Written(names=False),
    "map coverage": Written(DATES, ("html",)),
    "map gaps": Written(DATES, ("html",)),
    "recompute list": Written(names=False),
    "recompute compare": Written(excepted="what a run changes on places; it names nobody"),
    "misfits": Written(),
    "morning": Written(),
    "plan list": Written(names=False),
    "plan propose": Written(("--area", "329902100000"), names=False),
    "plan show": Written(number="proposal"),
    "norm presets": Written(names=False, county=False),
    "norm list": Written(names=False),
    "norm try": Written(DATES, number="draft"),
    "norm due": Written(DATES),
    "user list": Written(names=False, county=False),
    "retention": Written(excepted="counts of what was deleted, by county"),
    "backup": WHOLE,
}
PRINTED = {
    "map coverage": Written(DATES, ("pdf",), names=False, prints=True),
    "map gaps": Written(DATES, ("pdf",), names=False, prints=True),
}
"""Of commands that write other files too."""


# --- what gives a file


def _reaches(function: Any, marks: frozenset[str]) -> bool:
    """Tell whether a function, or one of the service's own that it calls, names one of the marks."""
    pending, seen = [function], set()
    while pending:
        one = pending.pop()
        if one in seen or not isinstance(one, types.FunctionType):
            continue
        seen.add(one)
        names, called = _looked_into(one)
        if marks & names or any(name.startswith("attachment") for name in names):
            return True
        pending += called
    return False


@cache
def _looked_into(function: types.FunctionType) -> tuple[frozenset[str], tuple[types.FunctionType, ...]]:
    """Return the names and texts in a function's code, and the service's own functions that it names."""
    names: set[str] = set()
    called: list[types.FunctionType] = []
    pending = [function.__code__]
    while pending:
        code = pending.pop()
        pending += [const for const in code.co_consts if isinstance(const, types.CodeType)]
        names |= {*code.co_names, *(const for const in code.co_consts if isinstance(const, str))}
        called += _called(code, function.__globals__)
    return frozenset(names), tuple(called)


def _called(code: types.CodeType, names: dict[str, Any]) -> Iterator[types.FunctionType]:
    """Yield the service's functions that code names, also by their module."""
    module: types.ModuleType | None = None
    for step in dis.get_instructions(code):
        found = names.get(str(step.argval)) if step.opname == "LOAD_GLOBAL" else None
        if module is not None and step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            found = getattr(module, str(step.argval), None)
        module = found if isinstance(found, types.ModuleType) else None
        if isinstance(found, types.FunctionType) and found.__module__.startswith("geo_service"):
            yield found


def _commands(group: Any, *before: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, *before, name)
        else:
            yield " ".join((*before, name)), command


def test_every_file_that_leaves_has_an_entry(app: FastAPI) -> None:
    marks = frozenset({"FileResponse"})
    routes = {
        (method, str(context.path))
        for context in iter_route_contexts(app.routes)
        for method in context.methods or ()
        if _reaches(getattr(context.original_route, "endpoint", None), marks)
    }
    hint = "add an entry that asks for it in every form, or says why it may name people"
    assert routes == set(ROUTES), f"{routes ^ set(ROUTES)}: {hint}"
    marks = frozenset({"emit", "write_file", "write_bytes", "mkstemp", "copyfile"})
    commands = {
        name
        for name, command in _commands(typer.main.get_command(cli.app))
        if any({"-o", "--as"} & set(option.opts) for option in command.params)
        or _reaches(command.callback and getattr(command.callback, "__wrapped__", None), marks)
    }
    assert commands == set(COMMANDS), f"{commands ^ set(COMMANDS)}: {hint}"


def test_a_new_route_that_gives_a_file_is_noticed() -> None:
    def by_module(rows: Listing) -> Response:
        def later() -> Response:
            return listing.download(rows, As.CSV)

        return later()

    def by_header() -> Response:
        return Response("", headers={"Content-Disposition": f"attachment; filename={NAME}"})

    def page(rows: Listing) -> Response:
        return Response(str(listing.records(rows)))

    found = [_reaches(one, frozenset()) for one in (by_module, by_header, page)]
    assert found == [True, True, False]


# --- the files


def _case(db: Session, town: Watertown) -> int:
    """Let the named person tell of a problem, check it, and somebody with his name accept it."""
    person = Scope(town.county.id, Actor(os_user="t"), {Right.VOLUNTEER: None}, person_id=town.person_id)
    said = Said(dt.datetime.now(dt.UTC), "litter.bank", at(300, 5), words="岸边垃圾")
    taken = reports.take(db, person, uuid.uuid4(), said, channel=Channel.PHONE, person_id=town.person_id)
    staff = Scope(town.county.id, Actor(os_user=NAME), {Right.COORDINATOR: None})
    handling.move(db, staff, taken.case_id, Wanted(Move.ACCEPT))
    handling.move(db, staff, taken.case_id, Wanted(Move.SOLVE, "捡走了"))
    handling.move(db, person, taken.case_id, Wanted(Move.CHECK))
    return taken.case_id


def _proposal(db: Session, town: Watertown) -> int:
    """Propose the named person for a river."""
    row = Proposal(county_id=town.county.id, area_id=town.west.id, asked=Asked().to_json())
    db.add(row)
    db.flush()
    river = town.rivers[1]
    line = ProposalLine(
        county_id=row.county_id, proposal_id=row.id, place_id=river.id, place_version_id=river.version_id,
        person_id=town.person_id, role=Role.RIVER_STEWARD, state=LineState.PROPOSED,
    )  # fmt: skip
    db.add(line)
    db.flush()
    return row.id


@pytest.fixture
def ground(db: Session) -> Scene:
    town = watertown.build(db)
    county_id = town.county.id
    person = db.get_one(Person, town.person_id)
    person.name, person.phone = NAME, PHONE
    person.attributes = {"emergency": f"{NAME}的女儿", "emergency_phone": EMERGENCY, "health": "良好"}
    time_s = 1_777_600_000
    db.get_one(Patrol, town.patrol_id).track = WKTElement(
        f"MULTILINESTRINGM((120.1 32.9 {time_s}, 120.101 32.9 {time_s + 600}))", srid=4326
    )
    service = Service(
        county_id=county_id, id=uuid.uuid4(), kind="visit", day=DAY, hours=1.0, people=1, evidence="stated",
        place_id=town.rivers[0].id, sha256=b"s", verdict="counted",
    )  # fmt: skip
    rule = preset("evaluator-river").rule.to_json()
    norm = Norm(county_id=county_id, name="标准", rule=rule, in_force=Range(DAY.replace(month=1), None))
    draft = Norm(county_id=county_id, name="草稿", rule=rule)
    db.add_all([service, norm, draft])
    db.flush()
    db.add(ServicePerson(county_id=county_id, service_id=service.id, person_id=person.id))
    db.flush()
    scene = Scene(town, draft.id)
    scene.case = _case(db, town)
    scene.proposal = _proposal(db, town)
    for duty in db.scalars(select(Duty).where(Duty.person_id == person.id)):
        duty.lost = 3.0  # of a place whose geometry changed
    db.add(Plate(county_id=county_id, id=scene.plate, place_id=town.rivers[0].id))
    db.flush()
    return scene


@pytest.fixture
def clerk(db: Session, client: TestClient, ground: Scene) -> TestClient:
    """A coordinator of the whole county."""
    own = Ground(ground.town.county.id)
    by = Manager(Actor(os_user="tester"))
    account, _ = register.add(db, by, "clerk", Right.COORDINATOR, own, is_program=True)
    client.headers["Authorization"] = f"Bearer {register.token(db, by, account, 'files', days=None)}"
    return client


def _issue(clerk: TestClient, ground: Scene, path: str) -> None:
    """Issue a report if a path is about one."""
    if "{report_id}" in path:
        issued = clerk.post("/api/reports", json=MAY)
        assert issued.status_code == 201, issued.text
        ground.report = issued.json()["id"]


def _text(data: bytes) -> str:
    """Return all that a file says, also within an archive."""
    if not data.startswith(b"PK"):
        return html.unescape(data.decode("utf-8", "ignore"))  # XML may write characters as numbers
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return "\n".join(_text(archive.read(name)) for name in archive.namelist())


def _says(text: str, word: str) -> bool:
    return word in text or json.dumps(word)[1:-1] in text


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All texts that are drawn on prints, where they cannot be read any more."""
    texts: list[str] = []
    set_text = matplotlib.text.Text.set_text

    def heard(self: matplotlib.text.Text, text: object) -> None:
        texts.append(str(text))
        set_text(self, text)

    monkeypatch.setattr(matplotlib.text.Text, "set_text", heard)
    return texts


def _check(masked: list[str], full: list[str], *, names: bool) -> None:
    for text in masked:
        for word in (NAME, PHONE, EMERGENCY):
            assert not _says(text, word), f"{word} leaves in full"
    assert any(_says(text, MASKED or "") for text in masked) is names, "an entry that names him looks at him"
    if names:
        assert any(_says(text, NAME) for text in full)


@pytest.mark.parametrize(("method", "path"), [key for key, entry in ROUTES.items() if not entry.excepted])
def test_a_route_gives_names_masked(
    clerk: TestClient, ground: Scene, drawn: list[str], method: str, path: str
) -> None:
    entry = ROUTES[method, path]
    _issue(clerk, ground, path)

    def got(**more: Any) -> list[str]:
        texts = []
        for ask in entry.asks(ground, path) if entry.asks else []:
            params = {**ask["params"], **more}
            said = {"data": ask.get("data"), "json": ask.get("json")}
            answer = clerk.request(method, ask["path"], params=params, **said)
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-disposition"].startswith("attachment")
            texts.append("\n".join(drawn) if ask.get("prints") else _text(answer.content))
            assert texts[-1]
        return texts

    _check(got(), got(full=1) if entry.names else [], names=entry.names)


@pytest.mark.parametrize("path", [path for (_, path), entry in ROUTES.items() if entry.names and entry.asks])
def test_full_names_are_for_those_who_may_change_people(
    db: Session, client: TestClient, clerk: TestClient, ground: Scene, path: str
) -> None:
    _issue(clerk, ground, path)
    by, own = Manager(Actor(os_user="tester")), Ground(ground.town.county.id)
    account, _ = register.add(db, by, "plan", Right.PLANNER, own, is_program=True)
    asks = ROUTES["GET", path].asks
    ask = asks(ground, path)[0] if asks else {}
    assert clerk.get(ask["path"], params={**ask["params"], "full": 1}).status_code == 200
    assert db.scalars(select(Audit.detail["full"]).order_by(Audit.id.desc())).first() is True
    client.headers["Authorization"] = f"Bearer {register.token(db, by, account, 'files', days=None)}"
    assert client.get(ask["path"], params={**ask["params"], "full": 1}).status_code == 403


def test_pages_on_the_screen_of_a_coordinator_name_people_in_full(clerk: TestClient) -> None:
    for path in ("/map/coverage/picture", "/map/gaps/picture"):
        assert _says(clerk.get(path, params=MAY).text, NAME)


@pytest.fixture
def run(db: Session, ground: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run a command on the test's own transaction."""

    @contextmanager
    def connect(**_: bool) -> Iterator[tuple[Connection, Settings]]:
        yield db.connection(), Settings(data_dir=tmp_path)

    for info in iter_modules(cli.__path__):
        module = import_module(f"geo_service.cli.{info.name}")
        if info.name != "connect" and hasattr(module, "connect"):
            monkeypatch.setattr(module, "connect", connect)

    def run(*words: str) -> None:
        result = CliRunner().invoke(cli.app, list(words))
        assert result.exit_code == 0, (words, result.output, result.exception)

    return run


WRITTEN = [(name, entry) for name, entry in (*COMMANDS.items(), *PRINTED.items()) if not entry.excepted]


@pytest.mark.parametrize(("name", "entry"), WRITTEN)
def test_a_command_writes_names_masked(
    run: Callable[..., None], ground: Scene, drawn: list[str], tmp_path: Path, name: str, entry: Written
) -> None:
    county = ("--county", ground.town.county.code) if entry.county else ()
    number = (str(getattr(ground, entry.number)),) if entry.number else ()

    def written(*more: str) -> list[str]:
        texts = []
        for ending in entry.endings:
            for words in entry.asks:
                path = tmp_path / f"file.{ending}"
                said = (*name.split(), *number, *entry.words, *words, *more, *county, entry.into, str(path))
                run(*said)
                texts.append("\n".join(drawn) if entry.prints else _text(path.read_bytes()))
                assert texts[-1]
        return texts

    _check(written(), written("--full") if entry.names else [], names=entry.names)
