"""Dropping root: the service needs it only to open its port and its certificate."""

import os
import pwd
import subprocess
import sys

import sqlalchemy

import geo_service
from geo_service.embedded import as_user
from geo_service.errors import CannotRun


def demand_readable(user: pwd.struct_passwd) -> None:
    """Raise `CannotRun` unless `user` can read the program: what is loaded later is loaded as him."""
    # The interpreter's library, the packages beside it, and ours: three places that may differ.
    parts = [os.__file__, sqlalchemy.__file__, geo_service.__file__]
    readable = ["-r", parts[0], "-a", "-r", parts[1], "-a", "-r", parts[2]]
    if subprocess.run(as_user(user, "/usr/bin/test", *readable), check=False).returncode:
        raise CannotRun(
            f"服务不以 root 运行，而用户 {user.pw_name} 读不到程序（{sys.prefix}）。"
            "请运行 ./start，它把程序安装在 /var/lib/yinxun；或用普通用户运行。"
        )


def drop(user: pwd.struct_passwd) -> None:
    """Become `user` for good, with his groups and home, and files for him alone."""
    os.initgroups(user.pw_name, user.pw_gid)
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    os.environ.update(HOME=user.pw_dir, USER=user.pw_name, LOGNAME=user.pw_name)
    os.umask(0o077)
    os.chdir("/")
