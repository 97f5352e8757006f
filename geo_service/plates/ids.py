"""The opaque ids of plates: nobody can guess one, and one can be read aloud over the telephone."""

import math
import secrets

ALPHABET = "34679ACDEFGHJKMNPQRTVWXY"
"""Without 0 O, 1 I L, 2 Z, 5 S, 8 B, U: what is taken for another on a weathered plate."""
LENGTH = 18
BITS = LENGTH * math.log2(len(ALPHABET))
MARK = 6
"""So many of its last characters tell a plate from the others of a county, for people."""


def new() -> str:
    """Return an id that was never given."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def read(text: str) -> str | None:
    """Return an id as it is stored, however it was typed; None: it is none.

    >>> read(" aaaaaa-CCCCCC 999999 "), read("O" * 18), read("")
    ('AAAAAACCCCCC999999', None, None)
    """
    plain = "".join(text.upper().split()).replace("-", "") if len(text) <= 2 * LENGTH else ""
    return plain if len(plain) == LENGTH and set(plain) <= set(ALPHABET) else None


def mark(plate_id: str) -> str:
    """Return what people call a plate by.

    >>> mark("AAAAAACCCCCC999999")
    '999999'
    """
    return plate_id[-MARK:]
