# shellcheck shell=bash
# How a program of the platform is started and waited for; ./edgex up and restart share it.

start_file() { echo "$DATA/run/$1.start"; } # its command line, NUL after each word

# launch NAME COMMAND...: in the background, with log, pid file and what it takes to start it again; in ENVIRONMENT, a
# list of NAME=VALUE, where that is not empty, else in ours.
ENVIRONMENT=()
launch() {
    local name=$1
    shift
    printf '%s\0' "$@" >"$(start_file "$name")"
    # Descriptor 9 may be a lock of ours (restart.sh), which must not live as long as the program.
    (
        [ ${#ENVIRONMENT[@]} = 0 ] || put_on_environment
        exec setsid "$@"
    ) >>"$DATA/log/$name.log" 2>&1 </dev/null 9>&- &
    echo $! >"$(pid_file "$name")"
}

put_on_environment() { # by hand: everybody may read the command line of env -i
    local name pair
    for name in $(compgen -e); do unset "$name" 2>/dev/null || true; done
    for pair in "${ENVIRONMENT[@]}"; do
        case "${pair%%=*}" in
        "" | [0-9]* | *[!A-Za-z0-9_]* | SHELLOPTS | BASHOPTS | BASH_VERSINFO | UID | EUID | PPID) ;;
        *) export "${pair?}" ;;
        esac
    done
}

# wait_answers ON-FAILURE PROGRAM... -- SERVICE...: until each service answers itself. Where a program ends meanwhile,
# or after 60 s, ON-FAILURE TEXT PROGRAM is called, which does not return.
wait_answers() {
    local failed=$1 programs=() name program pid deadline=$((SECONDS + 60))
    shift
    while [ "$1" != -- ]; do
        programs+=("$1")
        shift
    done
    shift
    for name in "$@"; do
        until answers "$name"; do
            for program in "${programs[@]}"; do # what is still to become the program lives, too
                pid=$(cat "$(pid_file "$program")" 2>/dev/null) || pid=0
                lives "$pid" || "$failed" "$program ended while starting" "$program"
            done
            [ $SECONDS -lt $deadline ] || "$failed" "$name does not answer on port $(service_port "$name")" "$name"
            sleep 0.02
        done
    done
}

last_words() { # last_words PROGRAM: the end of its log, or of that of the one process
    local log=$DATA/log/$1.log
    ! pid_of edgexd >/dev/null || log=$DATA/log/edgexd.log
    say "Last lines of $log:"
    tail -n 8 "$log"
}

broker_environment() { # broker_environment PORT: where services about to be started find their broker
    export MESSAGEBUS_HOST=127.0.0.1 MESSAGEBUS_PORT=$1
    # What core-keeper writes at its first start, for services that ask it.
    export ALL_SERVICES_MESSAGEBUS_HOST=127.0.0.1 ALL_SERVICES_MESSAGEBUS_PORT=$1
}
