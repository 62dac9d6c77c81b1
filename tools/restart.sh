# shellcheck shell=bash
# edgex restart: end services and start them again as they were.

restart_usage() {
    cat <<EOF
Usage: ./edgex restart SERVICE... [--data DIR]

Ends each service, starts it again with the command line and the environment it had, and waits until it
answers. One that has ended is started. Where all services are one process, that process is restarted,
once. What was acknowledged is kept. Nothing is built; what was built meanwhile is what starts.

Services: ${SERVICES[*]}
and mosquitto, their broker, where each is a process of its own (up --split).

Exit code 0: all answer again. 1: one does not; the end of its log is shown. 2: wrong arguments, nothing
was touched. 3: nothing runs with this data directory.
EOF
}

verb_main() {
    local name
    data_option "$@"
    for name in "${REST[@]}"; do
        case "$name" in
        -h | --help) restart_usage; exit 0 ;;
        -*) restart_refuse 2 "unknown option '$name'; ./edgex restart --help" ;;
        mosquitto) has_broker || restart_refuse 2 "no broker (mosquitto) is running with data in $DATA" ;;
        *) is_service "$name" || restart_refuse 2 "there is no service '$name'; there are: ${SERVICES[*]}" ;;
        esac
    done
    [ ${#REST[@]} -gt 0 ] || restart_refuse 2 "which service? There are: ${SERVICES[*]}"
    [ -n "$(running_programs)" ] || restart_refuse 3 "nothing is running with data in $DATA; ./edgex up starts it"
    . "$EDGEX_HOME/tools/launch.sh"
    exec 9>"$DATA/run/restart.lock" # who shows the platform living (up.sh) waits for us
    flock --wait 120 9 || die "restart: another one is still at work"
    if pid_of edgexd >/dev/null; then
        say "All services are one process (edgexd): all of it is restarted, not only ${REST[*]}."
        restart_program edgexd "${SERVICES[@]}"
    else
        for name in "${REST[@]}"; do restart_program "$name" "$name"; done
    fi
}

is_service() {
    local name
    for name in "${SERVICES[@]}"; do [ "$name" != "$1" ] || return 0; done
    return 1
}

restart_refuse() { # restart_refuse EXIT-CODE TEXT
    say "edgex: restart: $2" >&2
    exit "$1"
}

restart_failed() { # restart_failed TEXT PROGRAM
    last_words "$2" >&2
    foreign_ports >&2
    die "restart: $1"
}

restart_program() { # restart_program PROGRAM SERVICE...: and the services it has
    local program=$1 began old ms name command=()
    shift
    old=$(pid_of "$program") || old=
    restart_environment "$program"
    mapfile -d '' command < <(cat "/proc/${old:-none}/cmdline" 2>/dev/null || cat "$(start_file "$program")" 2>/dev/null || true)
    [ ${#command[@]} -gt 0 ] || die "restart: $program does not run, and was not started with data in $DATA before"
    [ -x "${command[0]}" ] || die "restart: ${command[0]} is gone; $program was left as it is"
    began=$(date +%s%3N)
    stop_program "$program"
    launch "$program" "${command[@]}"
    wait_answers restart_failed "$program" -- "$@"
    ms=$(($(date +%s%3N) - began))
    for name in "$@"; do
        say "$name answers on port $(service_port "$name") after $ms ms, pid $(service_pid "$name")${old:+, before $old}."
    done
}

# The environment of the program or, where it has ended, of another one started with it.
restart_environment() { # restart_environment PROGRAM
    local name pid="" pair
    for name in "$1" "${SERVICES[@]}"; do
        pid=$(pid_of "$name") && break
    done
    ENVIRONMENT=()
    if [ -z "$pid" ]; then # only the broker lives
        broker_environment "$(broker_port)"
        return
    fi
    mapfile -d '' ENVIRONMENT <"/proc/$pid/environ"
    for name in "${SERVICES[@]}"; do unset "$(service_port_variable "$name")"; done
    for pair in "${ENVIRONMENT[@]}"; do # so that we look for it where it will listen
        case "$pair" in *__SERVICE_PORT=*) export "${pair?}" ;; esac
    done
}
