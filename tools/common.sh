# shellcheck shell=bash
# What the verbs share: packages, building, where things are.

. "$EDGEX_HOME/tools/packages.sh"
. "$EDGEX_HOME/tools/services.sh"
services_read "$EDGEX_HOME" || exit 1

# A port is that of the service's file, or where the variable it obeys (CORE_DATA__SERVICE_PORT) says.
service_port_variable() {
    local name=${1//-/_}
    echo "${name^^}__SERVICE_PORT"
}

service_port() {
    local moved
    moved=$(service_port_variable "$1")
    if [ -n "${!moved:-}" ]; then
        echo "${!moved}"
        return
    fi
    if [ "$1" = mosquitto ]; then broker_port; else echo "${SERVICE_PORTS[$1]:-0}"; fi
}

die() {
    echo "edgex: $*" >&2
    exit 1
}

say() { printf '%s\n' "$*"; }

# DATA is where everything a running platform writes lives; --data DIR is understood by every verb.
DATA=$EDGEX_HOME/var
data_option() { # data_option "$@": takes --data DIR out of the arguments, leaves the rest in REST; SERVICES are those that run there
    REST=()
    while [ $# -gt 0 ]; do
        case "$1" in
        --data)
            [ $# -ge 2 ] || die "--data needs a directory"
            DATA=$2
            shift 2
            ;;
        --data=*)
            DATA=${1#--data=}
            shift
            ;;
        *)
            REST+=("$1")
            shift
            ;;
        esac
    done
    case "$DATA" in /*) ;; *) DATA=$PWD/$DATA ;; esac
    services_with "${EDGEX_WITH-$(cat "$DATA/run/with" 2>/dev/null || true)}" || exit 1
}

# ---- packages ------------------------------------------------------------------------------

missing_packages() {
    local package
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done
}

install_packages() { # install_packages NAME...: does nothing where all are there
    local missing sudo=()
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null || die "these Debian packages are missing and there is no apt-get: "$missing
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "run as root or install sudo: packages are missing: "$missing
        sudo=(sudo)
    fi
    say "Installing from Debian: "$missing
    local log
    log=$(mktemp)
    # RUNLEVEL=1 keeps packages such as mosquitto from starting a service of their own.
    if ! { "${sudo[@]}" apt-get update -qq &&
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
            apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "the packages could not be installed"
    fi
    rm -f "$log"
}

# ---- building ------------------------------------------------------------------------------

# build DIR [-DOPTION...] [-- TARGET...]: configures once, then builds; quiet where nothing changed.
build() {
    local dir=$EDGEX_HOME/$1 options=() targets=()
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    [ $# -eq 0 ] || { shift; targets=("$@"); }
    if [ ! -f "$dir/build.ninja" ]; then
        say "Configuring ${dir#"$EDGEX_HOME"/}"
        mkdir -p "$dir"
        cmake -G Ninja -S "$EDGEX_HOME" -B "$dir" "${options[@]}" >"$dir/configure.log" 2>&1 || {
            tail -n 30 "$dir/configure.log" >&2
            rm -f "$dir/build.ninja"
            die "cmake failed; the whole log is in $dir/configure.log"
        }
    fi
    NINJA_STATUS="  [%f/%t] " ninja -C "$dir" "${targets[@]}" 2>&1 | build_progress "$dir/build.log" ||
        { grep -A 20 -E 'error|FAILED' "$dir/build.log" | head -n 60 >&2; die "the build failed; the whole log is in $dir/build.log"; }
}

# One changing line on a terminal, a line per tenth elsewhere; the whole output goes to a file.
build_progress() {
    local log=$1 line last=-1 done_ total tenth failed=0
    : >"$log"
    while IFS= read -r line; do
        printf '%s\n' "$line" >>"$log"
        case "$line" in
        *FAILED* | *"build stopped"*) failed=1 ;;
        "  ["*/*"] "*)
            done_=${line#*\[}; total=${done_#*/}; done_=${done_%%/*}; total=${total%%\]*}
            [ "$total" -gt 3 ] 2>/dev/null || continue
            if [ -t 1 ]; then
                printf '\r  building %s of %s\033[K' "$done_" "$total"
                [ "$done_" != "$total" ] || printf '\r\033[K'
            else
                tenth=$((done_ * 10 / total))
                [ "$tenth" = "$last" ] || printf '  building %s of %s\n' "$done_" "$total"
                last=$tenth
            fi
            ;;
        esac
    done
    return $failed
}

# EDGEX_BIN: programs that somebody else has built; nothing is installed or built then.
BIN=${EDGEX_BIN:-$EDGEX_HOME/build/release}
build_release() { [ -n "${EDGEX_BIN:-}" ] || build build/release -DCMAKE_BUILD_TYPE=RelWithDebInfo -DEDGE_TESTS=OFF; }

# ---- what runs -----------------------------------------------------------------------------

pid_file() { echo "$DATA/run/$1.pid"; }

lives() { # lives PID: one that has ended and waits for its parent to notice does not
    local state
    state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null)
    [ -n "$state" ] && [ "$state" != Z ] && [ "$state" != X ]
}

