# shellcheck shell=bash
# edgex up: from nothing to readings.

. "$EDGEX_HOME/tools/launch.sh"

up_usage() {
    cat <<'EOF'
Usage: ./edgex up [--detach] [--split] [--with NAME] [--data DIR]

Installs missing Debian packages, builds, starts the platform on the loopback interface, waits until
every service answers, and shows a live line until Ctrl-C, which stops it cleanly.

  --detach    return once everything answers; ./edgex down stops it
  --split     one process per service over a private mosquitto (default: one process, no broker), at a free port
              from 18830, or where EDGEX_BROKER_PORT says
  --with NAME start this optional service, too (docs/services.md); may stand several times
  --data DIR  where data, logs and pid files live (default: var/)
EOF
}

verb_main() {
    local detach=0 split=0
    up_with "$@"
    data_option "${REST[@]}"
    set -- "${REST[@]}"
    while [ $# -gt 0 ]; do
        case "$1" in
        --detach | -d) detach=1 ;;
        --split) split=1 ;;
        -h | --help) up_usage; exit 0 ;;
        *) die "up: unknown option '$1'; ./edgex up --help" ;;
        esac
        shift
    done
    [ -z "$(running_programs)" ] || die "already running with data in $DATA ($(running_programs | xargs)); ./edgex down stops it"
    up_ports_are_free
    if [ -z "${EDGEX_BIN:-}" ]; then
        install_packages "${RUN_PACKAGES[@]}"
        [ $split = 0 ] || install_packages "${SPLIT_PACKAGES[@]}"
    fi
    build_release
    mkdir -p "$DATA/run/res" "$DATA/log"
    rm -f "$DATA"/run/*.pid # of programs that have ended without ./edgex down
    echo "$EDGEX_WITH" >"$DATA/run/with" # for the other verbs

    local name began programs=(edgexd)
    # The configuration of all, whichever root they are below.
    for name in "${SERVICES[@]}"; do ln -sfn "$EDGEX_HOME/${SERVICE_FOLDERS[$name]}/res" "$DATA/run/res/$name"; done
    [ $split = 0 ] || programs=(mosquitto "${SERVICES[@]}")
    began=$(date +%s%3N)
    [ $detach = 1 ] || trap 'up_stop' INT TERM
    if [ $split = 1 ]; then up_start_split; else up_start_one; fi
    wait_answers up_failed "${programs[@]}" -- "${SERVICES[@]}"
    say "All services answer after $(($(date +%s%3N) - began)) ms. Open to this machine only, no authentication."
    up_hello
    [ $detach = 1 ] || up_live
}

# up_with "$@": takes --with NAME out of the arguments, leaves the rest in REST. What ran before does not count.
up_with() {
    REST=()
    EDGEX_WITH=${EDGEX_WITH:-}
    while [ $# -gt 0 ]; do
        case "$1" in
        --with)
            [ $# -ge 2 ] || die "--with needs the name of a service"
            EDGEX_WITH+=" $2"
            shift
            ;;
        --with=*) EDGEX_WITH+=" ${1#--with=}" ;;
        *) REST+=("$1") ;;
        esac
        shift
    done
    export EDGEX_WITH=${EDGEX_WITH# }
}

up_ports_are_free() {
    local held
    held=$(foreign_ports)
    [ -z "$held" ] || die "somebody else is there already:
$held"
}

up_start_one() {
    launch edgexd "$BIN/edgexd" -cd "$DATA/run/res" --data "$DATA" -r
}

up_start_split() {
    local port name
    port=$(free_port)
    cat >"$DATA/run/mosquitto.conf" <<EOF
listener $port 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 100000
message_size_limit 50331648
set_tcp_nodelay true
log_dest stderr
EOF
    launch mosquitto "$(PATH=$PATH:/usr/sbin command -v mosquitto)" -c "$DATA/run/mosquitto.conf"
    broker_environment "$port"
    for name in "${SERVICES[@]}"; do
        launch "$name" "$BIN/$name" -cd "$DATA/run/res/$name" --data "$DATA" -r
    done
}

free_port() { # a port nobody listens on, or the one that is wanted
    local port
    [ -z "${EDGEX_BROKER_PORT:-}" ] || { echo "$EDGEX_BROKER_PORT"; return; }
    for port in $(seq 18830 18899); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
    die "no free port between 18830 and 18899 for the broker"
}

up_failed() { # up_failed TEXT PROGRAM
    last_words "$2" >&2
    foreign_ports >&2
    stop_programs
    die "$1"
}

up_hello() {
    local name
    say ""
    ! pid_of mosquitto >/dev/null || printf '  %-16s mqtt://localhost:%s\n' "broker" "$(broker_port)"
    for name in "${SERVICES[@]}"; do
        printf '  %-16s http://localhost:%s\n' "$name" "$(service_port "$name")"
    done
    cat <<EOF

Worth trying:
  curl 'http://localhost:$(service_port core-data)/api/v3/reading/all?limit=3'
  curl 'http://localhost:$(service_port core-command)/api/v3/device/name/Random-Integer-Device/Int16'
  curl -X PUT -d '{"Int16":"42"}' http://localhost:$(service_port core-command)/api/v3/device/name/Random-Integer-Device/WriteInt16Value

EOF
    say "Data and logs: $DATA"
}

count_at() { get "$1" | sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p"; }

memory_mb() {
    local name total=0
    for name in $(running_programs); do
        [ "$name" = mosquitto ] || total=$((total + $(pss_kb "$(pid_of "$name")")))
    done
    awk -v kb=$total 'BEGIN {printf "%.1f", kb / 1024}'
}

up_live() {
    local stored before devices
    say "Ctrl-C stops it."
    before=$(count_at "http://localhost:$(service_port core-data)/api/v3/event/count" count)
    while sleep 1; do
        [ -n "$(running_programs)" ] || up_is_restarted || die "the platform ended; ./edgex logs says why"
        stored=$(count_at "http://localhost:$(service_port core-data)/api/v3/event/count" count)
        devices=$(count_at "http://localhost:$(service_port core-metadata)/api/v3/device/all?limit=1" totalCount)
        if [ -t 1 ]; then
            printf '\r  %s devices  %s events/s  %s stored  %s MB\033[K' "${devices:-?}" \
                "$((${stored:-0} - ${before:-0}))" "${stored:-?}" "$(memory_mb)"
        fi
        before=$stored
    done
}

up_is_restarted() { ! flock --nonblock "$DATA/run/restart.lock" true; } # by ./edgex restart

up_stop() {
    trap - INT TERM
    printf '\nStopping ... '
    stop_programs
    say "stopped."
    exit 0
}
