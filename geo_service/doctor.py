"""What this machine needs to run the service: looked at one by one, each with what to do."""

import datetime as dt
import os
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from geo_service import migrations
from geo_service.backups import keys
from geo_service.backups import service as backups
from geo_service.db import make_engine, transaction
from geo_service.embedded import LONGEST_SOCKET_PATH, Cluster, installed
from geo_service.errors import CannotRun
from geo_service.privacy import retention
from geo_service.room import free_bytes, least_free_bytes, nearest
from geo_service.settings import Settings
from layers.errors import YinxunError
from maps import fonts

LATE = 2
"""A backup is late after so many of its periods."""
_TWO_DAYS_H = 48
EARLY = 4
"""The disk is told of when its room is down to so many times what the service asks for."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `told` says how it is, or what to do."""

    subject: str
    is_well: bool
    told: str


def examine(settings: Settings) -> list[Finding]:
    """Look at everything; what cannot even be looked at is a finding too."""
    looks: list[Callable[[Settings], Finding]] = [_python, _database, _retention, _disk]
    looks += [_key, _backups, _apart, _dumps, _tls, _fonts]
    if settings.database_url is None:
        looks[1:1] = [_programs, _directory]
    return [_found(look, settings) for look in looks]


def _found(look: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return look(settings)
    except YinxunError as error:
        return Finding((look.__doc__ or "").rstrip("."), False, error.detail)
    except OSError as error:
        told = f"{error.strerror}：{error.filename}。请用 root 或数据目录的主人运行"
        return Finding((look.__doc__ or "").rstrip("."), False, told)


def _python(_: Settings) -> Finding:
    """Python."""
    told = f"{sys.version.split()[0]}（{sys.prefix}）"
    return Finding("Python", sys.version_info >= (3, 11), told)


def _programs(settings: Settings) -> Finding:
    """PostgreSQL."""
    found = installed()
    if not any(binaries.has_postgis for binaries in found):
        raise CannotRun(
            "没有带 PostGIS 的 PostgreSQL。请运行 ./start，或 apt-get install postgresql postgis。"
        )
    cluster = Cluster.at(settings.data_dir)
    have = "、".join(str(binaries.major) for binaries in found)
    return Finding("PostgreSQL", True, f"本机有 {have}，数据用 {cluster.binaries.major}")


def _directory(settings: Settings) -> Finding:
    """数据目录."""
    cluster = Cluster.at(settings.data_dir)
    beside = len(os.fsencode(settings.data_dir / "run/.s.PGSQL.5432")) <= LONGEST_SOCKET_PATH
    where = "" if beside else f"；路径太深，套接字放在 {cluster.socket_dir}"
    if not settings.data_dir.exists():
        return Finding(
            "数据目录",
            True,
            f"{settings.data_dir} 还没有，首次启动时由用户 {cluster.user.pw_name} 建立{where}",
        )
    mode = settings.data_dir.stat().st_mode & 0o777
    if mode & 0o027:
        told = f"{settings.data_dir} 的权限是 {mode:o}，其他用户能进入。请执行 chmod 700 {settings.data_dir}"
        return Finding("数据目录", False, told)
    return Finding("数据目录", True, f"{settings.data_dir}，属于用户 {cluster.user.pw_name}{where}")


def _url(settings: Settings) -> str | None:
    """Return where the database answers; None while the private one does not run."""
    if settings.database_url is not None:
        return settings.database_url
    cluster = Cluster.at(settings.data_dir)
    runs = (cluster.socket_dir / ".s.PGSQL.5432").exists() and cluster.answers()
    return cluster.url() if runs else None


def _database(settings: Settings) -> Finding:
    """数据库."""
    url = _url(settings)
    if url is None:
        return Finding("数据库", True, "没有在运行；服务或命令需要时会自己启动")
    engine = make_engine(url)
    try:
        if migrations.is_empty(engine):
            return Finding("数据库", True, "是空的，首次启动时建表")
        migrations.check(engine)
    except SQLAlchemyError as failure:
        reason = str(getattr(failure, "orig", failure)).strip().splitlines()[0]
        return Finding("数据库", False, f"连不上：{reason}。请检查 GEO_DATABASE_URL 和服务器")
    finally:
        engine.dispose()
    return Finding("数据库", True, f"应答正常，表是最新的（{migrations.revisions()[0]}）")


def _retention(settings: Settings) -> Finding:
    """按期限删除."""
    subject = "按期限删除"
    try:
        state = _retention_state(settings)
    except (SQLAlchemyError, CannotRun):
        return Finding(subject, True, "数据库看不到，见上一项")
    if state is None:
        return Finding(subject, True, "没有数据，或数据库没有在运行；服务运行时每天自动做")
    told = f"最近一次（或建县）是 {state.since.astimezone():%Y-%m-%d %H:%M}，到期还在的 {state.left} 项"
    if not state.is_well(dt.datetime.now(dt.UTC)):
        return Finding(subject, False, f"{told}。请让服务一直运行，或执行 geo-service retention")
    return Finding(subject, True, told)


def _retention_state(settings: Settings) -> retention.State | None:
    url = _url(settings)
    if url is None:
        return None
    engine = make_engine(url)
    try:
        if migrations.is_empty(engine):
            return None
        migrations.check(engine)
        with transaction(engine) as db:
            return retention.state(db)
    finally:
        engine.dispose()


def _disk(settings: Settings) -> Finding:
    """磁盘."""
    free, least = free_bytes(settings.data_dir), least_free_bytes(settings)
    told = f"{settings.data_dir} 所在的磁盘还剩 {free / 2**30:.1f} GB"
    if free < least:
        told += f"，少于 {settings.least_free_mb} MB，已不再接收上传和导入"
    elif free < EARLY * least:
        told += f"；少于 {settings.least_free_mb} MB 时将不再接收上传和导入"
    else:
        return Finding("磁盘", True, told)
    return Finding("磁盘", False, f"{told}。请清理磁盘，或用 GEO_DATA_DIR 换到别的盘")


def _key(settings: Settings) -> Finding:
    """备份密钥."""
    seal = keys.demand_seal(settings)
    if not keys.is_proved(settings, seal):
        told = (
            "还没有证明密钥（或口令）已存到别处；没有它备份就打不开。"
            "请从保存的地方取来，运行 geo-service backup-key --prove 密钥文件"
        )
        return Finding("备份密钥", False, told)
    return Finding("备份密钥", True, "已设好，并证明过另外存着一份")


def _backups(settings: Settings) -> Finding:
    """备份."""
    folder = settings.backups_dir
    if not folder.exists():
        return Finding(
            "备份", False, f"{folder} 还没有备份。设好密钥后服务会自动备份，或运行 geo-service backup"
        )
    if not os.access(folder, os.R_OK | os.W_OK):
        return Finding(
            "备份", False, f"不能读写备份目录 {folder}。请检查它的权限，或用 GEO_BACKUP_DIR 换一个"
        )
    found = backups.existing(folder)
    if not found:
        return Finding("备份", False, f"{folder} 里还没有备份。请运行 geo-service backup")
    newest = found[0]
    backups.check(newest)
    hours = (dt.datetime.now(dt.UTC) - newest.made_at).total_seconds() / 3600
    told = f"{folder} 有 {len(found)} 份，最新的是 {_hours(hours)}前（{newest.path.name}）"
    if hours > LATE * settings.backup_every_hours:
        told += f"，早该有新的了（每 {settings.backup_every_hours} 小时一份）。"
        told += "请看服务日志，或运行 geo-service backup"
        return Finding("备份", False, told)
    return Finding("备份", True, told)


def _hours(hours: float) -> str:
    return f"{hours / 24:.0f} 天" if hours >= _TWO_DAYS_H else f"{hours:.0f} 小时"


def _apart(settings: Settings) -> Finding:
    """备份位置."""
    data, kept = (nearest(path).stat().st_dev for path in (settings.data_dir, settings.backups_dir))
    if data == kept:
        told = (
            f"备份（{settings.backups_dir}）和数据在同一块磁盘上，磁盘坏了会一起丢失。"
            "请用 GEO_BACKUP_DIR 放到另一块磁盘，或定期把整个备份目录复制到别的机器"
        )
        return Finding("备份位置", False, told)
    return Finding("备份位置", True, f"{settings.backups_dir}，和数据不在同一块磁盘上")


def _dumps(settings: Settings) -> Finding:
    """升级前的转储."""
    old = [
        path
        for path in (settings.data_dir / "dumps").glob("*")
        if path.stat().st_mtime < time.time() - settings.raw_days * 86_400
    ]
    if old:
        told = (
            f"{old[0].parent} 里有 {len(old)} 个超过 {settings.raw_days} 天的转储，没有加密，"
            "可能还有已删除的个人信息。升级后一切正常的话，请删除它们"
        )
        return Finding("升级前的转储", False, told)
    return Finding("升级前的转储", True, "没有久放的")


def _tls(settings: Settings) -> Finding:
    """HTTPS."""
    if settings.tls_cert is None:
        if settings.is_https:
            return Finding("HTTPS", True, f"由代理提供（{settings.public_url}）")
        told = "没有设置。手机定位需要 HTTPS；只在本机使用则不需要（--tls-cert、--tls-key 或 GEO_PUBLIC_URL）"
        return Finding("HTTPS", settings.host in ("127.0.0.1", "localhost", "::1"), told)
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            settings.tls_cert, settings.tls_key
        )
    except (OSError, ssl.SSLError) as failure:
        return Finding(
            "HTTPS", False, f"证书或私钥不能用：{failure.strerror or failure}。须是配对的 PEM 文件"
        )
    return Finding("HTTPS", True, f"证书 {settings.tls_cert}")


def _fonts(_: Settings) -> Finding:
    """中文字体."""
    found = fonts.find()
    if found is None:
        told = f"没有打印地图用的字体，其他功能不受影响。请管理员执行 apt-get install {fonts.PACKAGE}"
        return Finding("中文字体", False, told)
    return Finding("中文字体", True, f"打印地图用 {found}")
