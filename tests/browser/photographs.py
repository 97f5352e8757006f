"""Pictures of every page of the desk, for who looks at them against the list below.

    GEO_DATABASE_URL=... python -m tests.browser.photographs FOLDER [--only REGEX] [--of desk phone]

On a database with the demo county. Signs in as coordinator, administrator, planner and auditor, opens each
page of their menus and the first of everything that they list, and takes a picture of it: at 1366 by 768 in
light and dark, at 1920 by 1080, on a phone, and as it is printed, in grey. Says which page is wider than its
window, which told an error, and which has words that are cut off.

What is looked at:

1. The page says what it is for, and its first thing to do is seen without scrolling at 1366 by 768.
2. Nothing is wider than the window, nothing lies over anything else, no word is broken or cut off.
3. Numbers stand under each other by their units; a list of nothing says so, and what to do.
4. A button, a field and its words belong together; what cannot be undone does not stand beside what is daily.
5. Colours and words are those of the maps and files; what colour tells, a word or a shape tells too.
6. Dark: no pale island, no dark word on dark ground; charts and signs are seen.
7. At 1920 the lines of words stay readable, tables use the room.
8. Phone: one column, tables scroll in themselves or are read as cards, targets as large as a thumb.
9. Grey on paper: no menu, no button; classes stay apart; headings stay with what they head; the date, the
   place and the window of what is printed stand on it.
"""

import argparse
import io
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import BrowserContext, Page, sync_playwright
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from geo_service.db import make_engine
from geo_service.tables import Account, County
from layers.vocabulary import Right
from tests.benchmarks.bench_tiles import Served
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.geo_service.watertown import PASSWORD, add_account

HIGHEST_PX = 4000
RIGHTS = (Right.COORDINATOR, Right.ADMINISTRATOR, Right.PLANNER, Right.AUDITOR)
FIRST_OF = re.compile(
    r"^/(people|places|patrols|cases|services|planning|figures|norms|accounts|reports)/[^/?#.]+$"
)
BELOW = {
    "people": ("readiness", "cards", "data"),
    "places": ("duties", "plates", "draw"),
}
MORE = ("/cases/new", "/services/new", "/gaps/misfits", "/sign-in", "/password", "/live", "/map/cases", "/me")
CUT = """
() => [...document.querySelectorAll("th, td, button, a, label, h1, h2, summary, dt, dd, option")]
  .filter((one) => one.clientWidth > 1 && one.scrollWidth > one.clientWidth + 1)
  .filter((one) => getComputedStyle(one).overflowX === "hidden")
  .map((one) => one.textContent.trim().slice(0, 30))
"""


@dataclass(frozen=True)
class Shot:
    """How a page is looked at."""

    name: str
    width: int
    height: int
    scheme: str = "light"
    is_print: bool = False


SHOTS = (
    Shot("desk", 1366, 768),
    Shot("dark", 1366, 768, scheme="dark"),
    Shot("wide", 1920, 1080),
    Shot("phone", 390, 844),
    Shot("grey", 794, 1123, is_print=True),
)


def accounts(engine: Engine) -> None:
    """Let somebody of each right sign in, once."""
    with Session(engine) as db, db.begin():
        county = db.scalars(select(County).order_by(County.id)).first()
        if county is None:
            raise SystemExit("there is no county: make the demo with `geo-service demo`, then run this again")
        for right in RIGHTS:
            if db.scalar(select(Account.id).where(Account.login == _login(right))) is None:
                add_account(db, county, _login(right), right)


def addresses(page: Page, root: str) -> Iterator[str]:
    """Yield the pages that the menu of whoever signed in opens, and the first of everything listed there."""
    page.goto(f"{root}/overview")
    seen: dict[str, None] = dict.fromkeys(_links(page, "nav a"))
    seen |= dict.fromkeys(MORE)
    kinds: set[str] = set()
    for path in list(seen):
        yield path
        if (answer := page.goto(root + path)) is None or answer.status != 200:
            continue
        for link in _links(page, "main a"):
            found = FIRST_OF.match(link)
            if link in seen or not found or found[1] in kinds:
                continue
            kinds.add(found[1])
            seen[link] = None
            yield link
            for name in BELOW.get(found[1], ()):
                yield f"{link}/{name}"


