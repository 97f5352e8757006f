"""What another app recorded, from its wire to its person's word on his phone.

Looked at, in three type sizes (SCREENSHOTS=folder pytest tests/browser/test_found.py):
- each outing is told by its day, times, way and places; its two answers differ in words, not in colour alone;
- what happens to a way that was no patrol is said before one taps.
"""

# ruff: noqa: F401, F811  (fixtures of another module)
import datetime as dt
import os
import time
from pathlib import Path

import httpx2
import numpy as np
from playwright.sync_api import expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.devices import service as devices
from geo_service.devices.service import App
from geo_service.privacy import consents
from geo_service.tables import RecordedFix
from layers.crs import to_lonlat
from layers.vocabulary import Right
from tests.browser.conftest import Service
from tests.browser.test_volunteer import Handset, chromium, handset, look, patrols_of, person
from tests.geo_service.conftest import CRS, ORIGIN


def recorded(service: Service, secret: str, begun_s: float) -> None:
    """Walk along the river for six minutes with OwnTracks, which sends every fifteen seconds."""
    at = np.arange(0, 361, 15.0)
    xy = np.column_stack([at * 1.0 - 120, np.full(at.size, 4.0)])
    with httpx2.Client(base_url=f"http://{service.host}", auth=("yinxun", secret)) as client:
        for t, (lon, lat) in zip((begun_s + at).tolist(), to_lonlat(xy + ORIGIN, CRS).tolist(), strict=True):
            said = {"_type": "location", "tst": int(t), "lon": lon, "lat": lat, "acc": 6, "tid": "07"}
            answer = client.post("/owntracks", json=said)
            assert (answer.status_code, answer.json()) == (200, [])


def test_what_an_app_recorded_is_a_patrol_when_its_person_says_so(
    service: Service, handset: Handset, person, shot
) -> None:
    person_id, card = person("用别的软件的")
    scope = Scope(service.town.county.id, Actor(os_user="t"), dict.fromkeys(Right, None))
    with Session(service.engine) as db, db.begin():
        consents.give(db, scope, person_id, consents.VERSION, channel=consents.PAPER)
        secret = devices.make_recorder(db, scope, person_id, App.OWNTRACKS).secret
    now = time.time()
    recorded(service, secret, now - 3 * 86_400)
    recorded(service, secret, now - 2 * 86_400)
    handset.scan(card)
    handset.tap("看看哪些是巡查")
    expect(handset.page.get_by_role("region")).to_have_count(2)
    folder = os.environ.get("SCREENSHOTS")
    look(handset, "found", Path(folder) if folder else None)
    later, earlier = (handset.page.get_by_role("region").nth(k) for k in (0, 1))
    expect(later).to_contain_text("河")
    earlier.get_by_role("button", name="不是").tap()
    expect(handset.page.get_by_text("那次的路线已经删掉")).to_be_visible()
    assert patrols_of(service, person_id) == []
    handset.page.get_by_role("region").get_by_role("button", name="是巡查", exact=True).tap()
    expect(handset.page.get_by_text("谢谢您")).to_be_visible()
    (patrol,) = patrols_of(service, person_id)
    assert patrol.settled_at is not None
    assert patrol.walked_m > 250
    with Session(service.engine) as db:
        begun = dt.datetime.fromtimestamp(now - 3 * 86_400, dt.UTC)
        kept = db.scalars(select(RecordedFix.lon).where(RecordedFix.lon.is_not(None))).all()
        assert kept == [], "nothing of either is left beside the patrol"
        assert abs((patrol.started_at - begun).total_seconds() - 86_400) < 60
    handset.tap("返回")
    expect(handset.page.get_by_role("button", name="别的软件记下的外出")).to_have_count(0)
