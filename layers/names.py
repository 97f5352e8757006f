"""Names as people write them, and as they are compared."""

import unicodedata


def plain(words: str) -> str:
    """Return a text as names are compared: NFKC, without spaces, in small letters.

    >>> plain("１号 路Ａ")
    '1号路a'
    """
    return "".join(unicodedata.normalize("NFKC", words).split()).casefold()
