"""Passwords: how they are hashed, which are taken, and the one-time ones that are handed out."""

import secrets
import threading
import unicodedata
from collections.abc import Sequence

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from geo_service.errors import Invalid

MIN_LENGTH = 10
MAX_LENGTH = 128
MIN_CLASSES = 3
REMEMBERED = 5
"""So many of the latest passwords cannot be taken again."""
WARN_DAYS = 90
"""After so many days its owner is asked, not forced, to take a new one."""

_ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without characters that look alike (0 O o, 1 l I): people copy them from paper."""
_GROUPS, _GROUP_LENGTH = 3, 4

# 19 MiB, twice: the least that OWASP's password storage sheet names for argon2id. On a small county
# machine more memory would only make a flood of sign-ins dearer, which is also why two run at a time.
_HASHER = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1),))
_AT_ONCE = threading.BoundedSemaphore(2)


def normal(text: str) -> str:
    """Return text the same from any keyboard: full-width forms as ASCII, outer blanks away, encodable.

    >>> normal(" Ｙｉｎｘｕｎ２０２６! ")
    'Yinxun2026!'
    """
    whole = text.encode("utf-8", "replace").decode()
    return unicodedata.normalize("NFKC", whole).strip()


def hashed(password: str) -> str:
    """Return the argon2id hash of a password."""
    with _AT_ONCE:
        return _HASHER.hash(normal(password))


def matches(password: str, password_hash: str | None) -> bool:
    """Tell whether the password is that of the hash; without a hash it takes as long and is false."""
    password = normal(password)
    fits = len(password) <= MAX_LENGTH
    with _AT_ONCE:
        verified = _HASHER.verify(password[:MAX_LENGTH], password_hash or _NOBODYS)
    return verified and fits and password_hash is not None


def check(password: str, *, login: str, history: Sequence[str]) -> None:
    """Raise `Invalid`, saying everything that is missing, unless the password may be taken.

    `history` holds the hashes of the latest passwords.
    """
    password = normal(password)
    missing = []
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        missing.append(f"长度 {MIN_LENGTH} 到 {MAX_LENGTH} 位（现在 {len(password)} 位）")
    if _classes(password) < MIN_CLASSES:
        missing.append("大写字母、小写字母、数字、其他符号四类中至少三类")
    if login.casefold() in password.casefold():
        missing.append("不包含登录名")
    if missing:
        raise Invalid(f"新密码还需要：{'；'.join(missing)}。")
    if any(matches(password, old) for old in history[:REMEMBERED]):
        raise Invalid(f"新密码不能与最近 {REMEMBERED} 次用过的相同，请换一个。")


def one_time() -> str:
    """Return a random password of 69 bits to hand out once, in groups that are easy to copy.

    >>> len(one_time()), one_time().count("-")
    (14, 2)
    """
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
    return "-".join(groups)


def _classes(password: str) -> int:
    kinds = (str.isupper, str.islower, str.isdigit, lambda c: not (c.isupper() or c.islower() or c.isdigit()))
    return sum(any(kind(c) for c in password) for kind in kinds)


_NOBODYS = hashed(one_time())
