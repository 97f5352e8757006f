"""What OwnTracks says over HTTP: a JSON object of some type, of which only positions are of use here."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from geo_service.errors import Invalid
from geo_service.recorders.heard import Fix, Heard, known_accuracy, moment, number

MOST_OBJECTS = 1000
"""Of one sending, where an app hands over its queue at once."""
_BY_HAND = "u"
"""The trigger of a fix that somebody sent by a tap: on an iPhone in China this one is in GCJ-02."""


def heard(body: bytes, *, authorization: str | None, query: Mapping[str, str]) -> Heard:
    """Return what a sending says. An empty one, and what is no position, is nothing. Raises Invalid."""
    said = _read(body)
    key = _password(authorization) or _device(query, said)
    fixes = tuple(fix for one in said if (fix := _fix(one)) is not None)
    return Heard(key, fixes)


def _read(body: bytes) -> list[dict[str, Any]]:
    if not body.strip():
        return []
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Invalid("发送的内容不是 JSON；请检查软件的设置。", title="The body is no JSON.") from error
    objects = said if isinstance(said, list) else [said]
    if len(objects) > MOST_OBJECTS:
        raise Invalid(f"一次最多发送 {MOST_OBJECTS} 条。", title="Too many objects.")
    if not all(isinstance(one, dict) for one in objects):
        raise Invalid("发送的内容不完整；请检查软件的设置。", title="The body is no JSON object.")
    return objects


def is_encrypted(body: bytes) -> bool:
    """Tell whether a sending is closed with a key that only its owner knows."""
    return any(one.get("_type") == "encrypted" for one in _read(body))


def _fix(said: Mapping[str, Any]) -> Fix | None:
    """Return the fix of a location; of a region that was entered or left, of a state, of steps: none."""
    if said.get("_type") != "location":
        return None
    lat, lon = number(said.get("lat"), "lat"), number(said.get("lon"), "lon")
    if lat is None or lon is None:
        return None
    accuracy_m = known_accuracy(number(said.get("acc"), "acc"))
    return Fix(moment(said.get("tst"), "tst"), lon, lat, accuracy_m, said.get("t") == _BY_HAND)


def _password(authorization: str | None) -> str | None:
    """Return the password of HTTP Basic: it is the secret, whatever the user's name."""
    scheme, _, coded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        _, _, password = base64.b64decode(coded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return password[:200] or None


def _device(query: Mapping[str, str], said: list[dict[str, Any]]) -> str:
    """Return under which name a phone sends that knows no secret."""
    topics = [one["topic"] for one in said if isinstance(one.get("topic"), str)]
    name = "/".join(filter(None, (query.get("u"), query.get("d")))) or (topics[0] if topics else "")
    if not name and said:
        raise Invalid("没有写是哪台设备：请扫设置二维码，或填写用户名和密码。", title="No credentials.")
    return name[:200]
