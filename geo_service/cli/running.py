"""`serve` and `doctor`: the service itself and whether this machine can run it."""

import datetime as dt
import logging
import os
import signal
import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from geo_service import doctor as examination
from geo_service import jobs, logs, migrations, privileges, turns, warming
from geo_service.accounts import service as accounts
from geo_service.accounts.scope import Actor
from geo_service.app import create_app
from geo_service.backups import deletions, keys
from geo_service.backups import service as backups
from geo_service.backups.storing import backups_folder
from geo_service.cases import handling as cases
from geo_service.coverage import walkable
from geo_service.db import make_engine, transaction
from geo_service.demo import service as demo_county
from geo_service.embedded import Cluster, make_private, service_user
from geo_service.errors import CannotRun, NotFound
from geo_service.jobs import Progress, Schedule, Work, Worker
from geo_service.keeper import kept
from geo_service.live.hub import Hub
from geo_service.messages import sending
from geo_service.notices import service as notices
from geo_service.patrols import again
from geo_service.patrols import sending as patrol_sending
from geo_service.planning import rounds
from geo_service.privacy import retention, traces
from geo_service.recorders import found
from geo_service.settings import Settings, load
from geo_service.tables import County, Json
from layers.errors import YinxunError

log = logging.getLogger(__name__)
app = typer.Typer()

GRACE_S = 10
"""How long requests under way may take when the service is told to stop."""


@app.command(help="启动服务：数据库、网页、接口和后台工作，直到按 Ctrl+C。")
def serve(
    host: Annotated[str | None, typer.Option(help="监听地址，默认 127.0.0.1（只有本机能访问）。")] = None,
    port: Annotated[int | None, typer.Option(help="监听端口，默认 8000。")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="HTTPS 证书（PEM，含中间证书）。")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="HTTPS 私钥（PEM）。")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="没有任何县时，生成演示县。")] = False,
    link: Annotated[bool, typer.Option("--link", help="打印管理员的一次性登录链接。")] = False,
    stay_root: Annotated[
        bool, typer.Option("--stay-root", hidden=True, help="Do not drop root: for tests and containers.")
    ] = False,
) -> None:
    """Run database, pages, interface and jobs until told to stop."""
    settings = load(host=host, port=port, tls_cert=tls_cert, tls_key=tls_key)
    logs.set_up()
    signal.signal(signal.SIGTERM, _interrupt)
    tls = _tls(settings)
    listening = _listen(settings)
    _become_service(settings, stay_root=stay_root)
    try:
        with _database(settings) as url:
            engine = make_engine(url)
            migrations.upgrade(engine, settings.data_dir / "dumps")
            engine.dispose()  # a connection that made all tables keeps 100 MB of catalogue in memory
            listening.listen(socket.SOMAXCONN)  # who follows the link at once is kept waiting, not refused
            with transaction(engine) as db:
                _complete_deletions(db, settings)
                greeting = _greeting(db, settings, link=link)
                walkable.ask_for_all(db)
                if demo:
                    _ask_for_demo(db)
            typer.echo("\n".join(greeting))
            sys.stdout.flush()
            _run(settings, engine, listening, tls)
    except KeyboardInterrupt:
        typer.echo("银巡已停止。")
    finally:
        listening.close()


@app.command(help="检查本机能否运行银巡；每一项都说明是否正常、该怎么办。")
def doctor() -> None:
    """Tell what on this machine is well, and what to do about the rest."""
    findings = examination.examine(load())
    for finding in findings:
        typer.echo(f"{'正常' if finding.is_well else '注意'}  {finding.subject}：{finding.told}")
    if not all(finding.is_well for finding in findings):
        raise typer.Exit(1)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """Load certificate and key while we may still be root."""
    if settings.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as failure:
        raise CannotRun(
            f"HTTPS 证书或私钥不能用：{failure.strerror or failure}。"
            f"{settings.tls_cert} 和 {settings.tls_key} 须是配对的 PEM 文件。"
        ) from failure
    return context


