"""The one settings class. Every setting is described in the README; a test holds it."""

import os
from pathlib import Path
from typing import Any, Self

from pydantic import Field, IPvAnyAddress, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from geo_service.errors import CannotRun

PREFIX = "GEO_"


def _default_data_dir() -> Path:
    return Path("/var/lib/yinxun/data") if os.geteuid() == 0 else Path.home() / ".local/share/yinxun"


class Settings(BaseSettings):
    """Values from the environment, prefix GEO_; an unknown GEO_ name is refused at start."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    database_url: str | None = Field(default=None, pattern="^postgres(ql(\\+psycopg)?)?://")
    """An existing PostGIS server; without it the service runs a private cluster in `data_dir`."""
    data_dir: Path = Field(default_factory=_default_data_dir)
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    public_url: str | None = Field(default=None, pattern="^https?://")
    """How users reach the service, if behind a proxy; https here makes cookies secure."""
    trusted_proxy: IPvAnyAddress | None = None
    """Address of the proxy whose X-Forwarded-* headers are believed."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tianditu_key: str | None = None
    tianditu_approval: str | None = None
    """The approval number (审图号) that Tianditu publishes, printed on maps that show its tiles."""
    raw_days: int = Field(default=7, ge=0)
    """Days after which raw batches, originals of imports and tracks, and dumps before upgrades go."""
    open_raw_days: int = Field(default=30, ge=0)
    """Days after which raw batches of a patrol are dropped that never came to its end."""
    track_days: int = Field(default=180, ge=0)
    """Days after which cleaned tracks are dropped; what they covered stays."""
    patrol_close_hours: int = Field(default=12, ge=1, le=24 * 365)
    """Hours after its last sending in which a patrol whose end never comes is closed."""
    still_minutes: int = Field(default=20, ge=1, le=24 * 60)
    """Minutes without moving after which a volunteer's phone asks whether he is well."""
    overdue_hours: int = Field(default=3, ge=1, le=24 * 7)
    """Hours without a word of a patrol under way after which its coordinator is told."""
    patrol_max_hours: int = Field(default=4, ge=1, le=24)
    """Hours after which a volunteer's phone asks whether he is still on patrol."""
    late_days: int = Field(default=30, ge=1, le=3650)
    """Days within which a phone may send what it recorded."""
    home_cut_m: float = Field(default=200.0, ge=0)
    same_name_m: float = Field(default=200.0, ge=0)
    """Ends of ways of one name that lie within this distance belong to one place."""
    max_upload_mb: int = Field(default=200, ge=1)
    message_proxy: str | None = Field(default=None, pattern="^https?://")
    """The proxy through which messages to robots and webhooks go."""
    report_template: Path | None = None
    """An office's own template (DOCX) of the report, in place of the one that comes with the service."""
    staff_idle_minutes: int = Field(default=30, ge=1)
    least_free_mb: int = Field(default=500, ge=0)
    """With less room on the disk nothing large is taken in."""
    backup_dir: Path | None = None
    """Where backups and the list of deleted ids lie; better on another disk than the data."""
    backup_recipient: str | None = Field(default=None, pattern="^age1[0-9a-z]{58}$")
    """The public key to which backups are encrypted; without it the one that `backup-key` made."""
    backup_passphrase_file: Path | None = None
    """A file outside the data with the passphrase of backups, instead of a key."""
    backup_every_hours: int = Field(default=24, ge=1)
    backup_keep: int = Field(default=14, ge=1)

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("GEO_TLS_CERT and GEO_TLS_KEY belong together")
        if self.backup_recipient is not None and self.backup_passphrase_file is not None:
            raise ValueError("GEO_BACKUP_RECIPIENT and GEO_BACKUP_PASSPHRASE_FILE exclude each other")
        return self

    @property
    def files_dir(self) -> Path:
        """Where kept files lie."""
        return self.data_dir / "files"

    @property
    def backups_dir(self) -> Path:
        """Where backups lie."""
        return self.backup_dir or self.data_dir / "backups"

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the service by https, here or at the proxy."""
        return self.tls_cert is not None or (self.public_url or "").startswith("https://")

    @property
    def address(self) -> str:
        """The URL to tell people."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104  (what to type)
        return f"{'https' if self.tls_cert else 'http'}://{host}:{self.port}"


def load(**given: Any) -> Settings:
    """Read the settings; `given` (from the command line, None where not given) overrules the environment.

    Raises `CannotRun` that names every setting that is unknown or not understood.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    wrong = [f"{name} 不是已知的设置" for name in os.environ if name.startswith(PREFIX) and name not in known]
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        wrong += [f"{PREFIX}{'.'.join(map(str, e['loc'])).upper()}：{e['msg']}" for e in error.errors()]
    if wrong:
        raise CannotRun(
            f"设置有误：{'；'.join(wrong)}。README 的“设置”一节列出了全部设置。", title="A setting is wrong."
        )
    return settings
