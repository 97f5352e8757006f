"""What a walker is told of a patrol, in plain Chinese."""

import datetime as dt
from collections.abc import Sequence

from geo_service.coverage.service import CoveredLine, SeenArea
from layers.vocabulary import Evidence

_MOST = 8
"""Places that are called by name; more are counted."""


def sentence(
    started_at: dt.datetime,
    ended_at: dt.datetime,
    walked_m: float,
    covered: Sequence[CoveredLine],
    seen: Sequence[SeenArea],
    hint: str = "",
) -> str:
    """Return thanks, time and way, then the one `hint`, and what was covered; times in the county's zone.

    >>> sentence(dt.datetime(2026, 5, 1, 8), dt.datetime(2026, 5, 1, 9, 5), 3240, [], [])
    '谢谢您！5月1日 08:00—09:05，走了 3.2 公里。这次没有走到登记的河道、道路、网格或小区，走过的路已保存。'
    """
    same_day = started_at.date() == ended_at.date()
    until = f"{ended_at:%H:%M}" if same_day else clock(ended_at)
    begin = f"谢谢您！{clock(started_at)}—{until}，走了 {length(walked_m)}。{hint}"
    told = []
    counted = [line for line in covered if line.metres]
    if counted:
        told.append("走到了：" + listed([f"{called(line)} {length(line.metres)}" for line in counted]) + "。")
    grids = [f"{called(area)} {_share(area)}" for area in seen if area.share is not None]
    visited = [f"{called(area)} {stayed(area.dwell_s)}" for area in seen if area.share is None]
    if grids:
        told.append("看到了：" + listed(grids) + "。")
    if visited:
        told.append("到过：" + listed(visited) + "。")
    return begin + ("".join(told) or _nothing(covered))


def _nothing(covered: Sequence[CoveredLine]) -> str:
    """Return what is told of a walk of which nothing counts: it came to no place, or the notes say why."""
    if covered:
        return "这次沿线的路段还没有计入，原因见下面的说明；走过的路已保存。"
    return "这次没有走到登记的河道、道路、网格或小区，走过的路已保存。"


def of_open(started_at: dt.datetime, batches: int, missing: int | None) -> str:
    """Return what is told while a patrol is not all there.

    >>> of_open(dt.datetime(2026, 5, 1, 8), 3, None)
    '5月1日 08:00 开始的巡查正在接收：已收到 3 次发送，还没有收到“结束”。收齐后马上告诉您走到了哪里。'
    >>> of_open(dt.datetime(2026, 5, 1, 8), 3, 2)
    '5月1日 08:00 开始的巡查正在接收：已收到 3 次发送，还差 2 次。收齐后马上告诉您走到了哪里。'
    """
    lacks = "还没有收到“结束”" if missing is None else f"还差 {missing} 次"
    began = f"{clock(started_at)} 开始的巡查正在接收：已收到 {batches} 次发送，{lacks}。"
    return f"{began}收齐后马上告诉您走到了哪里。"


def of_paper(started_at: dt.datetime, evidence: Evidence = Evidence.PAPER) -> str:
    """Return what is told of an outing without a track.

    >>> of_paper(dt.datetime(2026, 5, 1, 8))
    '谢谢您！5月1日的巡查已按纸质记录登记。没有轨迹，不计算走到了哪里。'
    >>> of_paper(dt.datetime(2026, 5, 1, 8), Evidence.STATED)
    '谢谢您！5月1日的巡查已按口头告知登记。没有轨迹，不计算走到了哪里。'
    """
    day = f"{started_at.month}月{started_at.day}日"
    return f"谢谢您！{day}的巡查已按{evidence.zh}登记。没有轨迹，不计算走到了哪里。"


def of_check_ins(started_at: dt.datetime, place: str | None, times: int, hint: str = "") -> str:
    """Return what is told of an outing by check-in.

    >>> of_check_ins(dt.datetime(2026, 5, 1, 8), "车路河", 1)
    '谢谢您！5月1日 08:00 在车路河打卡，已登记。打卡没有轨迹，不计算走到了哪里。'
    >>> of_check_ins(dt.datetime(2026, 5, 1, 8), None, 3, "协调员会再看。")
    '谢谢您！5月1日 08:00 起打卡 3 次，已登记。协调员会再看。打卡没有轨迹，不计算走到了哪里。'
    """
    where = f"在{place}" if place else ""
    told = f"起{where}打卡 {times} 次" if times > 1 else f" {where}打卡" if where else " 打卡"
    return f"谢谢您！{clock(started_at)} {told.strip()}，已登记。{hint}打卡没有轨迹，不计算走到了哪里。"


def clock(moment: dt.datetime) -> str:
    """Return a moment as people say it.

    >>> clock(dt.datetime(2026, 5, 1, 8))
    '5月1日 08:00'
    """
    return f"{moment.month}月{moment.day}日 {moment:%H:%M}"


def length(metres: float) -> str:
    """Return a length as people say it.

    >>> length(3240), length(996), length(994), length(4)
    ('3.2 公里', '1.0 公里', '990 米', '4 米')
    """
    if round(metres, -1) >= 1000:
        return f"{metres / 1000:.1f} 公里"
    return f"{round(metres, -1 if metres >= 10 else None):.0f} 米"


def stayed(seconds: float) -> str:
    """Return a time inside a place as people say it; fixes do not know it to the second.

    >>> stayed(1490), stayed(95), stayed(20)
    ('约 25 分钟', '约 2 分钟', '不到 1 分钟')
    """
    return f"约 {seconds / 60:.0f} 分钟" if seconds >= 60 else "不到 1 分钟"


def _share(area: SeenArea) -> str:
    share = area.share or 0.0
    return f"{'可走部分的 ' if area.of_walkable else ''}{share:.0%}" if share >= 0.01 else "一小部分"


def called(place: CoveredLine | SeenArea) -> str:
    """Return what a place is called."""
    return place.name or f"无名{place.layer.zh}"


def listed(words: Sequence[str]) -> str:
    """Return words one after the other; many are counted."""
    more = f"等 {len(words)} 处" if len(words) > _MOST else ""
    return "、".join(words[:_MOST]) + more
