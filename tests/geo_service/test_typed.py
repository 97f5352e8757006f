"""Outings typed from paper and calls: what is right is stored, what is not stays with what is wrong."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.errors import Invalid
from geo_service.patrols import answers, typed
from geo_service.patrols.typed import TypedRow, TypedSheet
from geo_service.tables import Companion, County, Patrol, Person
from layers.errors import BadFile
from layers.norms import Accepted
from layers.vocabulary import Evidence, Layer, Verdict
from tests.geo_service.conftest import SmallCounty
from tests.geo_service.test_judging import duty, norm
from tests.geo_service.test_patrol_client import county, friend, scope, walker

__all__ = ["county", "friend", "scope", "walker"]

ONE = {"person": "王秀英", "day": "2026-05-01", "place": "信江", "from": "8:00", "until": "9:30"}


def picture(colour: str = "white") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (400, 300), colour).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def typing(db: Session, scope: Scope, walker: Person, tmp_path: Path) -> Any:
    def register(*rows: dict[str, str], **more: Any) -> list[TypedRow]:
        return typed.register(db, scope, TypedSheet(rows, **more), tmp_path)

    return register


def patrols(db: Session) -> list[Patrol]:
    return list(db.scalars(select(Patrol).order_by(Patrol.day, Patrol.started_at)))


def told(row: TypedRow) -> str:
    return "；".join(line.detail for line in row.report)


def test_rows_become_outings_and_again_changes_nothing(
    db: Session, typing: Any, friend: Person, walker: Person
) -> None:
    rows = [
        ONE | {"companions": "李建国", "content": "正常"},
        {"person": "李建国", "from": "10点", "until": "11点"},
    ]
    taken = typing(*rows)
    assert [row.is_taken for row in taken] == [True, True]
    first, second = patrols(db)
    assert (first.person_id, first.people, first.evidence, first.verdict) == (walker.id, 2, "paper", "review")
    assert first.record["content"] == "正常"
    assert (second.person_id, second.day, second.place_id) == (friend.id, first.day, first.place_id)
    assert db.scalars(select(Companion.person_id)).all() == [friend.id]
    assert [told(row) for row in typing(*rows)] == ["以前登记过", "以前登记过"]
    assert len(patrols(db)) == 2


def test_what_is_wrong_stays_and_the_rest_is_stored(db: Session, typing: Any) -> None:
    rows = typing(
        ONE,
        {},
        {"person": "不认识", "day": "2026-05-01", "place": "信江"},
        {"person": "王秀英", "day": "五月", "place": "没有的河"},
        {"person": "王秀英", "day": "2026-05-02", "place": "信江", "from": "9:00", "until": "8:00"},
        {"person": "王秀英", "day": "2099-05-02", "place": "信江"},
        {"place": "信江"},
        {"person": "王秀英", "content": "字" * 501},
        {"day": "2026-05-01"},
    )
    assert [(row.number, row.is_taken) for row in rows] == [
        (0, True), (2, False), (3, False), (4, False), (5, False), (6, False), (7, False),
    ]  # fmt: skip
    assert len(patrols(db)) == 1
    words = [told(row) for row in rows]
    assert "不认识" in words[1]
    assert "五月" in words[2]
    assert "没有的河" in words[2]
    assert "早于" in words[3]
    assert "还没有到" in words[4]
    assert "没有巡查人" in words[5]
    assert "500" in words[6]


def test_people_of_one_name_are_asked(db: Session, typing: Any, small_county: SmallCounty) -> None:
    other = small_county.person("王秀英")
    (row,) = typing(ONE)
    (line,) = row.report
    assert line.question is not None
    assert patrols(db) == []
    key = next(key for key, words in line.question.answers.items() if "王秀英" in words)
    (row,) = typing(ONE, answers={line.question.id: key})
    assert row.is_taken
    assert patrols(db)[0].person_id in (other, *db.scalars(select(Person.id).where(Person.name == "王秀英")))


def test_doubled_rows_are_one_and_others_of_that_time_are_told(db: Session, typing: Any) -> None:
    rows = typing(ONE, ONE)
    assert [row.is_taken for row in rows] == [True, True]
    assert len(patrols(db)) == 1
    (row,) = typing(ONE | {"until": "10:30"})
    assert not row.is_taken
    assert "先作废" in told(row)


def test_a_call_is_its_own_grade_of_evidence(db: Session, scope: Scope, typing: Any, county: County) -> None:
    typing(ONE, evidence=Evidence.STATED, told_to="小张")
    (patrol,) = patrols(db)
    assert (patrol.evidence, patrol.record["told_to"], patrol.verdict) == ("stated", "小张", "review")
    answer = answers.told(db, scope, patrol.id)
    assert "口头告知" in answer.told
    assert [reason.code for reason in answer.reasons] == ["R_POINT_ONLY"]
    (row,) = typing(ONE)
    assert not row.is_taken, "the same outing on paper is the same outing"


def test_the_photo_of_the_sheet_is_kept_with_each_row_and_proves_it(
    db: Session, scope: Scope, typing: Any, tmp_path: Path
) -> None:
    rows = [ONE, ONE | {"day": "2026-05-02"}]
    typing(*rows, photo=picture())
    for patrol in patrols(db):
        answer = answers.told(db, scope, patrol.id)
        assert len(answer.photos) == 1
        assert answer.verdict is Verdict.COUNTED, "there is its sheet of paper"
    typing(*rows, photo=picture())
    assert [len(answers.told(db, scope, patrol.id).photos) for patrol in patrols(db)] == [1, 1]
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1, "the bytes are kept once"
    with pytest.raises(BadFile):
        typing(ONE | {"day": "2026-05-03"}, photo=b"no picture")


def test_a_photo_that_comes_later_proves_too(db: Session, scope: Scope, typing: Any) -> None:
    typing(ONE)
    assert patrols(db)[0].verdict == "review"
    typing(ONE, photo=picture())
    db.expire_all()
    assert patrols(db)[0].verdict == "counted"


def test_a_norm_says_what_a_call_counts(
    db: Session, typing: Any, county: County, walker: Person, small_county: SmallCounty
) -> None:
    river = small_county.place(Layer.RIVER, "横泾河", "LINESTRING (4000 4000, 6000 4000)")
    duty(db, walker, river)
    accepts = [Accepted(Evidence.TRACK), Accepted(Evidence.STATED)]
    norm(db, county, accepts=accepts)
    there = ONE | {"place": "横泾河"}
    typing(there, evidence=Evidence.STATED)
    typing(there | {"day": "2026-05-02"})
    assert [(patrol.evidence, patrol.verdict) for patrol in patrols(db)] == [
        ("stated", "counted"),
        ("paper", "review"),
    ]


def test_an_empty_and_an_endless_sheet_are_told(typing: Any) -> None:
    with pytest.raises(Invalid, match="至少填一行"):
        typing({}, {"day": "2026-05-01"})
    with pytest.raises(Invalid, match="60"):
        typing(*[ONE] * 61)
