"""What this machine needs to run the service: looked at one by one, each with what to do."""

import os
import shutil
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from geo_service import migrations
from geo_service.db import make_engine
from geo_service.embedded import LONGEST_SOCKET_PATH, Cluster, installed
from geo_service.errors import CannotRun
from geo_service.settings import Settings
from layers.errors import YinxunError
from maps import fonts

LEAST_FREE_BYTES = 2 * 2**30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `told` says how it is, or what to do."""

    subject: str
    is_well: bool
    told: str


def examine(settings: Settings) -> list[Finding]:
    """Look at everything; what cannot even be looked at is a finding too."""
    looks: list[Callable[[Settings], Finding]] = [_python, _database, _disk, _tls, _fonts]
    if settings.database_url is None:
        looks[1:1] = [_programs, _directory]
    return [_found(look, settings) for look in looks]


def _found(look: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return look(settings)
    except YinxunError as error:
        return Finding((look.__doc__ or "").rstrip("."), False, error.detail)


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


def _database(settings: Settings) -> Finding:
    """数据库."""
    url = settings.database_url
    if url is None:
        cluster = Cluster.at(settings.data_dir)
        if not (cluster.socket_dir / ".s.PGSQL.5432").exists() or not cluster.answers():
            return Finding("数据库", True, "没有在运行；服务或命令需要时会自己启动")
        url = cluster.url()
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


def _disk(settings: Settings) -> Finding:
    """磁盘."""
    folder = next(
        path for path in (settings.data_dir, *settings.data_dir.absolute().parents) if path.exists()
    )
    free = shutil.disk_usage(folder).free
    told = f"{folder} 还剩 {free / 2**30:.1f} GB"
    if free < LEAST_FREE_BYTES:
        return Finding("磁盘", False, f"{told}，少于 2 GB。请清理磁盘，或用 GEO_DATA_DIR 换到别的盘")
    return Finding("磁盘", True, told)


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
