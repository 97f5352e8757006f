"""What apps of others say, word by word: the traps of their wire forms, each as it was found in them."""

import base64
import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import Invalid
from geo_service.recorders import owntracks, traccar
from geo_service.recorders.heard import Fix, Heard, is_useful

AT = 1_777_624_200.0  # 2026-05-01 08:30:00 UTC


def query(**said: str) -> Heard:
    return traccar.from_pairs({"id": "s3cret", **said}.items())


def one(heard: Heard) -> Fix:
    (fix,) = heard.fixes
    return fix


class TestTraccarPairs:
    def test_plain(self) -> None:
        heard = query(lat="32.9", lon="119.8", timestamp="1777624200", accuracy="4.5", speed="2.1", batt="80")
        assert heard == Heard("s3cret", (Fix(AT, 119.8, 32.9, 4.5),))

    @pytest.mark.parametrize(
        ("timestamp", "expected"),
        [
            ("1777624200", AT),
            ("1777624200123", AT + 0.123),  # milliseconds: larger than 2**31 - 1
            ("2147483647", 2_147_483_647.0),
            ("2147483648", 2_147_483.648),
            ("2026-05-01T08:30:00Z", AT),
            ("2026-05-01T16:30:00.000+08:00", AT),
            ("2026-05-01 16:30:00", dt.datetime(2026, 5, 1, 16, 30)),  # in the county's zone
            ("", None),
        ],
    )
    def test_times(self, timestamp: str, expected: Any) -> None:
        assert one(query(lat="1", lon="2", timestamp=timestamp)).time == expected

    def test_the_other_names_of_things(self) -> None:
        heard = traccar.from_pairs(
            [("deviceid", "d"), ("location", "32.9,119.8"), ("timestamp", "1777624200")]
        )
        assert heard == Heard("d", (Fix(AT, 119.8, 32.9),))

    @pytest.mark.parametrize(
        "said",
        [
            {},  # only that it lives
            {"notificationToken": "abc"},
            {"lat": "32.9"},
            {"lat": "", "lon": ""},
            {"lat": "32.9", "lon": "119.8", "valid": "false"},
            {"lat": "32.9", "lon": "119.8", "valid": "0"},
        ],
    )
    def test_no_position_is_nothing(self, said: dict[str, str]) -> None:
        assert query(**said).fixes == ()

    def test_what_may_be_repeated_is_no_matter(self) -> None:
        twice = [("cell", "460,0,1,2"), ("cell", "460,0,1,3"), ("wifi", "aa-bb,-60")]
        pairs = [("id", "d"), *twice, ("lat", "1"), ("lon", "2"), ("lat", "5")]
        assert one(traccar.from_pairs(pairs)).lat == 1

    @pytest.mark.parametrize("accuracy", ["0", "-1", "nan", "inf", ""])
    def test_an_accuracy_that_is_none(self, accuracy: str) -> None:
        assert one(query(lat="1", lon="2", accuracy=accuracy)).accuracy_m is None

    def test_a_call_for_help(self) -> None:
        assert query(lat="1", lon="2", alarm="sos").calls_for_help
        assert query(alarm="SOS").calls_for_help
        assert not query(alarm="lowBattery").calls_for_help

    @pytest.mark.parametrize(
        "pairs",
        [
            [],
            [("lat", "1"), ("lon", "2")],
            [("id", "")],
            [("id", "d" * 201)],
            [("id", "d"), ("lat", "north"), ("lon", "2")],
            [("id", "d"), ("location", "32.9")],
            [("id", "d"), ("lat", "1"), ("lon", "2"), ("timestamp", "yesterday")],
        ],
    )
    def test_what_cannot_be_read_is_told(self, pairs: list[tuple[str, str]]) -> None:
        with pytest.raises(Invalid):
            traccar.from_pairs(pairs)


def location(**more: Any) -> bytes:
    coords = {
        "latitude": 32.9, "longitude": 119.8, "accuracy": 5, "speed": 0, "heading": -1, "altitude": 5,
        "speed_accuracy": -1, "heading_accuracy": -1, "altitude_accuracy": -1,
    }  # fmt: skip
    said = {
        "timestamp": "2026-05-01T08:30:00.862Z", "coords": coords, "is_moving": False, "odometer": 12.5,
        "event": "motionchange", "age": 188, "uuid": "2FB0", "battery": {"level": -1, "is_charging": False},
        "activity": {"type": "still", "confidence": 100}, "extras": {},
    }  # fmt: skip
    return json.dumps({"device_id": "48241179", "location": said | more}).encode()


class TestTraccarJson:
    def test_plain(self) -> None:
        assert traccar.from_json(location()) == Heard("48241179", (Fix(AT + 0.862, 119.8, 32.9, 5),))

    def test_an_id_that_is_a_number(self) -> None:
        assert traccar.from_json(b'{"device_id": 48241179}').key == "48241179"

    def test_without_coordinates_it_only_lives(self) -> None:
        assert traccar.from_json(location(coords=None)).fixes == ()
        assert traccar.from_json(b'{"device_id": "d"}').fixes == ()
        assert traccar.from_json(b'{"device_id": "d", "location": []}').fixes == ()

    def test_a_made_up_position_is_none(self) -> None:
        assert traccar.from_json(location(mock=True)).fixes == ()
        assert len(traccar.from_json(location(mock=False)).fixes) == 1

    def test_a_call_for_help(self) -> None:
        assert traccar.from_json(location(alarm="sos")).calls_for_help

    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"[]", b"null", b'"x"', b"{}", b'{"device_id": null}', b'{"device_id": true}',
         b'{"device_id": NaN}', b'{"device_id": {}}', b"\xff\xfe", b"[" * 100_000,
         b'{"device_id": "d", "location": {"coords": {"latitude": [], "longitude": 1}}}'],
    )  # fmt: skip
    def test_what_cannot_be_read_is_told(self, body: bytes) -> None:
        with pytest.raises(Invalid):
            traccar.from_json(body)


