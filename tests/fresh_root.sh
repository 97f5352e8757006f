#!/usr/bin/env bash
# The set-up in a bare Debian 12 root, as root: on demand, because it takes a while and downloads packages.
#
#   tests/fresh_root.sh [--keep] [--only start|check] [FOLDER]
#
# Makes the root in FOLDER (default: a temporary one, removed at the end), clones this checkout's commits into it, and
# runs ./start until the map page answers and the demo is made, ./start again, ./start --empty, then ./check alone and
# once more with ../shared beside it and CI=true. Package lists, certificates and pip's settings are this machine's.
# Needs mmdebstrap (or debootstrap), git and Python 3. Prints PASS or FAIL and the time of each part.
set -uo pipefail
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
keep= only= root= port=8765
while [ $# -gt 0 ]; do
    case $1 in
        --keep) keep=yes ;;
        --only) only=$2 && shift ;;
        *) root=$1 keep=yes ;;
    esac
    shift
done
[ "$(id -u)" = 0 ] || { echo "run as root" >&2 && exit 2; }
root=${root:-$(mktemp -d /var/tmp/yinxun-root-XXXXXX)}
failures=0

report() { # report NAME STATUS SECONDS
    [ "$2" = 0 ] && printf 'PASS  %-42s %5d s\n' "$1" "$3" || { printf 'FAIL  %-42s %5d s\n' "$1" "$3" && failures=$((failures + 1)); }
}

timed() { # timed NAME COMMAND...
    local name=$1 began=$SECONDS status=0
    shift
    "$@" || status=$?
    report "$name" "$status" $((SECONDS - began))
    return $status
}

make_root() {
    [ -e "$root/etc/debian_version" ] && return
    if command -v mmdebstrap >/dev/null; then
        local sources=()
        for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list; do
            [ -s "$list" ] && sources+=("$list")
        done
        mmdebstrap --quiet --variant=minbase bookworm "$root" "${sources[@]}"
    else
        debootstrap --variant=minbase bookworm "$root"
    fi
}

# What lets this machine reach its package registries, wherever they are.
lend_settings() {
    local path
    for path in /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/apt/trusted.gpg.d /etc/apt/auth.conf.d \
        /usr/share/keyrings /usr/local/share/ca-certificates /etc/pip.conf /etc/xdg/pip /etc/resolv.conf /etc/hosts; do
        [ -e "$path" ] && mkdir -p "$root/$(dirname "$path")" && cp -rLn "$path" "$root/$(dirname "$path")/"
    done
    for path in .config/pip .pip; do
        [ -e "$HOME/$path" ] && mkdir -p "$root/root/$(dirname "$path")" && cp -r "$HOME/$path" "$root/root/$(dirname "$path")/"
    done
    # A bundle of its own: the packages write /etc/ssl/certs anew.
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/root/lent.crt"
    env | grep -E '^(PIP_|https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY)' | grep -v '^PIP_CERT' |
        sed "s/'/'\\\\''/g; s/^\([^=]*\)=\(.*\)/export \1='\2'/" >"$root/root/lent"
    for name in PIP_CERT SSL_CERT_FILE REQUESTS_CA_BUNDLE CURL_CA_BUNDLE; do
        echo "export $name=/root/lent.crt" >>"$root/root/lent"
    done
    return 0
}

clone() {
    rm -rf "$root/root/yinxun"
    git clone --quiet --no-local "$checkout" "$root/root/yinxun"
}

# A command line that enters the root, with /proc, /dev and /dev/shm; nothing outlives it.
enter=(unshare --mount --pid --fork --kill-child bash -c '
    set -e
    mount -t proc proc "$0/proc"
    mount --rbind /dev "$0/dev"
    exec chroot "$0" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb LANG=C.UTF-8 \
        bash -c ". /root/lent && cd /root/yinxun && $1"
' "$root")

# Someone who opens the printed link, and waits until the pages show what is asked for.
visit() { # visit LOG WANTED PATIENCE PROCESS
    python3 - "$@" <<'PYTHON'
import http.cookiejar, json, os, re, sys, time, urllib.error, urllib.parse, urllib.request

log, wanted, until, starter = sys.argv[1], sys.argv[2], time.time() + float(sys.argv[3]), sys.argv[4]
browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))


def page(url, **form):
    data = urllib.parse.urlencode(form).encode() if form else None
    return browser.open(url, data, timeout=60).read().decode()


def wait(what, get, pause=0.2):
    while time.time() < until:
        if not os.path.exists(f"/proc/{starter}/task"):
            sys.exit("./start ended")
        try:
            if found := get():
                return found
        except (OSError, AttributeError, ValueError):
            pass
        time.sleep(pause)
    sys.exit(f"waited in vain for {what}; the last progress was {progress_seen[-1:]}")


progress_seen = []
link = wait("the link", lambda: re.search(r"(http\S+)/link#(\S+)", open(log).read()))
base, secret = link.groups()
token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page(f"{base}/link")).group(1)
page(f"{base}/link", secret=secret, csrf_token=token)
if wanted == "start":
    sys.exit(0 if "<html" in wait("the start page", lambda: page(f"{base}/")) else 1)


def whole_demo():
    progress = json.loads(page(f"{base}/api/progress"))
    progress_seen.append(progress)
    if progress and progress["state"] == "failed":
        sys.exit(f"the demo failed: {progress}")
    return progress and progress["state"] == "done" and "<iframe" in page(f"{base}/map/coverage")


wait("the demo and its map", whole_demo, pause=3)
PYTHON
}

start_and_visit() { # start_and_visit ARGUMENTS WANTED PATIENCE
    local log=$root/root/start.log status=0 starter first
    "${enter[@]}" "exec env ${setting:-} ./start --port $port $1" >"$log" 2>&1 &
    starter=$!
    visit "$log" "$2" "$3" "$starter" || status=$?
    # The first process of the root is the service: it is asked to stop, and must.
    first=$(cat "/proc/$starter/task/$starter/children" 2>/dev/null)
    [ -n "$first" ] && kill -TERM $first
    timeout 60 tail --pid="$starter" -f /dev/null || { kill -KILL $first && status=1; }
    wait "$starter" || status=1
    [ $status = 0 ] || tail -n 40 "$log"
    return $status
}

checked() { # checked NAME PREPARE
    "${enter[@]}" "$1" >"$root/root/check.log" 2>&1 || { tail -n 60 "$root/root/check.log" && return 1; }
    tail -n 1 "$root/root/check.log"
}

lay_shared() {
    mkdir -p "$root/root/shared" && cp -rL "$checkout/../shared/." "$root/root/shared/"
}

timed "a bare root" make_root || exit 1
lend_settings
timed "a clean clone" clone || exit 1
if [ "$only" != check ]; then
    timed "./start: from nothing to the map of the demo" start_and_visit "" demo 900
    timed "./start again: to the start page" start_and_visit "" start 60
    setting=GEO_DATA_DIR=/var/lib/yinxun/other timed "./start --empty, on other data" start_and_visit --empty start 120
fi
if [ "$only" != start ]; then
    rm -rf "$root/root/shared"
    timed "./check, the checkout alone" checked "./check"
    if [ -d "$checkout/../shared" ]; then
        lay_shared
        timed "./check with ../shared and CI=true" checked "CI=true bash .ci/run"
    fi
fi
[ -n "$keep" ] || rm -rf --one-file-system "$root"
[ $failures = 0 ] && echo PASS || echo FAIL
[ $failures = 0 ]
