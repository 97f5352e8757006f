"""`backup`, `backup-key`, `restore` and `unit`: that nothing is lost, and that the service always runs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from geo_service import unit as units
from geo_service.accounts.scope import Actor
from geo_service.accounts.service import os_user
from geo_service.backups import deletions, keys, restoring
from geo_service.backups import service as backups
from geo_service.backups.service import Tell
from geo_service.backups.storing import backups_folder
from geo_service.cli.connect import connect
from geo_service.cli.options import existing
from geo_service.columns import printable
from geo_service.settings import load

app = typer.Typer()

Archive = Annotated[Path, typer.Argument(help="备份文件（.age）", show_default=False)]
Into = Annotated[Path, typer.Option("--into", help="恢复成的数据目录：空的，或还没有的", show_default=False)]
IdentityFile = Annotated[
    Path | None, typer.Option("--identity", help="密钥文件（backup-key 输出的）", show_default=False)
]
PassphraseFile = Annotated[
    Path | None, typer.Option("--passphrase-file", help="写有备份口令的文件", show_default=False)
]
ListFile = Annotated[
    Path | None,
    typer.Option("--deletions", help="已删除人员的编号名单；不写就用备份旁边的 deleted-ids.txt"),
]


@app.command(help="备份数据库、文件和密钥为一个加密的文件，放到备份目录，或用 -o 写到别处。")
def backup(
    output: Annotated[Path | None, typer.Option("-o", "--output", help="写成这个文件")] = None,
) -> None:
    """Make a backup now."""
    with connect() as (engine, settings), _bar() as tell:
        made = backups.make(engine, settings, Actor(os_user=os_user()), tell, target=output)
    manifest = made.manifest
    typer.echo(
        f"已备份：{made.path}（{made.bytes / 2**20:.1f} MB，{len(manifest.tables)} 张表 "
        f"{sum(manifest.tables.values())} 行，{manifest.files_count} 个文件）。"
    )
    if manifest.missing:
        typer.echo(
            f"注意：有 {len(manifest.missing)} 个文件的内容已经不在或已损坏，没有备份到。"
            f"较早的备份里也许还有；第一个是 {manifest.missing[0]}。",
            err=True,
        )
    if output is not None:
        typer.echo(
            f"恢复时还需要 {settings.backups_dir / deletions.FILE}（已删除人员的编号名单）。", err=True
        )
    if not keys.is_proved(settings, keys.demand_seal(settings)):
        typer.echo("注意：还没有证明密钥已另外保存。没有密钥，备份就打不开。" + _HOW_TO_PROVE, err=True)


_HOW_TO_PROVE = "请从保存的地方取来，运行 geo-service backup-key --prove 密钥文件。"


@app.command("backup-key", help="生成备份密钥：私钥只显示这一次，请存到别处；这台机器只留公钥。")
def backup_key(
    replace: Annotated[bool, typer.Option("--replace", help="换一把新的；以前的备份仍用以前的打开")] = False,
    prove: Annotated[
        str | None,
        typer.Option(
            "--prove", metavar="FILE|-", help="证明密钥（或口令）另外存着：写出那个文件，或 - 后输入"
        ),
    ] = None,
) -> None:
    """Make a key pair and print its secret part once, or prove that the secret was saved elsewhere."""
    settings = load()
    backups_folder(settings)
    if prove is not None:
        if prove == "-":
            secret = sys.stdin.read(10_000)
        else:
            path = existing(Path(prove))
            keys.demand_elsewhere(settings, path)
            secret = keys.secret_in(path)
        keys.prove(settings, secret)
        typer.echo("密钥正确，已记下它另外保存着。")
        return
    pair = keys.make_pair(settings, replace=replace)
    typer.echo(f"# 银巡的备份密钥。公钥：{pair.to_public()}\n{pair}")
    sys.stdout.flush()
    keys.keep_public(settings, pair)
    typer.echo(
        "以上是私钥，只显示这一次，这台机器没有保存它。请抄存到别处（U盘、保险柜），丢了它备份就打不开。"
        f"存好以后，{_HOW_TO_PROVE}正在运行的服务重新启动后开始自动备份。",
        err=True,
    )


@app.command(help="把一份备份恢复成一个新的数据目录；要么完整，要么什么也不留。")
def restore(
    archive: Archive,
    into: Into,
    identity: IdentityFile = None,
    passphrase_file: PassphraseFile = None,
    deletions_file: ListFile = None,
    without_deletions: Annotated[
        bool, typer.Option("--without-deletions", help="没有名单也恢复：备份以后删除的人会重新出现")
    ] = False,
) -> None:
    """Restore a backup into an empty directory."""
    settings = load()
    if (identity is None) == (passphrase_file is None):
        raise typer.BadParameter(
            "请用 --identity 写出密钥文件，或用 --passphrase-file 写出口令文件，二者选一。"
        )
    if without_deletions and deletions_file is not None:
        raise typer.BadParameter("--deletions 和 --without-deletions 只能写一个。")
    opener = keys.opener(
        identity=keys.secret_in(identity) if identity else None,
        passphrase=keys.secret_in(passphrase_file) if passphrase_file else None,
    )
    existing(archive)
    beside = deletions_file or archive.parent / deletions.FILE
    listed = None if without_deletions else restoring.deletion_list(beside)
    with _bar() as tell:
        done = restoring.restore(
            archive, into, opener, listed, Actor(os_user=os_user()), tell, database_url=settings.database_url
        )
    typer.echo(
        f"已恢复 {done.head.made_at} 的备份到 {into}：{sum(done.manifest.tables.values())} 行，"
        f"{done.manifest.files_count} 个文件；按名单再次删除 {done.forgotten} 人。"
    )
    for note in done.notes:
        typer.echo(printable(f"注意：{note}"), err=True)
    typer.echo(
        f"启动：GEO_DATA_DIR={into} geo-service serve。当时的设置见 {into / backups.SETTINGS_THEN}，"
        "核对后请删除它。",
        err=True,
    )


@app.command(help="打印 systemd 单元，或用 --install 装好：开机启动，出错自动重启。")
def unit(
    install: Annotated[bool, typer.Option("--install", help="写入 /etc，须以 root 运行")] = False,
) -> None:
    """Print or install the systemd unit for the settings in force."""
    settings = load()
    if not install:
        typer.echo(units.text(settings), nl=False)
        return
    for line in units.install(settings):
        typer.echo(line)


@contextmanager
def _bar() -> Iterator[Tell]:
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("准备", total=None)

        def tell(done: int, of: int, what: str) -> None:
            bar.update(task, completed=done, total=of, description=what)

        yield tell
