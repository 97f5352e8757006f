"""Totals, signatures and notes below and between the records, known by how they begin."""

import re

_TOTAL = re.compile(
    r"(.{0,12}(镇|乡|街道|村|社区|县|市|区|本页|全部))?(合计|小计|总计|共计|累计)(数)?([:：(（].*|[\d,.]+.{0,12})?"
)
_TALLY = re.compile(r"(以上|全[镇县村市乡])?[共计]{1,2}\d+[条名人个户处座].{0,20}")
_SIGNED = (
    r"(填表|填报|制表|审核|审批|复核|报送|统计|经办|负责|单位负责|主要负责|分管|签字|签名|联系|校对|录入)"
    r"(人|单位|日期|时间|领导|部门|者|人签字|人签名|人电话)?"
)
_SIGNED_COLON = re.compile(
    rf"({_SIGNED}|日期|单位|村居|镇街|盖章|单位盖章|联系电话)(\([^()]*\))?[:：].*", re.S
)
_SIGNED_ALONE = re.compile(
    r"(填表|填报|制表|审核|报送|统计)(人|单位|日期|时间)|单位负责人|主要负责人|负责人签字|制表|审核|盖章|\(盖章\)"
)
_NOTE = re.compile(
    r"(注|备注|附注|说明|填表说明|填报说明|注意|注意事项|填表须知)(\d{0,2}[:：.]|\d{1,2}[、:：.]).*|说明|填表说明|填报说明",
    re.S,
)


def footer(text: str) -> bool:
    """Tell whether a row that begins with this text is a total, a signature or a note, and no record.

    >>> [footer(text) for text in ("合 计", "戴南镇小计：12条", "填表人：张三", "注：一式两份")]
    [True, True, True, True]
    >>> [footer(text) for text in ("注泽河", "合计河", "说明", "负责人", "制表厂路", "共青河")]
    [False, False, True, False, False, False]
    """
    bare = re.sub(r"\s", "", text).replace("（", "(").replace("）", ")")
    patterns = (_TOTAL, _TALLY, _SIGNED_COLON, _NOTE)
    return any(pattern.fullmatch(bare) for pattern in patterns)


def signed(text: str) -> bool:
    """Tell whether a cell only asks for a signature; it may as well be somebody's post in a full row.

    >>> signed("填表 人"), signed("单位负责人"), signed("负责人")
    (True, True, False)
    """
    return _SIGNED_ALONE.fullmatch(re.sub(r"\s", "", text)) is not None
