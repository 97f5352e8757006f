"""A rule as people read it: one plain Chinese sentence, and the pieces of it."""

from layers.norms import ALL_MONTHS, Accepted, Caps, Rule
from layers.vocabulary import Role


def in_words(rule: Rule) -> str:
    """Return a rule in one sentence.

    >>> from layers.presets import preset
    >>> in_words(preset("volunteer-road").rule)
    '银发志愿者（路长）：每人每周 1 次；轨迹、打卡、纸质记录都算。'
    >>> in_words(preset("sixian-village").rule)
    '责任人（村级河长）：每个对象每月 2 次；每次至少 5 分钟、沿线 300 米；只算轨迹。'
    """
    parts = [
        f"{whom(rule)}：{how_often(rule)}",
        _minima(rule),
        _caps(rule.caps),
        f"两次相隔 {rule.min_gap_hours:g} 小时" if rule.min_gap_hours else "",
        f"过期后 {rule.grace_days} 天内可补" if rule.grace_days else "",
        "" if rule.one_a_day else "一天可计多次",
        _accepts(rule.accepts),
    ]
    return "；".join(part for part in parts if part) + "。"


def whom(rule: Rule) -> str:
    """Return of whom it asks something."""
    kind = rule.kind.zh if rule.kind else "志愿者和责任人"
    levels = "、".join(level.zh for level in rule.levels)
    roles = "、".join(role.zh for role in rule.roles)
    places = "、".join(layer.zh for layer in rule.layers)
    narrowed = levels + (roles or places)
    return f"{kind}（{narrowed}）" if narrowed else kind


def how_often(rule: Rule) -> str:
    """Return how often, in which months."""
    period = rule.period.zh
    often = f"每月分 {rule.slots} 段，每段 1 次" if rule.slots else f"每{period} {rule.count} 次"
    months = "" if rule.months == ALL_MONTHS else f"（{_months(rule.months)}）"
    return f"{rule.per.zh}{often}{months}"


def _months(months: tuple[int, ...]) -> str:
    if len(months) > 2 and months == tuple(range(months[0], months[-1] + 1)):
        return f"{months[0]} 到 {months[-1]} 月"
    return "、".join(str(month) for month in months) + " 月"


def _minima(rule: Rule) -> str:
    minima = rule.minima
    parts = [
        f"{minima.minutes:g} 分钟" if minima.minutes else "",
        f"沿线 {minima.metres:g} 米" if minima.metres else "",
        _share(minima.share, rule.roles) if minima.share else "",
        "填全检查记录" if minima.checklist else "",
    ]
    told = "、".join(part for part in parts if part)
    return f"每次至少 {told}" if told else ""


def _share(share: float, roles: tuple[Role, ...]) -> str:
    """Return which share is wanted; of a compound none is told, it is visited or not.

    >>> _share(0.6, (Role.GRID_STEWARD,)), _share(0.6, (Role.COMPOUND_STEWARD,)), _share(0.6, ())
    ('走到或看到 60%', '走进小区', '走到或看到 60%（小区：走进去）')
    """
    if set(roles) == {Role.COMPOUND_STEWARD}:
        return "走进小区"
    visited = not roles or Role.COMPOUND_STEWARD in roles
    return f"走到或看到 {share:.0%}{'（小区：走进去）' if visited else ''}"


def _caps(caps: Caps) -> str:
    parts = [
        f"超过 {caps.minutes:g} 分钟" if caps.minutes else "",
        f"超过 {caps.metres / 1000:g} 公里" if caps.metres else "",
        f"乘车或骑车超过 {caps.ridden_share:.0%}" if caps.ridden_share is not None else "",
    ]
    told = "、".join(part for part in parts if part)
    riders = f"；{'、'.join(role.zh for role in caps.may_ride)}可以骑行" if caps.may_ride else ""
    return (f"{told}的待核" if told else "") + riders.removeprefix("" if told else "；")


def _accepts(accepts: tuple[Accepted, ...]) -> str:
    named = [one.mode.zh + (f"（每个周期最多 {one.at_most} 次）" if one.at_most else "") for one in accepts]
    if len(accepts) == 1:
        return f"只算{named[0]}"
    return "、".join(named) + "都算"
