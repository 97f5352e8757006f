"""Services as a list: pages of an answer, and files to send."""

from collections.abc import Iterable

from geo_service.columns import Column, Listing, words
from geo_service.services.service import ServiceAnswer

SERVICES = (
    Column("id", "标识"),
    Column("day", "日期", "day"),
    Column("kind", "类别"),
    Column("persons", "参加人", mask="name"),
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


def services(rows: Iterable[ServiceAnswer]) -> Listing:
    """Return services as a list, which imports again unchanged; taken back ones stand in it as such."""
    return Listing("services", "服务记录", SERVICES, [_row(service) for service in rows])


def as_table(service: ServiceAnswer) -> list[dict[str, str]]:
    """Return a service as its row of a list that left says it, by column: in full, and masked."""
    listing = services([service])
    return [
        {column.name: words(value, column) for value, column in zip(row, SERVICES, strict=True)}
        for told in (listing, listing.masked)
        for row in told.rows
    ]


def _row(service: ServiceAnswer) -> tuple[object, ...]:
    return (
        service.service_id,
        service.day,
        service.kind,
        [person.name for person in service.persons],
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
