"""Messages to groups: off until turned on, one line without a person, digests, pauses, secrets nowhere."""

import datetime as dt
import email
import email.policy
import http.server
import json
import socketserver
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.cases import handling, reports
from geo_service.cases.handling import Wanted
from geo_service.cases.reports import Said
from geo_service.db import transaction
from geo_service.errors import Forbidden, Invalid, NotFound, Unavailable
from geo_service.messages import addresses, sending, service
from geo_service.notices import service as notices
from geo_service.tables import Audit, Message, MessageChannel
from layers.vocabulary import AlertKind, Channel, Move, Right, Topic
from tests.geo_service import watertown
from tests.geo_service.phones import free_port
from tests.geo_service.test_plates import at
from tests.geo_service.watertown import Watertown

KEY = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"
ALL = list(Topic)


class Hook:
    """A webhook on loopback: what came to it, and whether it answers."""

    def __init__(self) -> None:
        self.came: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.status = 200
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.paths.append(self.path)
                if hook.status == 200:
                    hook.came.append(json.loads(body))
                self.send_response(hook.status)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"json://127.0.0.1:{self.port}/robot?+X-Key={KEY}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class PostOffice(socketserver.StreamRequestHandler):
    """A mail server on loopback, as far as a letter needs it (RFC 5321)."""

    letters: list[tuple[list[str], bytes]]

    def handle(self) -> None:
        self._say("220 post")
        to: list[str] = []
        while line := self.rfile.readline():
            word = line.strip().decode().upper()
            if word.startswith("EHLO"):
                self._say("250-post", "250 AUTH PLAIN LOGIN")
            elif word.startswith("AUTH"):
                self._say("235 come in")
            elif word.startswith("RCPT"):
                to.append(line.decode().partition("<")[2].partition(">")[0])
                self._say("250 ok")
            elif word == "DATA":
                self._say("354 go on")
                type(self).letters.append((to, b"".join(iter(self.rfile.readline, b".\r\n"))))
                to = []
                self._say("250 taken")
            elif word == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())


@pytest.fixture
def post() -> Iterator[tuple[int, list[tuple[list[str], bytes]]]]:
    """The port of a mail server, and the letters that came."""
    letters: list[tuple[list[str], bytes]] = []
    office = type("Office", (PostOffice,), {"letters": letters})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), office) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], letters
        server.shutdown()


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.server.shutdown()
    hook.server.server_close()


@pytest.fixture
def desk(town: Watertown) -> Scope:
    return Scope(town.county.id, Actor(os_user="desk"), dict.fromkeys(Right, None))


def on(db: Session, desk: Scope, url: str, *, topics: Any = ALL, area_id: int | None = None) -> int:
    channel_id = service.make(db, desk, f"群 {uuid.uuid4().hex[:6]}", url, topics, area_id)
    service.turn(db, desk, channel_id, is_on=True)
    return channel_id


def tell(db: Session, desk: Scope, town: Watertown, x: float = 300) -> int:
    walker = Scope(town.county.id, Actor(os_user="t"), {Right.VOLUNTEER: None}, town.person_id)
    said = Said(dt.datetime.now(dt.UTC), "litter.bank", at(x, 5), words="王桂兰家门口 13987654321")
    taken = reports.take(db, walker, uuid.uuid4(), said, channel=Channel.PHONE, person_id=town.person_id)
    return taken.case_id


def waiting(db: Session) -> list[str]:
    return list(db.scalars(select(Message.body).order_by(Message.id)))


def send(db: Session, **more: Any) -> int:
    done = sending.send_all(db.connection(), address="http://xun.example", proxy=more.get("proxy"))
    db.expire_all()
    return done


def test_nothing_is_told_until_a_channel_is_on(db: Session, desk: Scope, town: Watertown, hook: Hook) -> None:
    channel_id = service.make(db, desk, "工作群", hook.url, ALL, None)
    tell(db, desk, town)
    assert (waiting(db), send(db), hook.came) == ([], 0, [])
    service.turn(db, desk, channel_id, is_on=True)
    tell(db, desk, town)
    assert send(db) == 1
    assert "新上报：垃圾漂浮物·河岸垃圾（一般），中心河" in hook.came[0]["message"]
    assert hook.came[0]["message"].endswith("http://xun.example/cases")
    assert send(db) == 0


def test_a_line_holds_no_word_that_somebody_wrote_and_no_person(
    db: Session, desk: Scope, town: Watertown, hook: Hook
) -> None:
    on(db, desk, hook.url)
    case_id = tell(db, desk, town)
    handling.move(db, desk, case_id, Wanted(Move.REJECT, "王桂兰说不是问题"))
    own = Scope(town.county.id, Actor(os_user="t"), {Right.VOLUNTEER: None}, town.person_id)
    notices.alert(db, own, AlertKind.SOS, uuid.uuid4(), position=(119.8, 32.9))
    lines = "".join(waiting(db))
    assert not [word for word in ("王桂兰", "13987654321", "119.8") if word in lines]
    assert "西荡镇：有人需要联系（求助），请打开“需要关心”。" in lines
    assert "不予受理，现在不予受理" in lines