pid_of() { # prints the pid of a program this data directory started, if it lives
    local file pid
    file=$(pid_file "$1")
    [ -f "$file" ] || return 1
    pid=$(cat "$file")
    lives "$pid" && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "${1:0:15}" ] || return 1
    echo "$pid"
}

service_pid() { pid_of "$1" || pid_of edgexd; } # of the program a service runs in

running_programs() { # in the order they are to be stopped
    local name
    for name in edgexd $(printf '%s\n' "${SERVICES[@]}" | tac) mosquitto; do
        pid_of "$name" >/dev/null && echo "$name"
    done
    return 0
}

stop_program() { # it has 10 s to finish what it does
    local pid n=0
    pid=$(pid_of "$1") || return 0
    kill -TERM "$pid" 2>/dev/null || true
    while lives "$pid"; do
        n=$((n + 1))
        if [ $n -gt 200 ]; then
            say "$1 did not end within 10 s and was killed"
            kill -KILL "$pid" 2>/dev/null || true
            break
        fi
        sleep 0.05
    done
    rm -f "$(pid_file "$1")"
}

stop_programs() { # all of this data directory
    local name
    for name in $(running_programs); do stop_program "$name"; done
}

broker_port() { # of the broker this data directory has in the split shape
    sed -n 's/^listener \([0-9]*\) .*/\1/p' "$DATA/run/mosquitto.conf" 2>/dev/null | grep .
}

# ---- who listens ---------------------------------------------------------------------------

listeners() { # listeners PORT: the inodes of the sockets that listen there
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v port="$(printf '%04X' "$1")" '$4 == "0A" && substr($2, length($2) - 3) == port {print $10}'
}

holds_port() { # holds_port PID PORT
    local inode
    for inode in $(listeners "$2"); do
        [ -z "$(find "/proc/$1/fd" -lname "socket:\[$inode\]" -print -quit 2>/dev/null)" ] || return 0
    done
    return 1
}

port_holder() { # port_holder PORT: "pid 42 (command)" of who listens there; fails where nobody does
    local inode pid=
    inode=$(listeners "$1" | head -n 1)
    [ -n "$inode" ] || return 1
    pid=$(find /proc/[0-9]*/fd -maxdepth 1 -lname "socket:\[$inode\]" -print -quit 2>/dev/null | cut -d/ -f3) || true
    if [ -n "$pid" ]; then
        echo "pid $pid ($(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -c1-120 | sed 's/ *$//'))"
    else
        echo "a process of another user"
    fi
}

# foreign_ports: a line for each port of ours that somebody else holds.
foreign_ports() {
    local name port pid
    for name in "${SERVICES[@]}"; do
        port=$(service_port "$name")
        [ -n "$(listeners "$port")" ] || continue
        pid=$(service_pid "$name") && holds_port "$pid" "$port" && continue
        echo "port $port of $name is held by $(port_holder "$port")"
    done
}

get() { curl -fsS --max-time 2 "$1" 2>/dev/null; }
answers() { # the service itself, not somebody else at its port; the broker where it listens
    local pid port
    port=$(service_port "$1")
    pid=$(service_pid "$1") && holds_port "$pid" "$port" || return 1
    [ "$1" = mosquitto ] || get "http://localhost:$port/api/v3/ping" >/dev/null
}

has_broker() { # the split shape runs, or some of it
    [ -n "$(running_programs)" ] && ! pid_of edgexd >/dev/null && broker_port >/dev/null
}

pss_kb() { # proportional memory of a pid, in kB
    awk '/^Pss:/ {print $2; exit}' "/proc/$1/smaps_rollup" 2>/dev/null || echo 0
}

uptime_s() {
    local start hz
    hz=$(getconf CLK_TCK)
    start=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20)
    [ -n "$start" ] || { echo 0; return; }
    awk -v start="$start" -v hz="$hz" '{printf "%d\n", $1 - start / hz}' /proc/uptime
}
