"""Proposals over HTTP: asked, listed, decided on, solved again, accepted; what people are ready for."""

import datetime as dt
import uuid
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from geo_service import cursors
from geo_service.accounts.dependencies import InFull, require
from geo_service.accounts.narrow import CHANGE, PLAN
from geo_service.accounts.scope import Scope
from geo_service.db import Db
from geo_service.listing import As, records
from geo_service.paging import export, page
from geo_service.planning import lists, numbers, ready, service
from geo_service.planning.asked import MOST_RELEASED, Asked, Numbers
from geo_service.planning.ready import MOST_WISHES, Ready
from layers.vocabulary import Layer, LineState, ProposalState

router = APIRouter(prefix="/api", tags=["planning"])

Id = Annotated[int, Path(ge=0, lt=2**31)]
PlaceId = Annotated[int, Path(ge=0, lt=2**63)]
Plans = Annotated[Scope, require(*PLAN)]
Changes = Annotated[Scope, require(*CHANGE)]
Form = Annotated[
    Literal["json", "csv", "xlsx"], Query(alias="as", description="json: a page of rows; else all as a file.")
]
BigId = Annotated[int, Field(ge=0, lt=2**63)]
Lines = Annotated[list[BigId], Field(min_length=1, max_length=5000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class NumbersIn(_Body):
    """How many people a place should have; in pairs: nobody goes alone."""

    least: Annotated[int, Field(ge=1, le=20)] = 1
    target: Annotated[int, Field(ge=1, le=20)] = 1
    most: Annotated[int, Field(ge=1, le=20)] = 1
    in_pairs: bool = False


class AskedIn(_Body):
    """What a proposal is asked for."""

    layers: Annotated[list[Layer], Field(min_length=1, max_length=4)] = list(Layer)
    numbers: Annotated[dict[Layer, NumbersIn], Field(description="Of layers that want others than one.")] = {}
    every_m: Annotated[float | None, Field(description="Cut lines into equal parts, no longer.")] = None
    at_bridges: Annotated[bool, Field(description="Cut rivers and roads where they cross.")] = False
    at_borders: Annotated[bool, Field(description="Cut lines where villages end.")] = False
    shortest_m: float = 100.0
    farthest_m: float = 5000.0
    most_places: int = 2
    most_m: int | None = None
    crossing: Annotated[bool, Field(description="Across townships of the area.")] = False
    area_worth_m: int = 1000
    released: Annotated[list[BigId], Field(max_length=MOST_RELEASED)] = []
    seconds: float = 10.0

    @property
    def asked(self) -> Asked:
        """The value. Raises Invalid."""
        said = self.model_dump()
        of_layers = {layer: Numbers(**one) for layer, one in said.pop("numbers").items()}
        layers, released = tuple(said.pop("layers")), tuple(said.pop("released"))
        return Asked(layers=layers, numbers=of_layers, released=released, **said)


class NewProposal(AskedIn):
    """An area with what is asked for it."""

    area: Annotated[str, Field(max_length=40, description="Code of a township, village or the county.")]


class Marking(_Body):
    """Which lines become what: fixed, refused, or proposed (left to the solver again)."""

    lines: Lines
    state: Literal["fixed", "refused", "proposed"]


class Acceptance(_Body):
    """From which day on which lines (none: all that are not refused) are duties."""

    first_day: dt.date
    lines: Lines | None = None


class NewId(_Body):
    """The id of what was stored."""

    id: int


class NewDuties(_Body):
    """The ids of new duties."""

    duties: list[int]


class ReadyIn(_Body):
    """What a person is ready for; null: what is usual."""

    is_open: bool = True
    most_places: Annotated[int | None, Field(ge=0, le=100)] = None
    most_m: Annotated[int | None, Field(ge=0, le=1_000_000)] = None
    farthest_m: Annotated[int | None, Field(ge=0, le=100_000)] = None
    layers: Annotated[list[Layer] | None, Field(max_length=4)] = None
    likes: Annotated[list[BigId], Field(max_length=MOST_WISHES, description="Ids of places.")] = []
    avoids: Annotated[list[BigId], Field(max_length=MOST_WISHES)] = []


@router.get("/proposals", summary="Proposals of my areas, the latest first")
def proposals(
    db: Db,
    scope: Plans,
    area: Annotated[
        str | None, Query(max_length=40, description="Code of an area, with all below it.")
    ] = None,
    form: Form = "json",
    limit: cursors.Limit = 100,
    cursor: cursors.Cursor = None,
) -> Response:
    """Return a page of proposals, or all as a file."""
    listing = lists.proposals(db, scope, area=area or None)
    return page(listing, limit, cursor, {}) if form == "json" else export(db, scope, listing, As(form))


@router.post("/proposals", status_code=201, summary="Ask who could take what nobody has")
def propose(db: Db, scope: Plans, new: NewProposal) -> NewId:
    """Solve an area's question within the seconds asked for, and store the answer."""
    asked = AskedIn(**new.model_dump(exclude={"area"})).asked
    return NewId(id=service.propose(db, scope, new.area, asked))


@router.get("/proposals/{proposal_id}", summary="One proposal: lines with reasons, what is not met and why")
def proposal(db: Db, scope: Plans, proposal_id: Id, form: Form = "json", full: InFull = False) -> Response:
    """Return a proposal; who may not see people sees candidates by number."""
    row = service.seen(db, scope, proposal_id)
    listing = lists.lines(db, scope, proposal_id)
    if form != "json":
        return export(db, scope, listing, As(form), full=full)
    counts = {key: value for key, value in row.result.items() if key not in _LISTED}
    told: dict[str, Any] = {
        "id": row.id, "state": ProposalState(row.state), "asked": row.asked, **counts,
        "lines": records(listing), "unmet": records(lists.unmet(db, scope, proposal_id)),
    }  # fmt: skip
    return JSONResponse(told, headers={"Cache-Control": "no-store"})


_LISTED = ("unmet", "short", "wishes", "over_limit")


@router.post("/proposals/{proposal_id}/solve", status_code=204, summary="Solve again what is not decided on")
def solve(db: Db, scope: Plans, proposal_id: Id, new: AskedIn | None = None) -> None:
    """Keep what is fixed, leave out what is refused, and look for the best rest; maybe asked otherwise."""
    service.solve_again(db, scope, proposal_id, None if new is None else new.asked)


@router.post("/proposals/{proposal_id}/mark", status_code=204, summary="Fix or refuse lines")
def mark(db: Db, scope: Plans, proposal_id: Id, marking: Marking) -> None:
    """Decide on lines; solving again heeds it."""
    service.mark(db, scope, proposal_id, marking.lines, LineState(marking.state))


@router.post("/proposals/{proposal_id}/accept", status_code=201, summary="Make duties of lines from a day on")
def accept(db: Db, scope: Changes, proposal_id: Id, acceptance: Acceptance) -> NewDuties:
    """Make duties; released duties whose place is taken over end the day before."""
    found = service.accept(db, scope, proposal_id, acceptance.first_day, acceptance.lines)
    return NewDuties(duties=found)


@router.post("/proposals/{proposal_id}/drop", status_code=204, summary="Give a proposal up")
def drop(db: Db, scope: Plans, proposal_id: Id) -> None:
    """Give a proposal up; what was accepted of it stays."""
    service.drop(db, scope, proposal_id)


@router.get("/places/{place_id}/numbers", summary="How many people a place should have")
def numbers_(db: Db, scope: Changes, place_id: PlaceId) -> NumbersIn | None:
    """Return the place's own numbers; null: as proposals ask of its layer."""
    found = numbers.get(db, scope, place_id)
    return None if found is None else NumbersIn(**asdict(found))


@router.put("/places/{place_id}/numbers", status_code=204, summary="Say how many people a place should have")
def put_numbers(db: Db, scope: Changes, place_id: PlaceId, said: NumbersIn | None) -> None:
    """Keep the place's own numbers, which come before those of its layer; null: none of its own."""
    numbers.put(db, scope, place_id, None if said is None else Numbers(**said.model_dump()))


@router.get("/people/{person_id}/readiness", summary="What a person is ready for")
def readiness(db: Db, scope: Changes, person_id: uuid.UUID) -> dict[str, Any]:
    """Return limits and wishes; the usual where nothing was said."""
    found = ready.get(db, scope, person_id)
    return {
        "is_open": found.is_open, "most_places": found.most_places, "most_m": found.most_m,
        "farthest_m": found.farthest_m, "layers": found.layers, "likes": found.likes,
        "avoids": found.avoids,
    }  # fmt: skip


@router.put("/people/{person_id}/readiness", status_code=204, summary="Say what a person is ready for")
def put_readiness(db: Db, scope: Changes, person_id: uuid.UUID, said: ReadyIn) -> None:
    """Keep limits and wishes; what was said before is replaced."""
    layers = None if said.layers is None else tuple(said.layers)
    ready.put(
        db, scope, person_id,
        Ready(
            said.is_open, said.most_places, said.most_m, said.farthest_m, layers, tuple(said.likes),
            tuple(said.avoids),
        ),
    )  # fmt: skip