def _listen(settings: Settings) -> socket.socket:
    """Open the port before anything is started for it, and while we may still be root."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except (OSError, OverflowError) as failure:
        listening.close()
        raise CannotRun(
            f"不能在 {settings.host}:{settings.port} 上监听：{getattr(failure, 'strerror', failure)}。"
            "可能已有程序在用这个端口；可用 --port 换一个。"
        ) from failure
    return listening


def _become_service(settings: Settings, *, stay_root: bool) -> None:
    user = service_user(settings.data_dir)
    make_private(settings.data_dir, user)
    if os.geteuid() == 0 and not stay_root:
        privileges.demand_readable(user)
        privileges.drop(user)


@contextmanager
def _database(settings: Settings) -> Iterator[str]:
    if settings.database_url is not None:
        yield settings.database_url
        return
    with kept(Cluster.at(settings.data_dir)) as url:
        yield url


def _greeting(db: Session, settings: Settings, *, link: bool) -> list[str]:
    """Tell where the service is and how to get in; the first administrator is made here."""
    lines = [f"银巡已启动：{settings.address}/"]
    if first := accounts.first_administrator(db):
        login, password = first
        lines.append(
            f"第一次启动，已建立管理员。登录名 {login}，一次性密码 {password}（登录后须改为自己的密码）。"
        )
    if link:
        try:
            path = accounts.one_time_link(db, accounts.FIRST_LOGIN, Actor(os_user=accounts.os_user()))
        except NotFound:  # the first account was replaced by others
            lines.append(f"登录：{settings.address}/sign-in")
        else:
            lines.append(f"一次性登录链接（30 分钟内有效）：{settings.address}{path}")
    return lines


def _ask_for_demo(db: Session) -> None:
    """Have the demo made by a job, while the pages are open already; never beside real counties."""
    is_empty = db.scalar(select(County.id).limit(1)) is None
    if (is_empty or demo_county.is_unfinished(db)) and jobs.unfinished(db, demo_county.JOB) is None:
        jobs.enqueue(db, demo_county.JOB)


def _complete_deletions(db: Session, settings: Settings) -> None:
    """Bring the list beside the backups up to date; where it cannot be written, say so and go on."""
    try:
        deletions.complete(db, backups_folder(settings))
    except (OSError, CannotRun) as failure:
        log.error("the list of deleted ids cannot be written: %s", failure)


def _work(settings: Settings) -> Work:
    """Say which function does which kind of job, and what is done on a schedule."""

    def run_retention(db: Session, _payload: Json, _progress: Progress) -> None:
        retention.run(db.get_bind(), settings, Actor())

    def list_deletions(db: Session, _payload: Json, _progress: Progress) -> None:
        deletions.complete(db, backups_folder(settings))

    def back_up(db: Session, _payload: Json, progress: Progress) -> None:
        made = backups.make(db.get_bind().engine, settings, Actor(os_user=accounts.os_user()), progress)
        log.info("backup of %d bytes made, %d older ones dropped", made.bytes, made.dropped)

    def close_patrols(db: Session, _payload: Json, _progress: Progress) -> None:
        hours = dt.timedelta(hours=settings.patrol_close_hours)
        closed = patrol_sending.close_abandoned(db, after=hours, home_cut_m=settings.home_cut_m)
        log.info("closed %d patrols without an end", closed)

    def look_who_is_overdue(db: Session, _payload: Json, _progress: Progress) -> None:
        raised = notices.look_who_is_overdue(db, after=dt.timedelta(hours=settings.overdue_hours))
        log.info("raised %d alerts of patrols that are not back", raised)

    def put_late_fixes_in_place(db: Session, _payload: Json, _progress: Progress) -> None:
        rules = patrol_sending.Rules(settings.home_cut_m, dt.timedelta(days=settings.late_days))
        log.info("put %d late fixes of recorders in place", found.put_in_place(db, rules))

    def run_case_clock(db: Session, _payload: Json, _progress: Progress) -> None:
        log.info("the clock took %d steps of cases", cases.run_clock(db))

    def send_messages(db: Session, _payload: Json, _progress: Progress) -> None:
        sent = sending.send_all(db.get_bind(), address=settings.address, proxy=settings.message_proxy)
        log.info("sent %d messages", sent)

    schedules = [
        Schedule(sending.JOB, dt.timedelta(minutes=1)),
        Schedule(found.LATE, dt.timedelta(minutes=10)),
        Schedule(notices.OVERDUE, dt.timedelta(minutes=10)),
        Schedule(cases.CLOCK_JOB, dt.timedelta(minutes=10)),
        Schedule(retention.JOB, dt.timedelta(days=1)),
        Schedule(patrol_sending.CLOSE, dt.timedelta(minutes=15)),
    ]
    if _has_seal(settings):
        schedules.append(Schedule(backups.JOB, dt.timedelta(hours=settings.backup_every_hours)))
    return Work(
        {
            demo_county.JOB: demo_county.make_by_job,
            retention.JOB: run_retention,
            traces.VACUUM: traces.vacuum_by_job,
            deletions.JOB: list_deletions,
            backups.JOB: back_up,
            patrol_sending.CLOSE: close_patrols,
            notices.OVERDUE: look_who_is_overdue,
            cases.CLOCK_JOB: run_case_clock,
            sending.JOB: send_messages,
            found.LATE: put_late_fixes_in_place,
            again.JOB: again.by_job,
            walkable.JOB: walkable.by_job,
            rounds.JOB: rounds.by_job,
        },
        tuple(schedules),
    )


def _has_seal(settings: Settings) -> bool:
    """Tell whether backups can be closed; without a key none is made, and `doctor` says how to get one."""
    try:
        found = keys.seal(settings) is not None
    except YinxunError as error:
        log.error("no backups are made: %s", error.title)
        return False
    if not found:
        log.warning("no backups are made: there is no key; see doctor")
    return found


class _Server(uvicorn.Server):
    """Ends the streams before it waits for the requests under way: they would go on for ever."""

    def __init__(self, config: uvicorn.Config, live: Hub) -> None:
        super().__init__(config)
        self._live = live

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, streams first."""
        self._live.close()
        await super().shutdown(sockets)


def _run(settings: Settings, engine: Engine, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
    application = create_app(settings, engine)
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        proxy_headers=settings.trusted_proxy is not None,
        forwarded_allow_ips=str(settings.trusted_proxy or ""),
        timeout_graceful_shutdown=GRACE_S,
        ssl_context_factory=(lambda _config, _default: tls) if tls else None,
    )
    worker = Worker(engine, _work(settings))
    turns.keep_turns_short()
    worker.start()
    warming.start()
    try:
        _Server(config, application.state.live).run(sockets=[listening])
    finally:
        worker.stop()
        engine.dispose()
