"""The search of the map: places by name, pinyin, initials or code, and people with the places they hold."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from pypinyin.pinyin_dict import pinyin_dict
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.web import map_queries
from geo_service.web.map_queries import FoundPlace
from layers.sounds import sounds_like

MOST = 20
"""Places that a search names; who wants others types more."""
_LATIN = re.compile(r"[a-zA-Z]")


@dataclass(frozen=True)
class Found:
    """A place that a search found; `by`: the person who holds it, where it was found by his name."""

    place: FoundPlace
    by: str | None = None


def find(db: Session, scope: Scope, words: str) -> list[Found]:
    """Return places of the scope: by code and name first, then by sound, then by who holds them."""
    typed = "".join(words.split())
    if not typed:
        return []
    found = {one.id: Found(one) for one in map_queries.places_called(db, scope, typed, MOST)}
    if len(found) < MOST and _LATIN.search(typed):
        names = map_queries.names(db, scope)
        ids = [id_ for id_, name in names if id_ not in found and sounds(typed, name)][: MOST - len(found)]
        found |= {one.id: Found(one) for one in map_queries.places(db, scope, ids)}
    if len(found) < MOST:
        people = _people(db, scope, typed)
        held = map_queries.held_by(db, scope, list(people), MOST)
        for place, person_id in held:
            found.setdefault(place.id, Found(place, people[person_id]))
    return list(found.values())[:MOST]


def _people(db: Session, scope: Scope, typed: str) -> dict[object, str]:
    """Return people of the scope by a part of their name or by its sound."""
    return {
        id_: name
        for id_, name in map_queries.people(db, scope)
        if typed in name or (_LATIN.search(typed) and sounds(typed, name))
    }


def sounds(typed: str, name: str) -> bool:
    """Tell whether letters spell a name.

    >>> [sounds(typed, "车路河") for typed in ("clh", "cheluhe", "luh", "x")]
    [True, True, True, False]
    """
    return sounds_like(typed, name, readings)


@lru_cache(maxsize=8192)
def readings(sign: str) -> Sequence[str]:
    """Return how a character is read, without tones, ü as v.

    >>> readings("绿"), readings("1")
    (('lv', 'lu'), ())
    """
    toned = pinyin_dict.get(ord(sign), "")
    return tuple(dict.fromkeys(_plain(one) for one in toned.split(",") if one))


def _plain(toned: str) -> str:
    letters = unicodedata.normalize("NFD", toned.replace("ü", "v"))
    plain = "".join(
        "v" if unicodedata.normalize("NFC", base + marks) in "ǖǘǚǜü" else base
        for base, marks in re.findall(r"([a-zê])([\u0300-\u036f]*)", letters)
    )
    return plain.replace("ê", "e")
