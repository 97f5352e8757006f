"""The county's own time: its zone, and which day it is there."""

import datetime as dt
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from geo_service.tables import County


def today(county: County) -> dt.date:
    """Return the county's own day."""
    return dt.datetime.now(ZoneInfo(county.time_zone)).date()


def today_in(db: Session, county_id: int) -> dt.date:
    """Return the own day of a county by its id."""
    return today(db.get_one(County, county_id))


def zone_in(db: Session, county_id: int) -> ZoneInfo:
    """Return the time zone of a county by its id."""
    return ZoneInfo(db.get_one(County, county_id).time_zone)