def basic(password: str, user: str = "yinxun") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def spoken(*said: Any, authorization: str | None = basic("s3cret"), **query: str) -> Heard:
    body = json.dumps(said[0] if len(said) == 1 else list(said)).encode()
    return owntracks.heard(body, authorization=authorization, query=query)


HERE = {"_type": "location", "lat": 32.9, "lon": 119.8, "tst": 1777624200, "tid": "07", "acc": 12}


class TestOwnTracks:
    def test_plain(self) -> None:
        assert spoken(HERE) == Heard("s3cret", (Fix(AT, 119.8, 32.9, 12),))

    def test_zero_is_left_out_of_it(self) -> None:
        assert one(spoken({k: v for k, v in HERE.items() if k != "acc"})).accuracy_m is None

    def test_an_empty_body_is_nothing(self) -> None:
        assert owntracks.heard(b"", authorization=basic("s"), query={}).fixes == ()
        assert owntracks.heard(b" \n", authorization=None, query={}) == Heard("")

    @pytest.mark.parametrize(
        "kind", ["transition", "waypoint", "waypoints", "lwt", "status", "steps", "cmd", "card", "dump", None]
    )
    def test_other_words_are_nothing(self, kind: str | None) -> None:
        assert spoken(HERE | {"_type": kind, "event": "enter", "wtst": 1}).fixes == ()

    def test_one_that_was_sent_by_hand_is_doubtful(self) -> None:
        assert one(spoken(HERE | {"t": "u"})).is_doubtful
        assert not one(spoken(HERE | {"t": "t"})).is_doubtful

    def test_a_queue_at_once(self) -> None:
        assert len(spoken(HERE, HERE | {"tst": 1777624215}, {"_type": "lwt"}).fixes) == 2

    def test_who_sends(self) -> None:
        assert spoken(HERE, authorization=basic("a:b", "")).key == "a:b"
        assert spoken(HERE, authorization=None, u="wang", d="phone").key == "wang/phone"
        assert (
            spoken(HERE | {"topic": "owntracks/wang/phone"}, authorization=None).key == "owntracks/wang/phone"
        )
        assert spoken(HERE, authorization="Basic !!!", u="wang").key == "wang"
        assert spoken(HERE, authorization="Bearer x", u="wang").key == "wang"

    def test_what_is_closed_is_known_as_such(self) -> None:
        assert owntracks.is_encrypted(b'{"_type": "encrypted", "data": "x"}')
        assert not owntracks.is_encrypted(json.dumps(HERE).encode())
        assert not owntracks.is_encrypted(b"")

    @pytest.mark.parametrize(
        "body",
        [
            b"{", b'"x"', b"3", b"[1]", b"[" * 100_000, b"\xff", json.dumps([HERE] * 1001).encode(),
            b'{"_type": "location", "lat": "x", "lon": 1}', b'{"_type": "location", "lat": 1, "lon": {}}',
        ],
    )  # fmt: skip
    def test_what_cannot_be_read_is_told(self, body: bytes) -> None:
        with pytest.raises(Invalid):
            owntracks.heard(body, authorization=basic("s"), query={})

    def test_who_says_nothing_of_himself_is_told(self) -> None:
        with pytest.raises(Invalid):
            spoken(HERE, authorization=None)


NOW = AT + 60


@pytest.mark.parametrize(
    ("time_s", "lon", "lat", "expected"),
    [
        (AT, 119.8, 32.9, True),
        (NOW + 3600, 119.8, 32.9, True),  # a clock an hour ahead is told of later
        (NOW + 90_000, 119.8, 32.9, False),
        (0.0, 119.8, 32.9, False),
        (AT, 0.0, 0.0, False),
        (AT, 181.0, 0.0, False),
        (AT, 119.8, -91.0, False),
        (AT, float("nan"), 32.9, False),
        (float("nan"), 119.8, 32.9, False),
        (float("inf"), 119.8, 32.9, False),
    ],
)
def test_what_can_be_where_somebody_was(time_s: float, lon: float, lat: float, expected: bool) -> None:
    assert is_useful(time_s, Fix(time_s, lon, lat), NOW) is expected


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["device_id", "location", "coords", "latitude", "longitude", "timestamp", "_type",
                         "lat", "lon", "tst", "acc", "t", "topic"]), inner, max_size=6),
    max_leaves=20,
)  # fmt: skip


@given(_JSON)
def test_whatever_is_said_is_read_or_told(said: Any) -> None:
    body = json.dumps(said).encode()
    for read in (
        lambda: traccar.from_json(body),
        lambda: owntracks.heard(body, authorization=basic("s"), query={}),
    ):
        try:
            heard = read()
        except Invalid:
            continue
        assert all(isinstance(fix.lon, float) and isinstance(fix.lat, float) for fix in heard.fixes)


@given(st.lists(st.tuples(st.sampled_from(["id", "lat", "lon", "timestamp", "accuracy", "location", "valid"]),
                          st.text(max_size=20)), max_size=8))  # fmt: skip
def test_whatever_a_query_holds_is_read_or_told(pairs: list[tuple[str, str]]) -> None:
    try:
        heard = traccar.from_pairs(pairs)
    except Invalid:
        return
    assert len(heard.fixes) <= 1
