"""What a cell says, as offices write it: days, months of birth, lengths, stretches, yes and no.

Every function reads one text. ValueError gives the reason in plain Chinese and says what to write.
"""

import datetime as dt
import re
import unicodedata
from dataclasses import dataclass


def day(text: str) -> dt.date:
    """Read a date as offices write it; raise ValueError with the reason in plain Chinese.

    >>> [str(day(text)) for text in ("2024-03-01", "2024/3/1", "2024年3月1日", "20240301")]
    ['2024-03-01', '2024-03-01', '2024-03-01', '2024-03-01']
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    found = re.fullmatch(r"(\d{4})(?:[-/.年])(\d{1,2})(?:[-/.月])(\d{1,2})日?(?: 00:00(?::00)?)?", plain)
    found = found or re.fullmatch(r"(\d{4})(\d{2})(\d{2})", plain)
    try:
        if found and 1900 <= int(found[1]) <= 2199:
            return dt.date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        pass
    raise ValueError(f"「{text[:20]}」不是日期，请写成 2024-03-01")


# --- days with times

_DATE = re.compile(r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}[日号]?|\d{8}(?!\d)")
_WEEKDAY = re.compile(r"[(,]?(星期|周)[一二三四五六日天]\)?")
_BETWEEN = re.compile(r"[-–—―─~至到→]+")
_CLOCK = re.compile(
    r"(?P<half>凌晨|清晨|早晨|早上|上午|中午|下午|傍晚|晚上)?(?P<hour>\d{1,2}(?!\d)|\d{2}(?=\d\d$))"
    r"(?P<mark>[:点时](?P<minute>半|\d{1,2})?(?::\d{2})?(分|整|钟)?|\.?(?P<digits>\d{2}))?"
)
_NO_DAY = (dt.date(1899, 12, 30), dt.date(1899, 12, 31), dt.date(1900, 1, 1), dt.date(1904, 1, 1))
"""What a cell that holds only a time of day counts from."""


def moment(text: str) -> tuple[dt.date | None, list[dt.time]]:
    """Read a cell that holds a day, a time, from when until when, or both; either may be missing.

    >>> moment("2024-05-01"), moment("8:30—10:00")[0]
    ((datetime.date(2024, 5, 1), []), None)
    >>> day, times = moment("2024年5月1日（星期三）上午8点半到10点")
    >>> str(day), [f"{time:%H:%M}" for time in times]
    ('2024-05-01', ['08:30', '10:00'])
    """
    plain = re.sub(r"\s", " ", unicodedata.normalize("NFKC", text)).strip()
    dated = _DATE.match(plain)
    if dated is None:
        return None, clocks(text)
    rest = _WEEKDAY.sub("", plain.replace(dated[0], "")).strip(" ,;T")
    found = dt.date(1899, 12, 31) if dated[0].startswith("1899") else day(dated[0].replace("号", "日"))
    times = [] if re.fullmatch(r"0?0:00(:00)?", rest) or not rest else clocks(rest)
    return (None if found in _NO_DAY else found), times


def clocks(text: str) -> list[dt.time]:
    """Read one time of day or two, as people write them; what is no time is never passed over.

    >>> [f"{time:%H:%M}" for time in clocks("8：00—9：30") + clocks("下午2点半至3点10分") + clocks("8-10时")]
    ['08:00', '09:30', '14:30', '15:10', '08:00', '10:00']
    """
    plain = re.sub(r"\s|大约|约|左右", "", unicodedata.normalize("NFKC", text))
    parts = [_CLOCK.fullmatch(part) for part in _BETWEEN.split(plain.rstrip("-–—―─~至到→"))]
    read = [part for part in parts if part]
    if len(read) < len(parts) or len(read) > 2 or not any(part["mark"] for part in read):
        raise ValueError(f"时间「{text[:20]}」看不懂，请写成 8:00-9:30，两个时段分成两行；不知道就空着")
    found, half = [], ""
    for part in read:
        half = part["half"] or half
        hour, minute = int(part["hour"]), part["minute"] or part["digits"] or "0"
        if half in ("下午", "傍晚", "晚上") or (half == "中午" and hour < 11):
            hour += 12 if hour < 12 else 0
        at = hour, 30 if minute == "半" else int(minute)
        if at[0] > 23 or at[1] > 59 or (half == "晚上" and hour == 12):
            raise ValueError(f"「{text[:20]}」里的钟点不存在，请写成 8:00-9:30")
        found.append(dt.time(*at))
    return found


def metres(text: str) -> float:
    """Read a number of metres, at least 0; raise ValueError with the reason in plain Chinese.

    >>> metres("1,250"), metres("80.5 米")
    (1250.0, 80.5)
    """
    plain = re.sub(r"(米|m)$", "", unicodedata.normalize("NFKC", text).strip().lower()).strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,6})?|\d{1,3}(,\d{3}){1,2}(\.\d{1,6})?", plain):
        return float(plain.replace(",", ""))
    raise ValueError(f"「{text[:20]}」不是米数，请只写数字，例如 1250")


def stretches(text: str) -> list[tuple[float, float]]:
    """Read several stretches in metres; raise ValueError with the reason in plain Chinese.

    >>> stretches("0-500;900-1200"), stretches("0至80.5,100到200")
    ([(0.0, 500.0), (900.0, 1200.0)], [(0.0, 80.5), (100.0, 200.0)])
    """
    found = []
    for part in re.split(r"[;,、\n]", unicodedata.normalize("NFKC", text)):
        if not part.strip():
            continue
        ends = re.split(r"[-–—~至到]+", part.strip())
        if len(ends) != 2:
            raise ValueError(f"「{part.strip()[:20]}」不是一段，请写成 0-500;900-1200")
        found.append((metres(ends[0]), metres(ends[1])))
    return found


# --- months of birth


@dataclass(frozen=True)
class Born:
    """A month of birth, as far as it was said; `doubt` tells in plain Chinese what is not certain."""

    year: int
    month: int | None = None
    doubt: str | None = None

    def __str__(self) -> str:
        return f"{self.year}-{self.month:02d}" if self.month else str(self.year)


def born(text: str, *, in_year: int | None = None) -> Born:
    """Read a month of birth; an age needs the year in which it was written down.

    >>> [str(born(text)) for text in ("1956.03", "1956年3月", "56.3", "195603", "1956-03-01", "1956.10")]
    ['1956-03', '1956-03', '1956-03', '1956-03', '1956-03', '1956-10']
    >>> str(born("68岁", in_year=2024)), born("1956.1").doubt
    ('1956', '写的是 1956.1，按 1 月读；如果是 10 月，请写成 1956.10')
    """
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).removesuffix("00:00:00").rstrip("生")
    aged = re.fullmatch(r"(\d{1,3})(周?岁)?", plain)
    if aged and (aged[2] or 16 <= int(aged[1]) <= 120):
        if in_year is None:
            raise ValueError(f"「{text[:20]}」是年龄，请改写出生年月，例如 1956-03")
        return Born(in_year - int(aged[1]), None, "按年龄推算，可能差一年")
    found = re.fullmatch(r"(\d{4}|\d{2})(?:[-/.年](\d{1,2}))(?:月)?(?:[-/.]?(\d{1,2})[日号]?)?", plain)
    found = found or re.fullmatch(r"(\d{4})(\d{2})(\d{2})?", plain) or re.fullmatch(r"(\d{4})年?()()", plain)
    if found:
        year = int(found[1]) + (1900 if len(found[1]) == 2 else 0)
        month = int(found[2]) if found[2] else None
        short = re.fullmatch(r"\d{4}\.1", plain) is not None
        sound = 1900 <= year <= 2199 and (month is None or 1 <= month <= 12)
        if sound and (len(found[1]) == 4 or year >= 1920) and 1 <= int(found[3] or 1) <= 31:
            doubt = f"写的是 {plain}，按 1 月读；如果是 10 月，请写成 {plain}0"
            return Born(year, month, doubt if short else None)
    raise ValueError(f"「{text[:20]}」不是出生年月，请写成 1956-03")


# --- lengths

_METRES = {"km": 1000.0, "公里": 1000.0, "千米": 1000.0, "m": 1.0, "米": 1.0, "里": 500.0, "华里": 500.0}


def length_m(text: str, unit: str = "") -> float:
    """Read a length in metres; `unit` is that of the heading, for a bare number.

    >>> length_m("12.5km"), length_m("12.5", "公里"), length_m("约1,250米"), length_m("3公里200米")
    (12500.0, 12500.0, 1250.0, 3200.0)
    """
    plain = re.sub(r"\s|^(约|大约|全长)", "", unicodedata.normalize("NFKC", text).lower().strip())
    total, end = 0.0, 0
    for part in re.finditer(
        r"(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,9}(?:\.\d+)?)(km|公里|千米|米|m|华里|里)?", plain
    ):
        scale = _METRES.get(part[2] or unit)
        if part.start() != end or (end and not part[2]):
            break
        if scale is None:
            raise ValueError(f"「{text[:20]}」没有写单位，请写成 12.5公里 或 800米，或在表头写明单位")
        total, end = total + float(part[1].replace(",", "")) * scale, part.end()
    if not plain or end != len(plain):
        raise ValueError(f"「{text[:20]}」不是长度，请写成 12.5公里 或 800米")
    return round(total, 3)


# --- yes and no, sex

_YES = frozenset(["是", "有", "√", "✓", "✔", "对", "已", "1", "y", "yes", "true", "已成立", "☑"])
_NO = frozenset(["否", "无", "没有", "×", "✗", "✘", "x", "未", "0", "n", "no", "false", "未成立", "☐", "/"])


def yes(text: str) -> bool | None:
    """Read 是, 有, √ and the like; None for blank.

    >>> yes("有"), yes("√"), yes("无"), yes("")
    (True, True, False, None)
    """
    plain = unicodedata.normalize("NFKC", text).strip().lower()
    if not plain:
        return None
    if plain in _YES or plain in _NO:
        return plain in _YES
    raise ValueError(f"「{text[:20]}」看不出是「是」还是「否」，请写「是」或「否」")


def gender(text: str) -> str | None:
    """Read 男 or 女; None for blank.

    >>> gender("男 性"), gender("F"), gender(" ")
    ('男', '女', None)
    """
    plain = re.sub(r"\s|性$", "", unicodedata.normalize("NFKC", text).lower()).removesuffix("性")
    if plain in ("", "-", "—", "/"):
        return None
    for word, spellings in (("男", ("男", "m", "male")), ("女", ("女", "f", "female"))):
        if plain in spellings:
            return word
    raise ValueError(f"「{text[:20]}」不是性别，请写「男」或「女」")
