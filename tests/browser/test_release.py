"""Letting the public see a photo: faces and number plates are marked by hand, by mouse or by keys.

Looked at (SCREENSHOTS=folder pytest tests/browser/test_release.py): the boxes lie where they were drawn, the
photo fits the page at both widths, it is said in words whether the photo is public.
"""

import datetime as dt
import io
import uuid
from pathlib import Path
from typing import Any

import numpy as np
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.cases import pictures, reports
from geo_service.cases.reports import Said
from geo_service.files import path_of
from geo_service.tables import StoredFile
from layers.vocabulary import Channel, FileKind, Right
from tests.browser.conftest import Service, Watched
from tests.geo_service.test_plates import at


def _told(service: Service, folder: Path) -> tuple[int, uuid.UUID]:
    """A case with a photo, left half white, right half black."""
    shades = np.zeros((300, 400, 3), np.uint8)
    shades[:, :200] = 255
    out = io.BytesIO()
    Image.fromarray(shades).save(out, "JPEG")
    with Session(service.engine) as db, db.begin():
        county_id = service.town.county.id
        walker = Scope(county_id, Actor(os_user="t"), {Right.VOLUNTEER: None}, service.town.person_id)
        said = Said(dt.datetime.now(dt.UTC), "litter.bank", at(1700, 5))
        id_ = uuid.uuid4()
        taken = reports.take(db, walker, id_, said, channel=Channel.PHONE, person_id=service.town.person_id)
        kept = pictures.keep_whole(db, folder, county_id, pictures.subject_of_report(id_), out.getvalue())
        return taken.case_id, kept.id


def _released(service: Service, photo_id: uuid.UUID) -> list[StoredFile]:
    with Session(service.engine, expire_on_commit=False) as db:
        own = StoredFile.kind == FileKind.BLURRED, StoredFile.subject == f"photo/{photo_id}"
        return list(db.scalars(select(StoredFile).where(*own)))


def test_faces_are_marked_and_the_photo_released_and_taken_back(
    signed_in: Watched, service: Service, shot: Any
) -> None:
    case_id, photo_id = _told(service, service.files_dir)
    page = signed_in.page
    page.goto(f"http://{service.host}/cases/{case_id}")
    page.get_by_role("link", name="遮住人脸、车牌后公开").click()
    image = page.locator("#photo")
    expect(image).to_be_visible()
    box = image.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.25)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.75, steps=4)
    page.mouse.up()
    expect(page.get_by_text("遮住 1 处。")).to_be_visible()
    page.get_by_role("button", name="加一个方框").press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Delete")
    expect(page.get_by_text("遮住 1 处。")).to_be_visible()
    for width, name in ((1366, "desk"), (390, "phone")):
        page.set_viewport_size({"width": width, "height": 768})
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        shot(page, f"release-{name}")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    page.get_by_role("button", name="遮好了，公开").click()
    expect(page.get_by_role("link", name="已公开，改或收回")).to_be_visible()
    (version,) = _released(service, photo_id)
    shown = np.asarray(Image.open(path_of(service.files_dir, version.sha256)).convert("L"), float)
    assert 60 < shown[150, 110:290].mean() < 200, "white and black are one grey in the middle"
    assert shown[20, 20] > 240
    assert shown[20, 380] < 15
    page.get_by_role("link", name="已公开，改或收回").click()
    page.get_by_role("button", name="不再公开").click()
    expect(page.get_by_role("link", name="遮住人脸、车牌后公开")).to_be_visible()
    assert _released(service, photo_id) == []
