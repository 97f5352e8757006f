"""The menu of every page: the day's work in a row, the rest by what it is about, each for whom it opens."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from layers.vocabulary import Right

Opens = Callable[[Scope], bool]


def _holds(*rights: Right) -> Opens:
    return lambda scope: scope.holds(*rights)


def _in_county(*rights: Right) -> Opens:
    """Tell whether one of `rights` holds in the whole county."""
    return lambda scope: scope.holds(*rights) and scope.areas(*rights) is None


_COORDINATES = _holds(Right.COORDINATOR)
_WALKS = _holds(Right.COORDINATOR, Right.VOLUNTEER)
_SEES_PLACES = _holds(Right.COORDINATOR, Right.PLANNER, Right.VOLUNTEER)
_AUDITS = _in_county(Right.AUDITOR)


@dataclass(frozen=True)
class Entry:
    """A page of the menu: whom it opens for, and which other pages belong to it."""

    href: str
    words: str
    opens: Opens = lambda _: True
    below: tuple[str, ...] = ()
    """Beginnings of addresses beside those below its own."""

    def match(self, path: str) -> int:
        """Return how much of a path it accounts for; 0: the page belongs to another entry, or to none."""
        below = (f"{self.href}/", *self.below) if self.href != "/" else self.below
        return max((len(begin) for begin in below if f"{path}/".startswith(begin)), default=0)


def first_page(scope: Scope) -> str:
    """Return the page with which an account's day begins."""
    return next(href for href, opens in _FIRST if opens(scope))


_FIRST: tuple[tuple[str, Opens], ...] = (
    ("/morning", _holds(*CHANGE)),
    ("/gaps", _holds(Right.PLANNER)),
    ("/", lambda scope: Right.VOLUNTEER in scope.rights),
    ("/cases", lambda scope: Right.HANDLER in scope.rights),
    ("/audit", _AUDITS),
    ("/overview", lambda _: True),
)
DAILY = (
    Entry("/", "首页", lambda scope: first_page(scope) == "/"),
    Entry("/morning", "今天", _holds(*CHANGE), ("/live",)),
    Entry("/patrols", "巡查", _WALKS),
    Entry("/upload", "上传轨迹", _WALKS),
    Entry("/services", "服务", _WALKS),
    Entry("/map", "地图", _SEES_PLACES),
    Entry("/places", "对象", _SEES_PLACES),
    Entry("/people", "人员", _COORDINATES),
    Entry("/care", "需要关心", _COORDINATES),
    Entry("/cases", "案件", _holds(Right.COORDINATOR, Right.HANDLER), ("/map/cases",)),
    Entry("/figures", "数据", _holds(Right.COORDINATOR, Right.PLANNER), ("/reports/",)),
)
SELDOM: Mapping[str, tuple[Entry, ...]] = {
    "看图": (
        Entry("/overview", "总览", lambda scope: first_page(scope) in ("/morning", "/gaps")),
        Entry("/map/coverage", "覆盖图", _SEES_PLACES),
        Entry("/map/gaps", "空白图", _SEES_PLACES),
    ),
    "录入": (
        Entry("/import", "导入", _COORDINATES),
        Entry("/rosters", "镇街辖区表", _COORDINATES),
        Entry("/paper", "补录纸质记录", _COORDINATES),
    ),
    "打印": (
        Entry("/cards", "志愿者卡片", _COORDINATES),
        Entry("/plates", "公示牌", _COORDINATES),
        Entry("/consent-sheet", "同意书", _COORDINATES),
    ),
    "空白": (
        Entry("/gaps", "空白清单", _SEES_PLACES),
        Entry("/planning", "责任安排", _holds(Right.COORDINATOR, Right.PLANNER)),
    ),
    "核对": (
        Entry("/review", "待核的巡查", _COORDINATES),
        Entry("/due", "应巡与实巡", _WALKS),
        Entry("/norms", "标准", lambda scope: set(scope.rights) != {Right.HANDLER}),
    ),
    "管理": (
        Entry("/units", "责任单位", _COORDINATES),
        Entry("/case-rules", "案件规则", _COORDINATES),
        Entry("/channels", "消息推送", _in_county(Right.COORDINATOR)),
        Entry("/accounts", "账号", _holds(Right.ADMINISTRATOR)),
        Entry("/audit", "审计", _AUDITS),
        Entry("/retention", "按期限删除", _AUDITS),
        Entry("/me", "我的资料", lambda scope: scope.person_id is not None),
    ),
}


@dataclass(frozen=True)
class MenuItem:
    """A page of the menu; `here` is what `aria-current` says: "page" on it, "true" on a page below it."""

    href: str
    words: str
    here: str


@dataclass(frozen=True)
class Menu:
    """The pages that an account's grants open: those of the day's work, and groups of those behind 更多."""

    daily: list[MenuItem] = field(default_factory=list)
    seldom: dict[str, list[MenuItem]] = field(default_factory=dict)

    @property
    def within(self) -> str:
        """The words of the entry behind 更多 on whose page one is; nothing on any other."""
        return "".join(item.words for group in self.seldom.values() for item in group if item.here)


def menu_of(scope: Scope, path: str, link: Callable[[str], str]) -> Menu:
    """Return the menu of a scope on the page of a path; `link` makes the address of a page."""
    groups = {title: list(_items(entries, scope, path, link)) for title, entries in SELDOM.items()}
    daily = list(_items(DAILY, scope, path, link))
    return Menu(daily, {title: items for title, items in groups.items() if items})


def _items(
    entries: tuple[Entry, ...], scope: Scope, path: str, link: Callable[[str], str]
) -> Iterator[MenuItem]:
    own = max((*DAILY, *chain.from_iterable(SELDOM.values())), key=lambda entry: entry.match(path))
    for entry in entries:
        if entry.opens(scope):
            here = "page" if path == entry.href else "true" if entry is own and entry.match(path) else ""
            yield MenuItem(link(entry.href), entry.words, here)