def test_topics_and_areas_choose_who_is_told(db: Session, desk: Scope, town: Watertown, hook: Hook) -> None:
    west = on(db, desk, hook.url, topics=[Topic.CASE_NEW], area_id=town.west.id)
    east = on(db, desk, hook.url, topics=[Topic.CASE_NEW], area_id=town.east.id)
    late = on(db, desk, hook.url, topics=[Topic.CASE_LATE])
    case_id = tell(db, desk, town, 300)
    assert list(db.scalars(select(Message.channel_id))) == [west]
    db.execute(
        text("update \"case\" set due_at = now() - interval '1 minute' where id = :id"), {"id": case_id}
    )
    db.expire_all()
    handling.run_clock(db)
    assert sorted(db.scalars(select(Message.channel_id))) == sorted([west, late])
    assert east


def test_a_flood_becomes_one_message(db: Session, desk: Scope, town: Watertown, hook: Hook) -> None:
    on(db, desk, hook.url, topics=[Topic.CASE_NEW, Topic.CASE_MOVED])
    for k in range(37):
        service.tell(db, desk.county_id, Topic.CASE_NEW, town.west.id, f"第 {k} 个\n=1+1")
    assert send(db) == 37
    (one,) = hook.came
    assert "共 37 条：新上报 37 条" in one["message"]
    assert "还有 34 条" in one["message"]
    assert len(one["message"].encode()) < 2048


def test_what_does_not_arrive_is_tried_again_later_and_then_left_with_its_reason(
    db: Session, desk: Scope, town: Watertown, hook: Hook
) -> None:
    channel_id = on(db, desk, hook.url)
    service.tell(db, desk.county_id, Topic.CASE_NEW, None, "一条")
    hook.status = 500
    for attempt in range(1, sending.MOST_ATTEMPTS + 1):
        assert send(db) == 0
        row = db.scalars(select(Message)).one()
        assert row.attempts == attempt
        assert send(db) == 0, "not before its pause is over"
        assert db.scalars(select(Message.attempts)).one() == attempt
        db.execute(text("update message set send_after = now() where send_after < '9000-01-01'"))
    assert db.scalars(select(Message)).one().send_after.year == 9999
    (told,) = service.channels(db, desk)
    assert (told.id, told.waiting) == (channel_id, 1)
    assert told.error is not None
    assert KEY not in told.error


def test_killed_between_taking_and_sending_it_goes_out_later(
    db: Session, desk: Scope, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(db, desk, hook.url)
    service.tell(db, desk.county_id, Topic.CASE_NEW, None, "一条")

    def die(*_: Any, **__: Any) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(addresses, "send", die)
        with pytest.raises(KeyboardInterrupt):
            send(db)
    assert send(db) == 0
    db.execute(text("update message set send_after = now()"))
    assert (send(db), len(hook.came)) == (1, 1)


def test_a_redirect_is_not_followed_and_a_dead_host_is_a_no(db: Session, desk: Scope, hook: Hook) -> None:
    hook.status = 302
    channel_id = service.make(db, desk, "转走的", hook.url, ALL, None)
    with pytest.raises(Unavailable, match="GEO_MESSAGE_PROXY"):
        service.test(db, desk, channel_id, proxy=None)
    assert len(hook.paths) == 1
    dead = service.make(db, desk, "没人的", f"json://127.0.0.1:{free_port()}/x", ALL, None)
    with pytest.raises(Unavailable):
        service.test(db, desk, dead, proxy=None)


def test_a_proxy_is_used_where_one_is_set(db: Session, desk: Scope, hook: Hook) -> None:
    channel_id = service.make(db, desk, "外面的", "json://robot.example/send", ALL, None)
    service.test(db, desk, channel_id, proxy=f"http://127.0.0.1:{hook.port}")
    assert hook.paths == ["http://robot.example/send"]
    assert len(hook.came) == 1


def test_a_letter_goes_by_mail(db: Session, desk: Scope, town: Watertown, post: Any) -> None:
    port, letters = post
    on(
        db,
        desk,
        f"mailto://desk:secret@127.0.0.1:{port}?from=xun@town.example&to=a@town.example,b@town.example",
    )
    tell(db, desk, town)
    assert send(db) == 1
    assert sorted(one for to, _ in letters for one in to) == ["a@town.example", "b@town.example"]
    letter = email.message_from_bytes(letters[0][1], policy=email.policy.default)
    body = letter.get_body(("plain", "html"))
    assert body is not None
    assert "新上报：垃圾漂浮物·河岸垃圾" in body.get_content()
    assert "王桂兰" not in body.get_content()
    assert "银巡" in letter["Subject"]


@pytest.mark.parametrize(
    ("said", "kept", "shown"),
    [
        (f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}", f"wecombot://{KEY}",
         "企业微信群机器人 …5aaa"),
        ("https://oapi.dingtalk.com/robot/send?access_token=abc123def&secret=SECxyz", "dingtalk://SECxyz@abc123def",
         "钉钉群机器人 …3def"),
        ("mailtos://u:p@smtp.example.org?to=a@example.org", "mailtos://u:p@smtp.example.org?to=a@example.org",
         "邮件 …eorg"),
    ],
)  # fmt: skip
def test_what_a_robots_page_shows_is_understood_and_shown_without_its_secret(
    said: str, kept: str, shown: str
) -> None:
    assert addresses.tidy(f" {said} ") == kept
    assert addresses.masked(kept) == shown
    assert addresses.opened(kept) is not None


