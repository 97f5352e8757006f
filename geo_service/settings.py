"""The one settings class. Every setting is described in the README; a test holds it."""

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _default_data_dir() -> Path:
    return Path("/var/lib/yinxun/data") if os.geteuid() == 0 else Path.home() / ".local/share/yinxun"


class Settings(BaseSettings):
    """Values from the environment, prefix GEO_; an unknown GEO_ name is refused at start."""

    model_config = SettingsConfigDict(env_prefix="GEO_", extra="forbid", frozen=True)

    database_url: str | None = None
    """An existing PostGIS server; without it the service runs a private cluster in `data_dir`."""
    data_dir: Path = Field(default_factory=_default_data_dir)
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str | None = None
    """How users reach the service, if behind a proxy; https here makes cookies secure."""
    trusted_proxy: str | None = None
    """Address of the proxy whose X-Forwarded-* headers are believed."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tianditu_key: str | None = None
    raw_days: int = Field(default=7, ge=0)
    """Days after which raw batches are dropped."""
    track_days: int = Field(default=180, ge=0)
    """Days after which cleaned tracks are dropped; what they covered stays."""
    home_cut_m: float = Field(default=200.0, ge=0)
    same_name_m: float = Field(default=200.0, ge=0)
    """Ends of ways of one name that lie within this distance belong to one place."""
    max_upload_mb: int = Field(default=200, ge=1)
    staff_idle_minutes: int = Field(default=30, ge=1)
