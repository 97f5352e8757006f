"""Who can open a backup: the holder of a secret key or of a passphrase, neither of which lies with the data.

An archive is an age file for one public key. For a passphrase the key pair is new each time, and its secret
part, locked with the passphrase, stands in front of the archive.

A proof says that the secret was seen to exist elsewhere: someone brought it, and it fitted.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import pyrage
from pyrage.x25519 import Identity, Recipient

from geo_service.backups.storing import whole
from geo_service.errors import Conflict, Invalid
from geo_service.settings import Settings
from layers.errors import BadFile

PUBLIC, PROOF = "backup-key.pub", "backup-key.proof"
"""In the data directory: the public key that `backup-key` made, and what was proved of the secret."""
LOCKED = b"yinxun-backup locked-key "
"""Begins an archive that a passphrase opens; then the length of the locked key, a line feed, the key."""
_PROBE = b"yinxun"
_LONGEST_SECRET_BYTES = 10_000
_SHORTEST_PASSPHRASE = 12

Opener = Callable[[BinaryIO], Identity]
"""Reads what stands in front of the archive and returns the identity that opens the rest."""


class Seal(Protocol):
    """What an archive is closed with."""

    def begin(self) -> tuple[bytes, Recipient]:
        """Return what stands in front of an archive, and the public key it is encrypted to."""

    def fits(self, secret: str) -> bool:
        """Tell whether a secret would open what this closes."""

    def proof(self) -> bytes:
        """Return what to remember of a proof."""

    def is_proved_by(self, proof: bytes) -> bool:
        """Tell whether what is remembered was proved of this very seal."""


@dataclass(frozen=True)
class KeySeal:
    """A public key; only the holder of the secret key can open."""

    recipient: str

    def begin(self) -> tuple[bytes, Recipient]:
        """Return nothing in front, and the key."""
        return b"", _recipient(self.recipient)

    def fits(self, secret: str) -> bool:
        """Tell whether the secret key is the one of this public key."""
        return str(_identity(secret).to_public()) == self.recipient

    def proof(self) -> bytes:
        """Return the public key whose secret key was shown."""
        return self.recipient.encode()

    def is_proved_by(self, proof: bytes) -> bool:
        """Tell whether the proof was of this key."""
        return proof.strip() == self.recipient.encode()


@dataclass(frozen=True)
class PassphraseSeal:
    """A passphrase, the same for closing and opening."""

    passphrase: str

    def begin(self) -> tuple[bytes, Recipient]:
        """Return a new secret key locked with the passphrase, and its public key."""
        identity = Identity.generate()
        locked: bytes = pyrage.passphrase.encrypt(str(identity).encode(), self.passphrase)
        return LOCKED + f"{len(locked)}\n".encode() + locked, identity.to_public()

    def fits(self, secret: str) -> bool:
        """Tell whether it is the same passphrase."""
        return secret.strip() == self.passphrase

    def proof(self) -> bytes:
        """Return a probe that only this passphrase opens."""
        return bytes(pyrage.passphrase.encrypt(_PROBE, self.passphrase))

    def is_proved_by(self, proof: bytes) -> bool:
        """Tell whether the probe opens."""
        try:
            return bool(pyrage.passphrase.decrypt(proof, self.passphrase) == _PROBE)
        except pyrage.DecryptError:
            return False


def seal(settings: Settings) -> Seal | None:
    """Return what backups are closed with; None where nothing was set up. Raises Invalid, BadFile."""
    if path := settings.backup_passphrase_file:
        if path.resolve().is_relative_to(settings.data_dir.resolve()):
            raise Invalid(
                f"口令文件 {path} 在数据目录里，会和数据一起丢失。"
                "请移到别处，再改 GEO_BACKUP_PASSPHRASE_FILE。"
            )
        passphrase = secret_in(path).strip()
        if len(passphrase) < _SHORTEST_PASSPHRASE:
            raise Invalid(f"{path} 里的备份口令太短，至少 {_SHORTEST_PASSPHRASE} 个字符，请换一个长的。")
        return PassphraseSeal(passphrase)
    if settings.backup_recipient:
        _recipient(settings.backup_recipient)
        return KeySeal(settings.backup_recipient)
    made = settings.data_dir / PUBLIC
    return KeySeal(made.read_text().strip()) if made.exists() else None


def demand_seal(settings: Settings) -> Seal:
    """Return what backups are closed with. Raises Invalid that says how to set it up."""
    found = seal(settings)
    if found is None:
        raise Invalid(
            "还没有备份密钥，不能备份。请运行 geo-service backup-key > 密钥.txt，"
            "把密钥文件存到这台机器以外的地方；"
            "或设置 GEO_BACKUP_RECIPIENT（公钥）或 GEO_BACKUP_PASSPHRASE_FILE（口令文件）。"
        )
    return found


def make_pair(settings: Settings, *, replace: bool) -> Identity:
    """Return a new key pair for `keep_public`. Raises Conflict if a key is in use already."""
    if settings.backup_passphrase_file or settings.backup_recipient:
        raise Conflict("已用 GEO_BACKUP_RECIPIENT 或 GEO_BACKUP_PASSPHRASE_FILE 设好了备份密钥，不必再生成。")
    if (settings.data_dir / PUBLIC).exists() and not replace:
        raise Conflict(
            "已经有备份密钥了，没有改动。要换新的请加 --replace；以前的备份仍须用以前的密钥打开，请一并保存。"
        )
    return Identity.generate()


def keep_public(settings: Settings, identity: Identity) -> str:
    """Keep the public part of a pair, and nothing else of it; return it."""
    public = str(identity.to_public())
    with whole(settings.data_dir / PUBLIC) as file:
        file.write(f"{public}\n".encode())
    return public


def prove(settings: Settings, secret: str) -> None:
    """Note that the secret exists elsewhere, if it is the right one. Raises Invalid."""
    closed_with = demand_seal(settings)
    if not closed_with.fits(secret):
        raise Invalid(
            "这不是现在所用的备份密钥（或口令）。请找到正确的那一份；找不到就生成新的：backup-key --replace。"
        )
    with whole(settings.data_dir / PROOF) as file:
        file.write(closed_with.proof())


def is_proved(settings: Settings, closed_with: Seal) -> bool:
    """Tell whether the secret of this seal was seen to exist elsewhere."""
    path = settings.data_dir / PROOF
    return path.exists() and closed_with.is_proved_by(path.read_bytes())


def demand_elsewhere(settings: Settings, path: Path) -> None:
    """Raise Invalid if a file that should prove a copy elsewhere is the original, or lies with the data."""
    original = settings.backup_passphrase_file
    if original and original.exists() and path.exists() and os.path.samefile(path, original):
        raise Invalid("这就是服务在用的口令文件本身，证明不了别处还有一份。请用另外保存的那一份。")
    if path.resolve().is_relative_to(settings.data_dir.resolve()):
        raise Invalid("这个文件在数据目录里，会和数据一起丢失。请用保存在别处的那一份。")


def secret_in(path: Path) -> str:
    """Return the text of a small file that holds a secret. Raises BadFile."""
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST_SECRET_BYTES).decode()
    except OSError as failure:
        raise BadFile(f"读不到密钥或口令文件 {path}：{failure.strerror}。") from failure
    except UnicodeDecodeError as failure:
        raise BadFile(f"{path} 不是文本文件，请核对是不是密钥或口令文件。") from failure


def opener(*, identity: str | None = None, passphrase: str | None = None) -> Opener:
    """Return how to open an archive with the text of an identity file, or with a passphrase."""
    if identity is not None:
        return _by_identity(_identity(identity))
    return _by_passphrase((passphrase or "").strip())


def _by_identity(identity: Identity) -> Opener:
    def open_(file: BinaryIO) -> Identity:
        if _locked_key(file) is not None:
            raise Invalid("这份备份是用口令加密的，请用 --passphrase-file 写出口令文件。")
        return identity

    return open_


def _by_passphrase(passphrase: str) -> Opener:
    def open_(file: BinaryIO) -> Identity:
        locked = _locked_key(file)
        if locked is None:
            raise Invalid("这份备份是用公钥加密的，请用 --identity 写出密钥文件。")
        try:
            return _identity(pyrage.passphrase.decrypt(locked, passphrase).decode())
        except pyrage.DecryptError:
            raise Invalid("口令不对，打不开这份备份；若口令无误，则文件开头已损坏。") from None

    return open_


def _locked_key(file: BinaryIO) -> bytes | None:
    """Read the locked key in front of an archive; where there is none, leave the file at its beginning."""
    if length := locked_length(file.readline(len(LOCKED) + 8)):
        return file.read(length)
    file.seek(0)
    return None


def locked_length(line: bytes) -> int:
    r"""Return how many bytes of a locked key follow the first line of an archive; 0 where there is none.

    >>> locked_length(LOCKED + b"185\n"), locked_length(b"age-encryption.org/v1\n")
    (185, 0)
    """
    length = line.removeprefix(LOCKED).strip()
    return int(length) if line.startswith(LOCKED) and length.isdigit() else 0


def _identity(text: str) -> Identity:
    """Read a secret key as `backup-key` and age-keygen write it: comments, then one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) == 1:
        try:
            return Identity.from_str(lines[0])
        except pyrage.IdentityError:
            pass
    raise Invalid(
        "这不是备份密钥。密钥是一行以 AGE-SECRET-KEY-1 开头的文字，可以直接用 backup-key 输出的文件。"
    )


def _recipient(text: str) -> Recipient:
    try:
        return Recipient.from_str(text)
    except pyrage.RecipientError:
        raise Invalid(f"「{text}」不是 age 公钥，请核对 GEO_BACKUP_RECIPIENT 是否抄全。") from None
