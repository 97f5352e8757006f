"""Services as a list: pages of an answer, and files to send."""

from collections.abc import Iterable

from geo_service.columns import Column, Listing, words
from geo_service.services.service import ServiceAnswer
from layers import masks

SERVICES = (
    Column("id", "标识"),
    Column("day", "日期", "day"),
    Column("kind", "类别"),
    Column("persons", "参加人"),
    Column("people", "参加人数", "whole"),
    Column("hours", "时长（小时）", "number"),
    Column("layer", "图层"),
    Column("place_code", "对象编码"),
    Column("place", "对象"),
    Column("township", "镇街"),
    Column("village", "村（社区）"),
    Column("people_served", "服务人数", "whole"),
    Column("note", "内容"),
    Column("evidence", "凭证"),
    Column("verdict", "结论"),
    Column("voided", "已作废", "flag"),
    Column("void_reason", "作废原因"),
)


def services(rows: Iterable[ServiceAnswer], *, masked: bool) -> Listing:
    """Return services as a list, which imports again unchanged; taken back ones stand in it as such.

    `masked` hides given names: what leaves may be passed on.
    """
    return Listing("services", "服务记录", SERVICES, [_row(service, masked) for service in rows])


def as_table(service: ServiceAnswer, *, masked: bool) -> dict[str, str]:
    """Return a service as its row of the list says it, by column."""
    row = _row(service, masked)
    return {column.name: words(value, column) for value, column in zip(row, SERVICES, strict=True)}


def _row(service: ServiceAnswer, masked: bool) -> tuple[object, ...]:
    return (
        service.service_id,
        service.day,
        service.kind,
        [masks.name(person.name) if masked else person.name for person in service.persons],
        service.people,
        service.hours,
        service.layer,
        service.place_code,
        service.place,
        service.township,
        service.village,
        service.people_served,
        service.note,
        service.evidence,
        service.verdict,
        service.voided_at is not None,
        service.void_reason,
    )