def take(page: Page, path: str, shot: Shot, folder: Path, name: str) -> list[str]:
    """Save a picture; return what is wrong with the page as far as a program can tell."""
    answer = page.goto(path, wait_until="load")
    if answer is not None and answer.status == 403:
        return []  # not a page of his
    if answer is None or answer.status != 200:
        return [f"answered {answer.status if answer else 'nothing'}"]
    if page.locator("#map").count():
        page.locator("#map[data-idle=true], #map.leaflet-container").first.wait_for(timeout=60_000)
    if shot.is_print:
        page.emulate_media(media="print")
    wrong = []
    width = page.evaluate("document.scrollingElement.scrollWidth")
    if width > shot.width:
        wrong.append(f"{width} px wide in a window of {shot.width}")
    if cut := page.evaluate(CUT):
        wrong.append(f"cut off: {', '.join(cut[:5])}")
    with Image.open(io.BytesIO(page.screenshot(full_page=True))) as whole:
        picture = whole.crop((0, 0, whole.width, min(whole.height, HIGHEST_PX)))
    picture.convert("L" if shot.is_print else "RGB").save(folder / f"{name}.png")
    return wrong


def main() -> int:
    """Take the pictures; print what is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="addresses in which this is found")
    parser.add_argument("--of", nargs="*", choices=[shot.name for shot in SHOTS], help="only these shots")
    asked = parser.parse_args()
    engine = make_engine(os.environ["GEO_DATABASE_URL"])
    accounts(engine)
    root = Served(engine).root
    is_good = True
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        taken: set[str] = set()
        for right in RIGHTS:
            context = browser.new_context(locale="zh-CN")
            _sign_in(context, root, right)
            found = [path for path in addresses(context.new_page(), root) if path not in taken]
            for shot in SHOTS:
                if asked.of and shot.name not in asked.of:
                    continue
                folder = asked.folder / shot.name
                folder.mkdir(parents=True, exist_ok=True)
                for path in found:
                    if not re.search(asked.only, path):
                        continue
                    taken.add(path)
                    is_good &= _photograph(context, root, path, shot, folder)
            context.close()
        browser.close()
    engine.dispose()
    return 0 if is_good else 1


def _photograph(context: BrowserContext, root: str, path: str, shot: Shot, folder: Path) -> bool:
    page = context.new_page()
    page.set_viewport_size({"width": shot.width, "height": shot.height})
    page.emulate_media(color_scheme="dark" if shot.scheme == "dark" else "light")
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    name = re.sub(r"[^a-z-]+", "_", re.sub(r"/[0-9a-f-]{8,}|/\d+", "/one", path).strip("/")) or "start"
    wrong = take(page, root + path, shot, folder, name) + errors
    page.close()
    for one in wrong:
        print(f"{shot.name} {path}: {one}", flush=True)
    return not wrong


def _sign_in(context: BrowserContext, root: str, right: Right) -> None:
    page = context.new_page()
    page.goto(f"{root}/sign-in")
    page.get_by_label("登录名").fill(_login(right))
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.wait_for_load_state()
    page.close()


def _links(page: Page, where: str) -> list[str]:
    """Return the paths of links on a page, without those that leave it."""
    hrefs: list[str] = page.eval_on_selector_all(where, "all => all.map((one) => one.getAttribute('href'))")
    paths = (href.partition("?")[0] for href in hrefs if href and href.startswith("/"))
    return list(dict.fromkeys(path for path in paths if "." not in path))


def _login(right: Right) -> str:
    return f"looks-{right}"


if __name__ == "__main__":
    sys.exit(main())