@pytest.mark.parametrize(
    "said", ["", "nothing", "https://example.org/x", "syslog://", "file:///etc/passwd", "json://", "x" * 2000,
             "macosx://", "wecombot://\x00", "dbus://"]
)  # fmt: skip
def test_other_addresses_are_refused_without_being_repeated(said: str) -> None:
    with pytest.raises(Invalid) as refused:
        addresses.tidy(said)
    assert "可以填" in refused.value.detail
    assert len(said) < 8 or said not in refused.value.detail


def test_only_the_countys_own_coordinators_and_its_secrets_nowhere(
    db: Session, desk: Scope, town: Watertown, hook: Hook, heard: list[str]
) -> None:
    channel_id = on(db, desk, hook.url)
    west = Scope(town.county.id, Actor(os_user="w"), {Right.COORDINATOR: frozenset({town.west.id})})
    for act in (
        lambda: service.channels(db, west),
        lambda: service.turn(db, west, channel_id, is_on=False),
        lambda: service.remove(db, west, channel_id),
    ):
        with pytest.raises(Forbidden):
            act()
    elsewhere = Scope(town.county.id + 1000, Actor(os_user="e"), dict.fromkeys(Right, None))
    with pytest.raises(NotFound):
        service.remove(db, elsewhere, channel_id)
    service.tell(db, desk.county_id, Topic.CASE_NEW, None, "一条")
    hook.status = 500
    send(db)
    assert KEY not in str(service.channels(db, desk))
    assert KEY not in "".join(heard)
    assert KEY not in str([vars(row) for row in db.scalars(select(Audit))])
    service.remove(db, desk, channel_id)
    assert db.scalars(select(Message.id)).all() == db.scalars(select(MessageChannel.id)).all() == []


def test_names_topics_and_areas_that_cannot_be_are_refused(
    db: Session, desk: Scope, town: Watertown, hook: Hook
) -> None:
    service.make(db, desk, "群", hook.url, ALL, None)
    for name, topics, area_id, error in (
        ("群", ALL, None, Invalid), (" ", ALL, None, Invalid), ("长" * 41, ALL, None, Invalid),
        ("别的", [], None, Invalid), ("别的", ALL, 10**6, NotFound),
    ):  # fmt: skip
        with pytest.raises(error):
            service.make(db, desk, name, hook.url, topics, area_id)
    assert town.county.id


def test_what_is_committed_is_sent_by_the_job(apart: Engine, hook: Hook) -> None:
    with transaction(apart) as db:
        town = watertown.build(db)
        desk = Scope(town.county.id, Actor(os_user="desk"), dict.fromkeys(Right, None))
        on(db, desk, hook.url)
        tell(db, desk, town)
    assert sending.send_all(apart, address="http://x", proxy=None) == 1
    assert sending.send_all(apart, address="http://x", proxy=None) == 0
    assert len(hook.came) == 1


def test_over_http(client: TestClient, db: Session, town: Watertown, hook: Hook) -> None:
    from geo_service.accounts import register  # noqa: PLC0415
    from geo_service.accounts.register import Ground  # noqa: PLC0415
    from tests.geo_service.test_forgetting import COMMANDS  # noqa: PLC0415

    account, _ = register.add(
        db, COMMANDS, "clerk", Right.COORDINATOR, Ground(town.county.id, None), is_program=True
    )
    key = {"Authorization": f"Bearer {register.token(db, COMMANDS, account, 't', days=1)}"}
    said = {"name": "群", "address": hook.url, "topics": ["case_new"]}
    made = client.post("/api/message-channels", json=said, headers=key)
    assert (made.status_code, made.json()["is_on"]) == (201, False), made.text
    assert KEY not in made.text
    path = f"/api/message-channels/{made.json()['id']}"
    assert client.post(f"{path}/test", headers=key).status_code == 204
    assert client.put(path, json={"is_on": True}, headers=key).status_code == 204
    assert client.get("/api/message-channels", headers=key).json()[0]["is_on"] is True
    page = client.get("/channels", headers={**key, "Accept": "text/html"})
    assert (page.status_code, KEY in page.text) == (200, False)
    assert client.delete(path, headers=key).status_code == 204
    assert client.delete(path, headers=key).status_code == 404
