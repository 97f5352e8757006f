"""Addresses of channels: a robot's own becomes what Apprise reads; what is shown keeps no secret."""

import contextlib
import logging
import os
import re
import threading
import warnings
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from geo_service.errors import Invalid

KINDS = {
    "wecombot": "企业微信群机器人", "dingtalk": "钉钉群机器人", "mailto": "邮件", "mailtos": "邮件",
    "json": "网络钩子", "jsons": "网络钩子",
}  # fmt: skip
"""What may be written to. Nothing else that Apprise knows: one of its schemes runs programs."""
ROBOTS = ("wecombot", "dingtalk")
"""Whose groups take at most twenty messages a minute."""
EXAMPLES = (
    "企业微信群机器人：https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…（在群里添加机器人后复制）；"
    "钉钉群机器人：https://oapi.dingtalk.com/robot/send?access_token=…&secret=SEC…（安全设置选“加签”）；"
    "邮件：mailtos://用户:密码@smtp.单位.cn?to=收件人；网络钩子：jsons://主机/路径"
)
LONGEST = 1000
TIMEOUT_S = 10
_PROXY = threading.Lock()


def tidy(text: str) -> str:
    """Return an address as it is stored. Raises Invalid, which never repeats it."""
    plain = text.strip()
    if len(plain) > LONGEST or not plain.isprintable():
        raise Invalid(f"地址太长，或含有看不见的字符。可以填：{EXAMPLES}")
    found = _of_robot(plain)
    if urlsplit(found).scheme.lower() not in KINDS or opened(found) is None:
        raise Invalid(f"看不懂这个地址。可以填：{EXAMPLES}")
    return found


def _of_robot(text: str) -> str:
    """Return the address of a robot's page in Apprise's form; another one as it is."""
    parts = urlsplit(text)
    said = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if parts.hostname == "qyapi.weixin.qq.com" and "key" in said:
        return f"wecombot://{quote(said['key'], safe='')}"
    if parts.hostname == "oapi.dingtalk.com" and "access_token" in said:
        secret = f"{quote(said['secret'], safe='')}@" if "secret" in said else ""
        return f"dingtalk://{secret}{quote(said['access_token'], safe='')}"
    return text


def masked(address: str) -> str:
    """Return what is shown of an address: its kind and its last characters.

    >>> masked("wecombot://693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa")
    '企业微信群机器人 …5aaa'
    """
    kind = KINDS.get(urlsplit(address).scheme.lower(), "未知")
    return f"{kind} …{re.sub(r'[^A-Za-z0-9]', '', address.partition('?')[0])[-4:]}"


def opened(address: str) -> Any | None:
    """Return what sends to an address; None: it cannot be read. Nothing is asked for it."""
    logging.getLogger("apprise").disabled = True  # it would write addresses, with their secrets, into the log
    glue = "&" if "?" in address else "?"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its plugins import what newer Pythons lack
        import apprise  # noqa: PLC0415  (20 MB, for those who turn messages on)

        return apprise.Apprise.instantiate(
            f"{address}{glue}cto={TIMEOUT_S}&rto={TIMEOUT_S}&redirect=no", suppress_exceptions=True
        )


def send(address: str, title: str, body: str, *, proxy: str | None) -> bool:
    """Send, and tell whether it arrived. Whatever goes wrong is a no."""
    channel = opened(address)
    if channel is None:
        return False
    try:
        with _through(proxy):
            return bool(channel.notify(body=body, title=title, notify_type="info"))
    except Exception:  # a plugin's fault must not end the job that serves all channels
        return False


@contextlib.contextmanager
def _through(proxy: str | None) -> Iterator[None]:
    """Let what is sent now go through a proxy. Apprise knows none but that of the environment."""
    with _PROXY:
        before = {name: os.environ.get(name) for name in ("HTTP_PROXY", "HTTPS_PROXY")}
        if proxy:
            os.environ.update(dict.fromkeys(before, proxy))
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
