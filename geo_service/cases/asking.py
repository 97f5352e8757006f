"""What an address asks for of the board: the same for the API and for pages."""

from typing import Annotated, Literal

from fastapi import Depends, Query

from geo_service.cases.board import Asked, Only
from geo_service.errors import Invalid
from layers.vocabulary import CaseState


def asked(
    state: CaseState | Literal["all", ""] = "",
    kind: Annotated[str, Query(max_length=61, description="Code of a kind or category.")] = "",
    area: Annotated[str, Query(max_length=40, description="Code of a township or village.")] = "",
    unit: Annotated[int | Literal[""], Query(description="Id of a unit.")] = "",
    place: Annotated[int | Literal[""], Query(description="Id of a place.")] = "",
    only: Only | Literal[""] = "",
    words: Annotated[str, Query(max_length=100, description="Of number, words or place.")] = "",
    own: Annotated[bool, Query(description="Those of the units that I act for.")] = False,
) -> Asked:
    """Return what of the cases is asked for; `state=all`: also what is settled."""
    if "\x00" in kind + area + words:
        raise Invalid("要找的文字里有不能用的字符；请重新输入。")
    return Asked(
        CaseState(state) if state not in ("", "all") else None, state == "all", kind or None, area or None,
        _number(unit), _number(place), Only(only) if only else None, words, own,
    )  # fmt: skip


FromAddress = Annotated[Asked, Depends(asked)]
"""What of the cases the address asks for."""


def _number(said: int | str) -> int | None:
    if said == "":
        return None
    if not 0 <= int(said) < 2**63:
        raise Invalid("编号不对；请从列表里选择。")
    return int(said)
