"""Positions as requests say them: lon and lat in a datum, or none."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from layers.vocabulary import Datum


class Positioned(BaseModel):
    """Something with a position, or without. What else a request says is refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    lon: Annotated[float | None, Field(ge=-180, le=180)] = None
    lat: Annotated[float | None, Field(ge=-90, le=90)] = None
    datum: Annotated[Datum, Field(description="The datum of lon and lat.")] = Datum.WGS84

    @model_validator(mode="after")
    def _whole(self) -> "Positioned":
        if (self.lon is None) is not (self.lat is None):
            raise ValueError("lon and lat go together")
        return self

    @property
    def position(self) -> tuple[float, float] | None:
        """Lon and lat in degrees, in the datum."""
        return None if self.lon is None or self.lat is None else (self.lon, self.lat)
