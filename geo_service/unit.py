"""The systemd unit that runs the service as a user of its own, and how it is put in its place."""

import contextlib
import os
import pwd
import shutil
import string
import subprocess
import sys
from pathlib import Path

from geo_service.embedded import Cluster, as_user, make_private, service_user
from geo_service.errors import CannotRun
from geo_service.settings import PREFIX, Settings

NAME = "yinxun.service"
UNIT, ENVIRONMENT = Path("etc/systemd/system") / NAME, Path("etc/yinxun/yinxun.env")
USER = "yinxun"
_TEMPLATE = Path(__file__).with_name("yinxun.service.in")
_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
_FIRST_FREE_PORT = 1024


def text(settings: Settings) -> str:
    """Return the unit for the settings in force."""
    program, data_dir = _program(), settings.data_dir.absolute()
    writable = [_word(data_dir)]
    if not settings.backups_dir.absolute().is_relative_to(data_dir):
        writable.append("-" + _word(settings.backups_dir.absolute()))  # its disk may not be there at start
    through_tmp = _talks_through_tmp(settings)
    if through_tmp:
        writable.append("/tmp")  # noqa: S108  (else a private one is writable)
    in_home = any(path.is_relative_to(home) for path in (data_dir, Path(program[0])) for home in _HOMES)
    values = {
        "user": _user_name(settings),
        "environment_file": _word(Path("/") / ENVIRONMENT),
        "data_dir": f"{data_dir}".replace("%", "%%"),
        "program": " ".join(map(_word, program)),
        "writable": " ".join(writable),
        "protect_home": "read-only" if in_home else "yes",
        "private_tmp": "no" if through_tmp else "yes",
        "capabilities": "CAP_NET_BIND_SERVICE" if 0 < settings.port < _FIRST_FREE_PORT else "",
    }
    return string.Template(_TEMPLATE.read_text()).substitute(values)


def install(settings: Settings, root: Path = Path("/")) -> list[str]:
    """Make the user, the directories, the unit and its environment file; return what to tell.

    An environment file that is there stays as it is. Raises CannotRun.
    """
    if os.geteuid() != 0:
        raise CannotRun("安装 systemd 单元须以 root 运行：sudo geo-service unit --install。")
    _make_user(settings)
    user = pwd.getpwnam(_user_name(settings))
    for folder in (settings.data_dir, settings.backups_dir):
        make_private(folder, user)
    unit, environment = root / UNIT, root / ENVIRONMENT
    for path in (unit, environment):
        path.parent.mkdir(parents=True, exist_ok=True)
    unit.write_text(text(settings))
    told = [f"已写入 {unit}（用户 {user.pw_name}）。"]
    if environment.exists():
        told.append(f"{environment} 已经有了，没有改动；设置改在这个文件里。")
    else:
        with os.fdopen(os.open(environment, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "w") as file:
            file.write(_environment())
        os.chown(environment, 0, user.pw_gid)
        told.append(f"已把现在的设置写入 {environment}；以后改设置就改它。")
    if (
        settings.tls_key
        and subprocess.run(as_user(user, "/usr/bin/test", "-r", settings.tls_key), check=False).returncode
    ):
        told.append(
            f"注意：用户 {user.pw_name} 读不到 {settings.tls_key}。请执行 chgrp {user.pw_name} 和 chmod 640。"
        )
    if Path("/run/systemd/system").exists() and root == Path("/"):
        subprocess.run(["systemctl", "daemon-reload"], check=False)
    told.append(f"启动并设为开机启动：systemctl enable --now {NAME}；查看：journalctl -u {NAME}。")
    return told


def _make_user(settings: Settings) -> None:
    with contextlib.suppress(KeyError):
        pwd.getpwnam(_user_name(settings))
        return
    nologin = shutil.which("nologin", path="/usr/sbin:/sbin") or "/bin/false"
    home = str(settings.data_dir)
    how = ["--system", "--user-group", "--no-create-home", "--home-dir", home, "--shell", nologin]
    done = subprocess.run(["useradd", *how, USER], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotRun(f"不能建立用户 {USER}：{done.stderr.strip()}")


def _user_name(settings: Settings) -> str:
    """Name who owns the data; where there are none yet, as root a user of the service's own, else us."""
    data_dir = settings.data_dir
    if os.geteuid() == 0 and (not data_dir.exists() or data_dir.stat().st_uid == 0):
        return USER
    return service_user(data_dir).pw_name


def _talks_through_tmp(settings: Settings) -> bool:
    """Whether the database's socket lies in /tmp, where commands must find it."""
    if settings.database_url is not None:
        return False
    return not Cluster.at(settings.data_dir).socket_dir.is_relative_to(settings.data_dir.absolute())


def _program() -> list[Path | str]:
    script = Path(sys.prefix) / "bin/geo-service"
    return [script] if script.exists() else [Path(sys.executable), "-m", "geo_service"]


def _environment() -> str:
    """Return the settings that were given, but for the data directory, which the unit names."""
    lines = [
        "# 银巡的设置，一行一个；README 的“设置”一节列出了全部设置。改后：systemctl restart yinxun",
        "# 在终端里运行 geo-service 的命令前，先让它看到这些设置：set -a; . /etc/yinxun/yinxun.env; set +a",
        "# 改了 GEO_BACKUP_DIR 或 GEO_PORT，还要这样再运行一次 geo-service unit --install。",
    ]
    for name, value in sorted(os.environ.items()):
        if name.startswith(PREFIX) and name != f"{PREFIX}DATA_DIR":
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            lines.append(f'{name}="{escaped}"')
    return "\n".join(lines) + "\n"


def _word(value: Path | str) -> str:
    """Return a word of a unit file; % begins a specifier there.

    >>> _word("/var/lib/yinxun"), _word("/mnt/100% ours")
    ('/var/lib/yinxun', '"/mnt/100%% ours"')
    """
    escaped = str(value).replace("%", "%%")
    if any(letter in escaped for letter in " \t\"'\\"):
        return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return escaped
