"""What is noted of a patrol (domain.md 1.4): weather, checklist, remarks, what was done on the spot."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from geo_service.errors import Invalid
from geo_service.tables import Json
from layers import checklists
from layers.checklists import Finding
from layers.vocabulary import Layer

MOST_GAPS = 200
Words = Annotated[str, Field(max_length=200)]
Text = Annotated[str, Field(max_length=2000)]


class Checklist(BaseModel):
    """A filled-in checklist of `GET /api/checklists`; items that are left out were not looked at."""

    model_config = ConfigDict(extra="forbid")

    layer: Layer
    version: Annotated[int, Field(ge=1, le=1000)] = checklists.VERSION
    items: Annotated[dict[Annotated[str, Field(max_length=40)], Finding], Field(max_length=100)]
    """Code of an item to what was found."""


class Gap(BaseModel):
    """A time in which the phone recorded nothing, and why."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    since: Annotated[AwareDatetime, Field(alias="from")]
    until: AwareDatetime
    why: Annotated[
        Literal["hidden", "paused", "no_fix", "killed"],
        Field(description="The page was not looked at; a pause; no position came; the page was closed."),
    ]


class Record(BaseModel):
    """What is noted of a patrol; all of it may be left out."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    weather: Annotated[str, Field(max_length=40)] | None = None
    temperature_c: Annotated[float, Field(ge=-60, le=60)] | None = None
    checklist: Checklist | None = None
    content: Annotated[Text | None, Field(description="What was looked at, and whether all was well.")] = None
    problem: Annotated[Text | None, Field(description="What was found, in words.")] = None
    note: Text | None = None
    action: Annotated[Text | None, Field(description="What was done on the spot.")] = None
    start_place: Annotated[Words | None, Field(description="Where it began, in words.")] = None
    end_place: Words | None = None
    way: Annotated[Words | None, Field(description="The way, in words, where it has no two ends.")] = None
    told_to: Annotated[Words | None, Field(description="Who took the call, of what was only told.")] = None
    gaps: Annotated[list[Gap], Field(max_length=MOST_GAPS)] = []


def stored(record: Record | None) -> Json:
    """Return a record as it is stored, blanks left out. Raises Invalid."""
    if record is None:
        return {}
    if (filled := record.checklist) is not None:
        if filled.version > checklists.VERSION:
            raise Invalid("检查清单的版本比服务器的新；请刷新后再发送。")
        if unknown := checklists.unknown(filled.layer, filled.items):
            raise Invalid(
                f"{filled.layer.zh}的检查清单里没有「{'、'.join(unknown)[:200]}」；请按清单里的编码填写。"
            )
    found: Json = record.model_dump(mode="json", exclude_none=True, by_alias=True)
    if not found["gaps"]:
        del found["gaps"]
    for key, value in list(found.items()):
        if isinstance(value, str):
            if "\0" in value:
                raise Invalid("记录里有看不见的控制字符；请重新输入。")
            found[key] = value.strip()
    return {key: value for key, value in found.items() if value != ""}


def told(record: Json) -> list[tuple[str, str]]:
    """Return what a stored record says, as headings and words for people."""
    named = {
        "weather": "天气", "temperature_c": "气温", "start_place": "起点", "end_place": "终点",
        "way": "路线", "content": "巡查内容", "problem": "发现问题", "action": "当场处理", "note": "备注",
        "told_to": "谁接的电话",
    }  # fmt: skip
    return [
        (zh, f"{record[key]} ℃" if key == "temperature_c" else str(record[key]))
        for key, zh in named.items()
        if key in record
    ]


def checked(record: Json) -> list[tuple[str, Finding]]:
    """Return the items of a stored record's checklist: words, and what was found."""
    filled: Any = record.get("checklist")
    return checklists.told(Layer(filled["layer"]), filled["items"]) if filled else []
