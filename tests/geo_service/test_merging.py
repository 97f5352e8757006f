"""The three-way merge: against every pair of edits, and what it never does."""

from hypothesis import given
from hypothesis import strategies as st

from geo_service.rosters.merging import REGISTER, SHEET, Table, merge

TITLES = ("姓名", "电话", "备注")
texts = st.sampled_from(["", "甲", "乙", "丙"])
rows = st.fixed_dictionaries(dict.fromkeys(TITLES, texts))
tables = st.dictionaries(st.sampled_from("123"), rows, max_size=3)


def sheet_of(table: dict[str, dict[str, str]]) -> Table:
    return Table(table, {id_: k for k, id_ in enumerate(table, 2)})


@given(tables)
def test_what_nobody_touched_is_the_same(base: dict[str, dict[str, str]]) -> None:
    for one in merge(Table(base), sheet_of(base), Table(base), {}):
        assert not any((one.taken, one.kept, one.cleared, one.questions, one.lost))


@given(tables, tables, tables, st.sampled_from([None, SHEET, REGISTER]))
def test_every_cell_ends_where_three_ways_say(
    base: dict[str, dict[str, str]],
    sheet: dict[str, dict[str, str]],
    register: dict[str, dict[str, str]],
    answer: str | None,
) -> None:
    first = list(merge(Table(base), sheet_of(sheet), Table(register), {}))
    answers = {q.id: answer for one in first for q in one.questions if answer}
    for one in merge(Table(base), sheet_of(sheet), Table(register), answers):
        if one.row is None:
            assert one.id not in sheet
            continue
        for title in TITLES:
            was, says = base[one.id][title], sheet[one.id][title]
            now = register.get(one.id, {}).get(title)
            both = now is not None and says != was and now not in (was, says)
            wanted = now is not None and says not in (was, now) and (now == was or answer == SHEET)
            assert (title in one.taken) is (wanted and says != "")
            assert (title in one.cleared) is (wanted and says == "")
            asked = any(f"「{title}」" in question.text for question in one.questions)
            assert asked is (both and answer is None)
            assert (title in one.kept) is (now is not None and says == was != now)


def test_a_row_that_is_gone_from_the_register_is_told_only_if_it_was_edited() -> None:
    base = {"1": {"姓名": "甲"}}
    (same,) = merge(Table(base), sheet_of(base), Table({}), {})
    (edited,) = merge(Table(base), sheet_of({"1": {"姓名": "乙"}}), Table({}), {})
    assert (same.lost, edited.lost) == (False, True)
