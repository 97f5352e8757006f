"""A person's name, number and telephone taken out of what others wrote."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

SOMEBODY = "某人"
_LEAST_NAME, _LEAST_NUMBER = 2, 4
"""Shorter ones stand in any text by chance."""
_MOST = 9999
"""No count of an outing is larger; what is larger may be a number of somebody."""


@dataclass(frozen=True)
class Redaction:
    """What is to be taken out, as a pattern that Python and PostgreSQL read alike; empty: nothing."""

    pattern: str
    in_json: str
    """The same for the text of a JSON value, where a quotation mark stands behind a backslash."""

    @classmethod
    def of(
        cls, *, names: Iterable[str] = (), phones: Iterable[str] = (), numbers: Iterable[str] = ()
    ) -> "Redaction":
        """Return what takes out these; of a telephone also the ways it is spaced.

        >>> out = Redaction.of(names=["王桂兰"], phones=["13812345678"], numbers=["A-0077", "7"])
        >>> out.taken_out("王桂兰（A-0077）电话 138 1234-5678，7 人，A-00771")
        '某人（某人）电话 某人，7 人，A-00771'
        """
        names = [name for name in names if len(name) >= _LEAST_NAME]
        others = [_alone("[ -]?".join(re.findall(r"\d", phone))) for phone in phones if phone]
        others += [_alone(re.escape(number)) for number in numbers if len(number) >= _LEAST_NUMBER]
        in_json = [json.dumps(name, ensure_ascii=False)[1:-1] for name in names]
        return cls("|".join([*map(re.escape, names), *others]), "|".join([*map(re.escape, in_json), *others]))

    def taken_out(self, value: Any) -> Any:
        """Return a text, or a JSON value, without them; everything else in it stays.

        >>> Redaction.of(names=["王桂兰"]).taken_out({"王桂兰": ["找王桂兰", 7, None]})
        {'某人': ['找某人', 7, None]}
        """
        if not self.pattern:
            return value
        if isinstance(value, str):
            return re.sub(self.pattern, SOMEBODY, value)
        if isinstance(value, list):
            return [self.taken_out(item) for item in value]
        if isinstance(value, dict):
            return {self.taken_out(key): self.taken_out(item) for key, item in value.items()}
        return value


def counts_only(value: Any) -> Any:
    """Return a JSON value with its yes and no and its counts, and nothing that may tell of a person or place.

    >>> counts_only({"said": "晴", "clean": True, "pieces": 3, "at": [119.83, 32.94], "phone": 13812345678})
    {'clean': True, 'pieces': 3, 'at': []}
    """
    if isinstance(value, dict):
        return {key: counts_only(item) for key, item in value.items() if _may_stay(item)}
    if isinstance(value, list):
        return [counts_only(item) for item in value if _may_stay(item)]
    return value


def _may_stay(value: Any) -> bool:
    """Whether it is yes or no, a count, or holds other values; a degree or a telephone number is neither."""
    return isinstance(value, bool | dict | list) or (isinstance(value, int) and abs(value) <= _MOST)


def _alone(pattern: str) -> str:
    return f"(?<![0-9A-Za-z]){pattern}(?![0-9A-Za-z])"
