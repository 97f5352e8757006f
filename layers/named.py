"""Whom a cell names: people, phones and posts as offices squeeze them into one cell.

Every function reads one text. ValueError gives the reason in plain Chinese and says what to write.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

_NOBODY = frozenset(
    [
        *(
            "无",
            "暂无",
            "没有",
            "空",
            "空缺",
            "缺",
            "暂缺",
            "待定",
            "未定",
            "待补",
            "待补选",
            "待选",
            "待聘",
            "待配备",
        ),
        *("未配备", "暂未配备", "暂无人选", "/", "-", "--", "—", "——", "×"),
    ]
)
_HAN = r"一-鿿㐀-䶿𠀀-𲎯〇"
_NAME = re.compile(rf"[{_HAN}]{{2,4}}|[{_HAN}]+(·[{_HAN}]+)+|[A-Za-z][A-Za-z.'-]*( [A-Za-z.'-]+)*")
_DOUBLE_SURNAMES = frozenset(
    [
        "欧阳",
        "太史",
        "端木",
        "上官",
        "司马",
        "东方",
        "独孤",
        "南宫",
        "万俟",
        "闻人",
        "夏侯",
        "诸葛",
        "尉迟",
        "公羊",
        "赫连",
        "澹台",
        "皇甫",
        "宗政",
        "濮阳",
        "公冶",
        "太叔",
        "申屠",
        "公孙",
        "慕容",
        "仲孙",
        "钟离",
        "长孙",
        "宇文",
        "司徒",
        "鲜于",
        "司空",
        "令狐",
        "百里",
        "呼延",
        "东郭",
        "南门",
        "西门",
    ]
)
_POST = re.compile(
    r".*(书记|主任|委员|局长|所长|镇长|乡长|县长|市长|区长|村长|组长|队长|站长|校长|科长|处长|股长|"
    r"部长|院长|厂长|河长|路长|网格长|楼长|楼栋长|经理|主席|代表|干事|会计|专干|协管员|网格员|护河员|养护员|路政员|干部|队员|教师|职工|村民)|(.*村)?文书"
)
_PHONE = re.compile(
    r"(?<!\d)(?:\+?86[- ]?|0086[- ]?)?1[3-9]\d(?:[- ]?\d{4}){2}(?!\d)"  # mobile
    r"|\(?0\d{2,3}[)\- ]{0,2}\d{7,8}(?:(?:转|-)\d{1,6})?(?!\d)"  # landline with its area code
    r"|(?<!\d)[48]00[- ]?\d{3}[- ]?\d{4}(?!\d)"
    r"|(?<!\d)\d{5,12}(?!\d)"  # local, or a number that lost its zero
)
_BETWEEN = re.compile(r"[、，,;；/／|\n\r]+")


@dataclass(frozen=True, repr=False)
class Named:
    """A person as a cell names him."""

    name: str
    phones: tuple[str, ...] = ()
    post: str = ""
    """His post, or what stands in brackets behind his name."""

    def __repr__(self) -> str:
        return " ".join(filter(None, (self.name, self.post, "/".join(self.phones))))


def surname(name: str) -> str:
    """Return the surname of a Chinese name; of a name that is written otherwise all of it before a dot.

    >>> surname("王秀英"), surname("欧阳修文"), surname("欧阳"), surname("阿依古丽·买买提")
    ('王', '欧阳', '欧', '阿依古丽')
    """
    if "·" in name or name.isascii():
        return name.partition("·")[0]
    return name[:2] if name[:2] in _DOUBLE_SURNAMES and len(name) > 2 else name[:1]


def addressed(name: str, gender: str | None) -> str:
    """Return how somebody is addressed who is not named in full.

    >>> addressed("王秀英", "女"), addressed("欧阳修文", "男"), addressed("李卫国", None)
    ('王女士', '欧阳先生', '李老师')
    """
    return surname(name) + {"男": "先生", "女": "女士"}.get(gender or "", "老师")


def phone(text: str) -> str:
    """Read one phone number as digits, a foreign one with its plus.

    >>> phone("138 1234 5678"), phone("+86-13812345678"), phone("13812345678.0")
    ('13812345678', '13812345678', '13812345678')
    >>> phone("(0523)83212345"), phone("52383212345"), phone("5238321234"), phone("1.3812345678E+10")
    ('052383212345', '052383212345', '05238321234', '13812345678')
    """
    plain = re.sub(r"[\s()-]", "", unicodedata.normalize("NFKC", text))
    plain = re.sub(r"(?<=\d)\.0+$", "", plain)
    if found := re.fullmatch(r"(\d)\.?(\d*)E\+?(\d{1,2})", plain, re.IGNORECASE):
        if len(found[2]) != int(found[3]):
            raise ValueError(f"电话「{text[:20]}」被表格软件改成了科学计数法，请把这一列设为文本后重填")
        plain = found[1] + found[2]
    plain = re.sub(r"^(\+86|0086|86(?=1\d{10}$))", "", plain)
    if not re.fullmatch(r"\+?\d{5,15}", plain):
        raise ValueError(f"电话「{text[:20]}」不是一个号码，请只填一个，只用数字")
    return _with_zero(plain)


def _with_zero(digits: str) -> str:
    """Give a landline back the leading zero that a number cell drops.

    Area codes are 10, 2x (then 8 digits) or three digits from 3 to 9 (then 7 or 8). Hotlines 400 and 800 and
    mobiles have no zero.
    """
    if re.fullmatch(r"[48]00\d{7}", digits):
        return digits
    lost = re.fullmatch(r"(10|2\d)\d{8}|[3-9]\d{2}\d{7,8}", digits)
    return f"0{digits}" if lost else digits


def _half_width(text: str) -> str:
    """Return a text half-width, numbers without the .0 that a number cell leaves."""
    return re.sub(r"(?<=\d)\.0+(?!\d)", "", unicodedata.normalize("NFKC", text)).strip()


def phones(text: str) -> list[str]:
    """Read the phone numbers of one cell.

    >>> phones("13812345678、0523-83212345"), phones("13812345678 13912345678"), phones("无")
    (['13812345678', '052383212345'], ['13812345678', '13912345678'], [])
    """
    plain = _half_width(text)
    if plain in _NOBODY or not plain:
        return []
    if re.fullmatch(r"\d\.?\d*E\+?\d{1,2}|\+\d[\d\s-]*", plain, re.IGNORECASE):
        return [phone(plain)]
    found = [phone(match[0]) for match in _PHONE.finditer(plain)]
    rest = re.sub(r"电话|手机|联系方式|[\s、,;/|:()-]|\((手机|办|宅|家)\)", "", _PHONE.sub("", plain))
    if rest or not found:
        raise ValueError(f"电话「{text[:20]}」看不懂，请只用数字，几个号码之间用顿号")
    return found


def post_and_phones(text: str) -> tuple[str, list[str]]:
    """Read a cell of 职务/电话.

    >>> post_and_phones("镇长 13812345678"), post_and_phones("党委副书记、镇长/0523-83212345")
    (('镇长', ['13812345678']), ('党委副书记、镇长', ['052383212345']))
    """
    plain = _half_width(text)
    found = [phone(match[0]) for match in _PHONE.finditer(plain)]
    return _PHONE.sub(" ", plain).strip(" 、,，;/|:-()\n"), found


def people(text: str) -> list[Named]:
    """Read the people of one cell; nobody for 无, 空缺 and the like.

    >>> people("张三、李四光"), people("张 三"), people("张三 李四"), people("欧阳 修")
    ([张三, 李四光], [张三], [张三, 李四], [欧阳修])
    >>> people("张三（组长）13812345678，李四139-1234-5678"), people("张三 镇长 13812345678"), people("空缺")
    ([张三 组长 13812345678, 李四 13912345678], [张三 镇长 13812345678], [])
    >>> people("阿依古丽·买买提"), people("张三/13812345678")
    ([阿依古丽·买买提], [张三 13812345678])
    """
    plain = re.sub(r"[•・‧∙]", "·", _half_width(text))
    found: list[Named] = []
    for piece in filter(None, map(str.strip, _pieces(plain))):
        if piece in _NOBODY:
            continue
        if piece == "同上":
            raise ValueError("写的是「同上」，请写出姓名")
        _take(piece, found, text)
    return found


def _pieces(plain: str) -> Iterator[str]:
    """Part a cell into names, posts, notes in brackets and phones, in their order."""
    at = 0
    for match in re.finditer(rf"(?P<phone>{_PHONE.pattern})|\((?P<note>[^()\d]*)\)", plain):
        yield from _BETWEEN.split(plain[at : match.start()].replace("(", " ").replace(")", " "))
        yield match[0]
        at = match.end()
    yield from _BETWEEN.split(plain[at:].replace("(", " ").replace(")", " "))


def _take(piece: str, found: list[Named], text: str) -> None:
    """Add what one piece says: more people, or more about the last of them."""
    if note := re.fullmatch(r"\(([^()]*)\)", piece):
        _about_last(found, text, post=note[1].strip())
    elif _PHONE.fullmatch(piece):
        _about_last(found, text, phone_=phone(piece))
    else:
        for name in _names(re.sub(r"(电话|手机|联系电话)?[:：]\s*$", "", piece), text):
            if _POST.fullmatch(name):
                _about_last(found, text, post=name)
            else:
                found.append(Named(name))


def _about_last(found: list[Named], text: str, *, post: str = "", phone_: str = "") -> None:
    if not found:
        raise ValueError(f"「{text[:20]}」里没有姓名，请写成「张三 13812345678」")
    last = found[-1]
    posts = "、".join(filter(None, (last.post, post)))
    found[-1] = replace(last, post=posts, phones=last.phones + ((phone_,) if phone_ else ()))


def _names(piece: str, text: str) -> Iterator[str]:
    if re.search(r"[A-Za-z]", piece) and _NAME.fullmatch(" ".join(piece.split())):
        yield " ".join(piece.split())
        return
    for word in _joined_words(piece.split(), text):
        if not (_NAME.fullmatch(word) or _POST.fullmatch(word)):
            raise ValueError(f"「{text[:20]}」里的「{word[:10]}」不像姓名；几个人之间请用顿号")
        yield word


def _joined_words(words: Sequence[str], text: str) -> Iterator[str]:
    """Join names that were spread with blanks so that columns line up: 张 三, 欧阳 修."""
    single: list[str] = []
    for k, word in enumerate([*words, ""]):
        if len(word) == 1:
            single.append(word)
            continue
        if len(single) > 3 or (len(single) == 1 and words[k - 2 : k - 1] == []):
            raise ValueError(f"「{text[:20]}」分不清是几个人，请在姓名之间用顿号")
        if single:
            yield "".join(single)
            single = []
        if word in _DOUBLE_SURNAMES and k + 1 < len(words) and len(words[k + 1]) == 1:
            single = [word]
        elif word:
            yield word


def joined(found: Sequence[Named], numbers: Sequence[str], post: str = "") -> list[Named]:
    """Return people with the phones and the post that stand in cells of their own, one each in order.

    Raises ValueError where several people have another number of phones.
    """
    if not found:
        if numbers:
            raise ValueError("有电话，没有姓名，请补上姓名")
        return []
    posts = [part for part in re.split(r"[、,，;；/\n]", post) if part.strip()] if len(found) > 1 else [post]
    if len(posts) != len(found):
        posts = [post] * len(found)
    if len(found) == 1:
        each: list[tuple[str, ...]] = [tuple(numbers)]
    elif not numbers:
        each = [()] * len(found)
    elif len(numbers) == len(found):
        each = [(number,) for number in numbers]
    else:
        raise ValueError(
            f"{len(found)} 个人、{len(numbers)} 个电话，对不上；请写成「张三 13812345678、李四 139……」"
        )
    return [
        replace(one, phones=tuple(dict.fromkeys((*one.phones, *own))), post=one.post or said.strip())
        for one, own, said in zip(found, each, posts, strict=True)
    ]
