"""Every record of every nasty roster comes out as it is meant, and nothing else does."""

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers import named, said, sheets
from layers.forms import Form
from tests.layers.nasty_sheets import Nasty, Person, forty, nasty

FORTY = forty()


def read(roster: Nasty) -> sheets.Sheet:
    form = roster.form
    return sheets.read(
        io.BytesIO(roster.data),
        roster.name,
        form.fields,
        required=form.required,
        fill_down=form.fill_down,
        lengths=form.lengths,
    )


def plain_values(row: sheets.Row) -> dict[str, str | float | None]:
    """Return what a row says, as the functions for cells understand it."""
    readers = {
        "length": said.length_m,
        "born": lambda text: str(said.born(text)),
        "gender": said.gender,
        "phone": named.phone,
        "day": lambda text: str(said.day(text)),
        "person": lambda text: named.people(text)[0].name,
    }
    return {key: readers[key](text) if key in readers else text for key, text in row.values.items()}


def people(form: Form, row: sheets.Row) -> list[Person]:
    return [
        Person(post.key, one.name, one.phones, one.post)
        for post in form.posts
        for one in post.people(row.values)
    ]


def place(row: sheets.Row) -> tuple[str, int]:
    number = row.number
    return row.sheet, number.row if isinstance(number, sheets.SheetRow) else number


def check(roster: Nasty) -> None:
    sheet = read(roster)
    assert [(row.number, row.problem) for row in sheet.rows if row.problem] == []
    assert [place(row) for row in sheet.rows] == [(record.sheet, record.row) for record in roster.records]
    assert len({row.number for row in sheet.rows}) == len(sheet.rows)
    for row, record in zip(sheet.rows, roster.records, strict=True):
        values = plain_values(row)
        for key, value in record.values.items():
            meant = values.get(key)
            if key == "name" and roster.form.key == "volunteer_register":
                meant = named.people(str(meant))[0].name
            assert meant == value, (key, row)
        meant = [person for person in record.people if person.role != "person"]
        assert people(roster.form, row) == meant, row
    told = sum(int(count) for note in sheet.notes for count in re.findall(r"(\d+) 行没有当作记录", note))
    told += sum(note.count("行「") for note in sheet.notes if "小标题" in note)
    # Blank rows below the last record need no word.
    least = sum(what != "blank" for what in roster.others.values())
    assert least <= told <= len(roster.others)


@pytest.mark.parametrize("roster", FORTY, ids=lambda roster: roster.name)
def test_every_record_of_forty_nasty_rosters_is_read_as_it_is_meant(roster: Nasty) -> None:
    check(roster)


@settings(max_examples=60, deadline=None)
@given(st.integers(40, 10**6))
def test_every_record_of_any_nasty_roster_is_read_as_it_is_meant(seed: int) -> None:
    check(nasty(seed))


def test_the_forty_spring_every_trap_in_every_format() -> None:
    assert {(roster.form.key, roster.name.rpartition(".")[2]) for roster in FORTY} == {
        (form, ending) for form in {roster.form.key for roster in FORTY} for ending in ("xlsx", "xls", "csv")
    }
    sprung = set[str]().union(*(roster.traps for roster in FORTY))
    print(sorted(sprung))
    assert set().union(*(nasty(seed).traps for seed in range(40, 400))) == sprung
