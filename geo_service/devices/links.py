"""What sets up an app of others to record walking: its own defaults are for cars."""

import base64
import json
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from geo_service.accounts import doors
from geo_service.devices.service import App, MadeRecorder

_TRACCAR = {
    "accuracy": "highest", "interval": "10", "distance": "10", "angle": "30", "heartbeat": "300",
    "buffer": "true", "wakelock": "true", "stop_detection": "false", "prefer_platform_providers": "true",
}  # fmt: skip
"""Settings of Traccar Client, in seconds, metres and degrees; without Google's services."""
_OWNTRACKS: Mapping[str, object] = {
    "_type": "configuration", "mode": 3, "auth": True, "username": "yinxun", "deviceId": "phone",
    "monitoring": 2, "locatorInterval": 15, "moveModeLocatorInterval": 15, "locatorDisplacement": 10,
    "ignoreInaccurateLocations": 50,
}  # fmt: skip
"""Settings of OwnTracks: over HTTP, always on the move; iOS reads the first interval, Android the second."""


def are_heard() -> bool:
    """Tell whether this release has the doors to which such apps send."""
    return doors.door_of("POST", "/osmand") is not None and doors.door_of("POST", "/owntracks") is not None


def set_up(address: str, made: MadeRecorder) -> str:
    """Return what an app scans or opens: where it sends, under which secret, how often.

    >>> from uuid import UUID
    >>> made = MadeRecorder(7, UUID(int=0), "王秀英", App.TRACCAR, "s3cret")
    >>> set_up("https://xun.example", made)[:44]
    'https://xun.example/osmand?id=s3cret&accurac'
    """
    if made.app is App.TRACCAR:
        return f"{address}/osmand?{urlencode({'id': made.secret, **_TRACCAR})}"
    config = json.dumps(_owntracks(address, made), separators=(",", ":"))
    inline = base64.b64encode(config.encode()).decode()
    return f"owntracks:///config?inline={quote(inline, safe='')}"


def by_hand(address: str, made: MadeRecorder) -> list[tuple[str, str]]:
    """Return what somebody types who cannot scan: what the app calls it, and its value."""
    if made.app is App.TRACCAR:
        return [
            ("服务器地址", f"{address}/osmand"), ("设备标识符", made.secret),
            ("定位精度", "最高"), ("间隔（秒）", "10"),
            ("距离（米）", "10"), ("角度（度）", "30"),
            ("离线缓冲", "打开"), ("静止检测", "关闭"),
        ]  # fmt: skip
    config = _owntracks(address, made)
    return [
        ("模式（Mode）", "HTTP"), ("地址（URL）", f"{address}/owntracks"), ("用户名（Username）", "yinxun"),
        ("密码（Password）", made.secret), ("跟踪标识（Tracker ID）", str(config["tid"])),
        ("监控（Monitoring）", "移动（Move）"),
    ]  # fmt: skip


def _owntracks(address: str, made: MadeRecorder) -> dict[str, object]:
    tracker = f"{made.id % 100:02d}"
    return {**_OWNTRACKS, "url": f"{address}/owntracks", "password": made.secret, "tid": tracker}
