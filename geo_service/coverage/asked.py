"""What the address of a map page asks for, by the names of the API; an empty field of a form is not given."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Query as FromAddress
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.clock import today_in
from geo_service.coverage import ground
from geo_service.coverage.ages import MOST_AGE, Order
from geo_service.coverage.ground import Query, Register
from layers.periods import days_up_to
from layers.vocabulary import DutyKind, GapKind, Layer, Level

SHORTEST_M = 20.0
"""The reach of a road: where a walk missed less than this, nobody goes back for it."""
WINDOW_DAYS = 365
"""Of a question that names no window: the year up to today."""


def _given(value: Any) -> Any:
    return None if value == "" else value


class Asked(BaseModel):
    """Layers, area, window, duties and kinds of gap; all may be left out."""

    model_config = ConfigDict(frozen=True, validate_by_name=True)

    layer: list[Layer] = []
    area: Annotated[Annotated[str, Field(max_length=40)] | None, BeforeValidator(_given)] = None
    """Code of a township or village."""
    first: Annotated[dt.date | None, BeforeValidator(_given)] = None
    last: Annotated[dt.date | None, BeforeValidator(_given)] = None
    duty: DutyKind = DutyKind.VOLUNTEER
    level: Annotated[Level | None, BeforeValidator(_given)] = None
    of: Annotated[Register, Field(alias="register")] = "scheme"
    kind: list[GapKind] = []
    shortest: Annotated[float, Field(ge=0, le=10_000)] = SHORTEST_M
    """Gaps of lines shorter than this, in metres, are summed, not listed."""

    def query(self, db: Session, scope: Scope) -> Query:
        """Return the question; without a window the year up to the county's today."""
        last = self.last or today_in(db, scope.county_id)
        first = self.first or days_up_to(last, WINDOW_DAYS).first
        return Query(
            first_day=first,
            last_day=last,
            layers=tuple(layer for layer in Layer if not self.layer or layer in self.layer),
            area_id=None if self.area is None else ground.area_id(db, scope, self.area),
            kind=self.duty,
            level=self.level,
            register=self.of,
            shortest_m=self.shortest,
        )

    @property
    def kinds(self) -> tuple[GapKind, ...]:
        """The kinds of gap; none named: all."""
        return tuple(kind for kind in GapKind if not self.kind or kind in self.kind)

    @property
    def pairs(self) -> dict[str, Any]:
        """What was given, for the address of another page or of the API."""
        return self.model_dump(mode="json", exclude_defaults=True, by_alias=True)


class AskedGaps(Asked):
    """Which gaps are listed, by their age too, and in which order."""

    age: Annotated[int, BeforeValidator(lambda value: value or 0), Field(ge=0, le=MOST_AGE)] = 0
    """Only those that have been gaps for so many days, or always."""
    sort: Order = Order.PLACE


FromTheAddress = Annotated[Asked, FromAddress()]
GapsFromTheAddress = Annotated[AskedGaps, FromAddress()]
