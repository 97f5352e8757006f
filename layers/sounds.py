"""Names by their sound: a Chinese name is found by its pinyin, by its initials, or by a mixture of both.

Which readings a character has comes in from outside: a character that is read in several ways (车, 长, 行)
is found by each of them.
"""

from collections.abc import Callable, Sequence

Readings = Callable[[str], Sequence[str]]
"""Readings of one character in plain letters, none for what is no Chinese character."""


def sounds_like(typed: str, name: str, readings: Readings) -> bool:
    """Tell whether `typed` spells some characters of a name that follow each other, from one of them on.

    Each is spelled in full, by its initial, or as itself; the last one may be cut short.

    >>> table = {"车": ["che", "ju"], "路": ["lu"], "河": ["he"]}
    >>> told = lambda typed: sounds_like(typed, "车路河", lambda sign: table.get(sign, ()))
    >>> told("cheluhe"), told("clh"), told("luh"), told("julu"), told("chel"), told("hl"), told("che he")
    (True, True, True, True, True, False, False)
    """
    typed = typed.lower()
    spelled = [_spelled(sign, readings) for sign in name]
    return any(_from(typed, spelled[start:]) for start in range(len(spelled))) if typed else False


def _spelled(sign: str, readings: Readings) -> Sequence[str]:
    return [*readings(sign), sign.lower()]


def _from(typed: str, spelled: Sequence[Sequence[str]]) -> bool:
    """Tell whether the letters are used up along the characters; what is left of them is kept as a set."""
    left = {typed}
    for ways in spelled:
        if any(way.startswith(rest) for rest in left for way in ways):
            return True
        left = {
            rest[len(part) :]
            for rest in left
            for way in ways
            for part in {way, way[:1]}
            if part and rest.startswith(part)
        }
        if not left:
            return False
    return False
