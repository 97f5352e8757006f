"""The domain: geometry in, numbers out. No web, no SQL, no clock, no settings.

For notebooks and programs, without a database: `cover` for lines, `visit` for areas.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from layers.frames import cover, visit

__all__ = ["cover", "visit"]


def __getattr__(name: str) -> Any:
    # The service imports the domain without geopandas, which takes as long to load as all the rest.
    if name in __all__:
        from layers import frames  # noqa: PLC0415

        return getattr(frames, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
