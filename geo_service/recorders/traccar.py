"""What Traccar Client says, and every app that speaks as OsmAnd does: in the query, in a form, or in JSON.

Read off the server of Traccar and its app. What else is said (battery, speed, cells, networks in reach, a
token for messages) is nobody's business and not kept.
"""

import json
import math
from collections.abc import Iterable
from typing import Any

from geo_service.errors import Invalid
from geo_service.recorders.heard import Fix, Heard, known_accuracy, moment, number

_HELP = "sos"
_NO = frozenset({"false", "0", "no"})


def from_pairs(pairs: Iterable[tuple[str, str]]) -> Heard:
    """Return what a query or a form says: one fix, or none (it tells its state only). Raises Invalid."""
    said: dict[str, str] = {}
    for name, value in pairs:
        said.setdefault(name, value)  # of what may be repeated (cells, networks) nothing is read
    key = _key(said.get("id") or said.get("deviceid"))
    lat, lon = number(said.get("lat"), "lat"), number(said.get("lon"), "lon")
    if "location" in said:
        lat_text, comma, lon_text = said["location"].partition(",")
        if not comma:
            raise Invalid("location 要写成“纬度,经度”。", title="location is not lat,lon.")
        lat, lon = number(lat_text, "location"), number(lon_text, "location")
    fixes: tuple[Fix, ...] = ()
    if lat is not None and lon is not None and said.get("valid", "").lower() not in _NO:
        accuracy_m = known_accuracy(number(said.get("accuracy"), "accuracy"))
        fixes = (Fix(moment(said.get("timestamp"), "timestamp"), lon, lat, accuracy_m),)
    return Heard(key, fixes, said.get("alarm", "").lower() == _HELP)


def from_json(body: bytes) -> Heard:
    """Return what a JSON sending of the app from version 9 on says. Raises Invalid."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Invalid("发送的内容不是 JSON；请检查软件的版本。", title="The body is no JSON.") from error
    if not isinstance(said, dict):
        raise Invalid("发送的内容不完整；请检查软件的版本。", title="The body is no JSON object.")
    location = _object(said.get("location"))
    coords = _object(location.get("coords"))
    key = _key(said.get("device_id"))
    lat, lon = number(coords.get("latitude"), "latitude"), number(coords.get("longitude"), "longitude")
    fixes: tuple[Fix, ...] = ()
    # A made-up position (an app for testing puts the phone elsewhere) is not where anyone is.
    if lat is not None and lon is not None and location.get("mock") is not True:
        accuracy_m = known_accuracy(number(coords.get("accuracy"), "accuracy"))
        fixes = (Fix(moment(location.get("timestamp"), "timestamp"), lon, lat, accuracy_m),)
    return Heard(key, fixes, str(location.get("alarm", "")).lower() == _HELP)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _key(value: Any) -> str:
    """Return the device's id: text, or a number as some apps write it."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        value = str(int(value))
    if not isinstance(value, str) or not 0 < len(value) <= 200:
        raise Invalid("没有写是哪台设备：请扫设置二维码，或填写设备标识符。", title="id is missing.")
    return value
