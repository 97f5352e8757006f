# What ./start and ./check share: say what is done, find what is missing, install it. Sourced, not run.

say() { printf '· %s\n' "$*"; }

fail() {
    printf '! %s\n' "$*" >&2
    exit 1
}

is_root() { [ "$(id -u)" = 0 ]; }

# Run a command quietly; show the end of what it said only when it fails.
quietly() {
    local said
    said=$(mktemp)
    if ! "$@" >"$said" 2>&1; then
        tail -n 20 "$said" >&2
        rm -f "$said"
        return 1
    fi
    rm -f "$said"
}

# A PostgreSQL server with PostGIS, of any major.
has_postgis() {
    local control
    for control in /usr/share/postgresql/*/extension/postgis.control; do
        [ -x "/usr/lib/postgresql/$(basename "$(dirname "$(dirname "$control")")")/bin/initdb" ] && return 0
    done
    return 1
}

# The PostgreSQL major that this Debian prefers.
default_major() {
    apt-cache show postgresql 2>/dev/null | sed -n 's/^Depends:.*postgresql-\([0-9]\+\).*/\1/p' | head -n 1
}

# can_make_venv PYTHON
can_make_venv() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

apt_update() {
    [ -n "${apt_is_fresh:-}" ] && return
    say "更新软件包列表"
    quietly apt-get update || fail "apt-get update 没有成功，请检查网络和 /etc/apt/sources.list。"
    apt_is_fresh=yes
}

# install_packages NAME... : install Debian packages, or say which ones an administrator should install.
install_packages() {
    [ $# = 0 ] && return
    is_root || fail "缺少软件包。请管理员执行：apt-get install $*"
    command -v apt-get >/dev/null || fail "本机没有 apt-get，请自行安装：$*"
    say "安装软件包：$*"
    quietly env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        -o Dpkg::Options::=--force-confold "$@" </dev/null || fail "软件包没有装好：$*"
}

# The server's packages start a database of their own on a port; we need none.
keep_packages_from_making_a_cluster() {
    local conf=/etc/postgresql-common/createcluster.conf
    [ -e "$conf" ] && return
    mkdir -p "$(dirname "$conf")"
    echo 'create_main_cluster = false' >"$conf"
}

# install_postgis : a server for the private database, unless one is there.
install_postgis() {
    has_postgis && return
    if is_root && command -v apt-get >/dev/null; then
        apt_update
        keep_packages_from_making_a_cluster
    fi
    local major
    major=$(default_major)
    install_packages "postgresql-${major:-15}" "postgresql-${major:-15}-postgis-3"
}

has_font() { [ -n "$(find /usr/share/fonts /usr/local/share/fonts -name 'wqy-microhei.ttc' 2>/dev/null | head -n 1)" ]; }

# install_font : the Chinese letters of printed maps; nothing else needs them.
install_font() {
    has_font && return
    if is_root && command -v apt-get >/dev/null; then
        apt_update
        install_packages fonts-wqy-microhei
    else
        say "没有打印地图用的中文字体，其他功能不受影响。请管理员执行：apt-get install fonts-wqy-microhei"
    fi
}

# install_python PYTHON : an interpreter that can make virtual environments.
install_python() {
    can_make_venv "$1" && return
    is_root && command -v apt-get >/dev/null && apt_update
    install_packages python3 python3-venv
    can_make_venv "$1" || fail "需要 Python 3.11 或更新的版本；本机的是：$("$1" --version 2>&1)"
}

# install_requirements VENV REQUIREMENTS : what the file lists, by hash, unless the stamp says it is there.
install_requirements() {
    local venv=$1 file=$2 stamp
    stamp=$(sha256sum "$file" | cut -d' ' -f1)
    [ "$(cat "$venv/.$(basename "$file")" 2>/dev/null)" = "$stamp" ] && return
    say "安装 Python 组件（$(basename "$file")，首次约需一分钟）"
    quietly "$venv/bin/pip" install --disable-pip-version-check --no-input --require-hashes -r "$file" ||
        fail "Python 组件没有装好。请检查网络和 pip 的设置后再试。"
    echo "$stamp" >"$venv/.$(basename "$file")"
}
