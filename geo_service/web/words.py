"""Numbers as people read them on pages and maps."""

import datetime as dt


def length_words(metres: float) -> str:
    """Return a length: metres below one kilometre, else kilometres.

    >>> length_words(349.6), length_words(999.7), length_words(12_345)
    ('350 米', '1.0 公里', '12.3 公里')
    """
    return f"{metres:.0f} 米" if round(metres) < 1000 else f"{metres / 1000:,.1f} 公里"


def number_words(number: float) -> str:
    """Return a number without needless decimals, however large.

    >>> number_words(2.5), number_words(3.0), number_words(1_234_567), number_words(0.126)
    ('2.5', '3', '1234567', '0.13')
    """
    return f"{number:.2f}".rstrip("0").rstrip(".")


def area_words(square_metres: float) -> str:
    """Return an area: square metres below one hectare, hectares, from one square kilometre on these.

    >>> area_words(420), area_words(25_000), area_words(3_000_000)
    ('420 平方米', '2.5 公顷', '3.00 平方公里')
    """
    if square_metres < 10_000:
        return f"{square_metres:.0f} 平方米"
    if square_metres < 1_000_000:
        return f"{square_metres / 10_000:.1f} 公顷"
    return f"{square_metres / 1_000_000:,.2f} 平方公里"


def share_words(share: float | None) -> str:
    """Return a share of one in per cent; not all is never 100 %, not nothing never 0 %.

    >>> share_words(0.6249), share_words(0.99999), share_words(0.00001), share_words(1), share_words(None)
    ('62%', '>99%', '<1%', '100%', '—')
    """
    if share is None:
        return "—"
    if 0.995 <= share < 1:
        return ">99%"
    if 0 < share < 0.005:
        return "<1%"
    return f"{share * 100:.0f}%"


def covered_words(share: float | None, visited: bool | None = None, *, of_walkable: bool = False) -> str:
    """Return how much of a place was covered; a compound was visited or not, for towers reflect.

    >>> covered_words(0.62), covered_words(0.62, of_walkable=True), covered_words(None, False)
    ('62%', '可走部分的 62%', '没到过')
    """
    if visited is not None:
        return "到过" if visited else "没到过"
    return f"{'可走部分的 ' if of_walkable and share is not None else ''}{share_words(share)}"


def stay_words(seconds: float, entries: int) -> str:
    """Return how long someone was inside an area and how often he came; fixes know no seconds.

    >>> stay_words(1490, 2), stay_words(95, 1), stay_words(20, 1), stay_words(0, 0)
    ('约 25 分钟，进入 2 次', '约 2 分钟', '不到 1 分钟', '没有走进去')
    """
    if not seconds:
        return "没有走进去"
    lasted = f"约 {seconds / 60:.0f} 分钟" if seconds >= 60 else "不到 1 分钟"
    return f"{lasted}，进入 {entries} 次" if entries > 1 else lasted


def days_words(days: int | None) -> str:
    """Return how long ago something was.

    >>> days_words(0), days_words(12), days_words(None)
    ('今天', '12 天前', '时段内没有')
    """
    if days is None:
        return "时段内没有"
    return "今天" if days == 0 else f"{days} 天前"


def window_words(first: dt.date, last: dt.date) -> str:
    """Return a window, both ends included.

    >>> window_words(dt.date(2025, 4, 1), dt.date(2025, 6, 30))
    '2025-04-01 至 2025-06-30'
    """
    return f"{first.isoformat()} 至 {last.isoformat()}"
