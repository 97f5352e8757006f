"""What cells say: every spelling of an office is read alike, and what is unclear is refused with the cure."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers import named, said
from layers.forms import RIVERS, Post
from layers.vocabulary import DutyKind, Role

MOBILES = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
SURNAMES = st.sampled_from("王李张刘陈杨赵黄周吴")
NAMES = st.builds(
    str.__add__, SURNAMES, st.text(st.sampled_from("建国秀英桂兰德华卫东玉珍"), min_size=1, max_size=2)
)


@pytest.mark.parametrize(
    "text", ["2024-13-01", "2024-02-30", "1.3.2024", "昨天", "9999-01-01", "0024-01-01", "4535"]
)
def test_no_date(text: str) -> None:
    with pytest.raises(ValueError, match="不是日期"):
        said.day(text)


@given(st.dates(dt.date(1900, 1, 1), dt.date(2199, 12, 31)))
def test_dates_are_read_in_every_spelling(date: dt.date) -> None:
    spellings = [
        date.isoformat(),
        f"{date.year}/{date.month}/{date.day}",
        f"{date.year}.{date.month}.{date.day}",
        f"{date.year}年{date.month}月{date.day}日",
        f"{date:%Y%m%d}",
        f"{date} 00:00:00",
    ]
    assert {said.day(spelling) for spelling in spellings} == {date}


@pytest.mark.parametrize("text", ["-5", "1e9", "nan", "五百", "1,25", "", "1.2.3", "1公里"])
def test_no_metres(text: str) -> None:
    with pytest.raises(ValueError, match="不是米数"):
        said.metres(text)


def test_stretches() -> None:
    assert said.stretches("０－500；900～1200米") == [(0, 500), (900, 1200)]
    assert said.stretches("0至80.5、100到200，300—400") == [(0, 80.5), (100, 200), (300, 400)]
    for text in ("0-500-900", "500", "a-b", "0-1,200"):
        with pytest.raises(ValueError, match=r"不是一段|不是米数"):
            said.stretches(text)


# --- months of birth


@given(st.integers(1920, 1999), st.integers(1, 12))
def test_months_of_birth_are_read_in_every_spelling(year: int, month: int) -> None:
    spellings = [
        f"{year}.{month:02d}",
        f"{year}年{month}月",
        f"{year}年{month:02d}月生",
        f"{year % 100:02d}.{month}",
        f"{year}{month:02d}",
        f"{year}-{month:02d}-01",
        f"{year}/{month}/15",
        f"{year}-{month:02d}-01 00:00:00",
        f"{year}.{month:02d}".translate({48 + k: 0xFF10 + k for k in range(10)}),
    ]
    assert {str(said.born(text)) for text in spellings} == {f"{year}-{month:02d}"}


def test_a_month_that_may_have_lost_its_zero_is_doubted() -> None:
    assert said.born("1956.1").doubt
    assert said.born("1956.10").doubt is None
    assert said.born("1956.01").doubt is None


def test_an_age_is_read_only_with_its_year() -> None:
    assert said.born("68", in_year=2024).year == 1956
    assert said.born("68周岁", in_year=2024).doubt
    with pytest.raises(ValueError, match="是年龄，请改写出生年月"):
        said.born("68")


@pytest.mark.parametrize("text", ["", "1956.13", "1856.03", "三月", "05.3", "1956.03.45", "5603", "1956-"])
def test_no_month_of_birth(text: str) -> None:
    with pytest.raises(ValueError, match="不是出生年月"):
        said.born(text)


# --- lengths


@given(st.integers(1, 10**6))
def test_lengths_are_read_in_every_unit(metres: int) -> None:
    spellings = [
        f"{metres}米",
        f"{metres} m",
        f"{metres:,}米",
        f"{metres / 1000}公里",
        f"约{metres / 1000}KM",
    ]
    assert {said.length_m(text) for text in spellings} == {metres}
    assert said.length_m(str(metres / 1000), "公里") == metres
    assert said.length_m(f"{metres // 1000}公里{metres % 1000}米") == metres


@pytest.mark.parametrize(
    ("text", "words"),
    [("12.5", "没有写单位"), ("", "不是长度"), ("很长", "不是长度"), ("3公里2", "不是长度")],
)
def test_no_length(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        said.length_m(text)


# --- yes and no, sex


def test_yes_no_and_sex_are_read_or_refused() -> None:
    assert [said.yes(text) for text in ("是", " 有 ", "√", "否", "无", "×", "")] == [True] * 3 + [
        False
    ] * 3 + [None]
    assert [said.gender(text) for text in ("男", "女 性", "Ｍ", "—", "")] == ["男", "女", "男", None, None]
    with pytest.raises(ValueError, match="请写「是」或「否」"):
        said.yes("也许")
    with pytest.raises(ValueError, match="不是性别"):
        said.gender("同上")


# --- phones


@given(MOBILES)
def test_a_mobile_is_read_in_every_spelling(digits: str) -> None:
    spellings = [
        digits,
        f"{digits}.0",
        f"+86 {digits}",
        f"0086{digits}",
        f"86-{digits}",
        f"{digits[:3]}-{digits[3:7]}-{digits[7:]}",
        f" {digits[:3]} {digits[3:7]} {digits[7:]} ",
        f"{digits[0]}.{digits[1:]}E+10",
        digits.translate({48 + k: 0xFF10 + k for k in range(10)}),
    ]
    assert {named.phone(text) for text in spellings} == {digits}
    assert {tuple(named.phones(text)) for text in spellings} == {(digits,)}


@given(st.sampled_from(["010", "021", "025", "0523", "0371", "0991"]), st.integers(2 * 10**6, 9 * 10**7))
def test_a_landline_gets_back_the_zero_that_a_number_cell_dropped(area: str, local: int) -> None:
    if len(area) == 3:
        local = local + 10**7 if local < 10**7 else local
    whole = f"{area}{local}"
    spellings = [whole, f"{area}-{local}", f"({area}){local}", whole[1:], f"{whole[1:]}.0"]
    assert {named.phone(text) for text in spellings} == {whole}


def test_hotlines_and_short_numbers_keep_their_digits() -> None:
    for digits in ("4008123123", "8008101010", "12345", "83212345", "95588"):
        assert named.phone(digits) == digits


@pytest.mark.parametrize("text", ["1.38E+10", "无号码", "138123", "1381234567a", "同上"])
def test_what_is_no_list_of_phones_is_refused(text: str) -> None:
    if text == "138123":
        assert named.phones(text) == ["138123"]
        return
    with pytest.raises(ValueError, match="电话"):
        named.phones(text)


# --- people


@given(
    st.lists(st.tuples(NAMES, MOBILES), min_size=1, max_size=4),
    st.sampled_from(["、", "，", ",", "；", "\n", "/"]),
    st.sampled_from(["", " ", "：", "（", "  "]),
)
def test_people_with_their_phones_are_read_from_one_cell(
    people: list[tuple[str, str]], mark: str, glue: str
) -> None:
    end = "）" if glue == "（" else ""
    text = mark.join(f"{name}{glue}{phone}{end}" for name, phone in people)
    assert [(one.name, one.phones) for one in named.people(text)] == [(n, (p,)) for n, p in people]


@given(st.lists(NAMES, min_size=1, max_size=4), st.sampled_from(["、", "，", " ", "  ", "\n", "；"]))
def test_names_in_one_cell_are_parted(names: list[str], mark: str) -> None:
    assert [one.name for one in named.people(mark.join(names))] == names


@given(NAMES.filter(lambda name: len(name) == 2), st.sampled_from([" ", "\u3000", "   "]))
def test_a_name_spread_with_blanks_is_one_name(name: str, blank: str) -> None:
    assert [one.name for one in named.people(blank.join(name))] == [name]


def test_names_of_every_kind() -> None:
    assert repr(named.people("欧阳 修")) == "[欧阳修]"
    assert repr(named.people("买买提•阿不都、Anna Maria Weber")) == "[买买提·阿不都, Anna Maria Weber]"
    assert (
        repr(named.people("张三（组长）、李四(副组长)139-1234-5678"))
        == "[张三 组长, 李四 副组长 13912345678]"
    )
    assert named.people("无") == named.people("") == named.people("暂缺") == []


@pytest.mark.parametrize(
    "text", ["张 三 李 四", "13812345678", "张三等3人", "王书记", "同上", "张三与李四都是志愿者", "张"]
)
def test_what_names_nobody_surely_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text[:4]):
        named.people(text)


def test_phones_beside_people_are_theirs_in_order_or_refused() -> None:
    post = next(post for post in RIVERS.posts if post.key == "steward")
    both = {"steward": "张三、李四", "steward_phone": "13812345678 13912345678"}
    assert [one.phones for one in post.people(both)] == [("13812345678",), ("13912345678",)]
    with pytest.raises(ValueError, match="2 个人、1 个电话，对不上"):
        post.people({**both, "steward_phone": "13812345678"})
    with pytest.raises(ValueError, match="没有姓名"):
        post.people({"steward": "无", "steward_phone": "13812345678"})


def test_a_combined_cell_is_read_where_no_other_names_the_person() -> None:
    post = Post("chief", Role.RIVER_STEWARD, DutyKind.OFFICIAL, None, ("镇级河长",))
    assert repr(post.people({"chief_post_phone": "张三 镇长 13812345678"})) == "[张三 镇长 13812345678]"
    told = post.people({"chief": "张三", "chief_post_phone": "党委书记/0523-83212345"})
    assert repr(told) == "[张三 党委书记 052383212345]"
    assert post.people({}) == []
