# shellcheck shell=bash
# edgex logs: what the services say, in one order of time.

logs_usage() {
    cat <<'EOF'
Usage: ./edgex logs [-f] [-n LINES] [SERVICE] [--data DIR]

The last 100 lines of all services, or of one, in order of time, whichever process they come from (the broker's,
mosquitto, too).

  -f, --follow   goes on until Ctrl-C; half a second late, so that the order holds
  -n LINES       so many lines (0: with -f, only what comes from now on)
EOF
}

verb_main() {
    local follow=0 lines=100 service=""
    data_option "$@"
    set -- "${REST[@]}"
    while [ $# -gt 0 ]; do
        case "$1" in
        -f | --follow) follow=1 ;;
        -n)
            [[ ${2:-} =~ ^[0-9]+$ ]] || die "logs: -n needs a number of lines"
            lines=$2
            shift
            ;;
        -h | --help) logs_usage; exit 0 ;;
        -*) die "logs: unknown option '$1'; ./edgex logs --help" ;;
        *) service=$1 ;;
        esac
        shift
    done
    compgen -G "$DATA/log/*.log" >/dev/null || die "no logs in $DATA/log"
    [ -z "$service" ] || logs_has "$service" || die "no service '$service' in $DATA/log"
    if [ $follow = 1 ]; then logs_follow "$service" "$lines"; else logs_last "$service" "$lines"; fi
}

logs_has() { [ -f "$DATA/log/$1.log" ] || grep -qs " app=$1 " "$DATA/log/edgexd.log"; }

logs_of() { # logs_of SERVICE: the files it may be in
    if [ -z "$1" ]; then
        compgen -G "$DATA/log/*.log"
    else
        compgen -G "$DATA/log/$1.log" || true
        compgen -G "$DATA/log/edgexd.log" || true
    fi
}

# logs_stamp APP: each line with its time and a tab in front; lines without one keep that of the line before. With an APP,
# only its lines.
logs_stamp() {
    awk -v app="$1" '
        match($0, /^level=[A-Z]+ ts=[^ ]+/) { time = substr($0, RSTART, RLENGTH); sub(/.* ts=/, "", time); speaker = $3 }
        match($0, /^[0-9]+: /) { time = strftime("%Y-%m-%dT%H:%M:%S", substr($0, 1, RLENGTH - 2), 1) ".000000000Z" }
        app == "" || speaker == "app=" app { print time "\t" $0 }'
}

logs_stamp_of() { # logs_stamp_of SERVICE FILE: of the one process only what that service says
    if [ "$2" = "$DATA/log/edgexd.log" ]; then logs_stamp "$1"; else logs_stamp ""; fi
}

logs_sort() { LC_ALL=C sort -s -t "$(printf '\t')" -k 1,1; }

logs_read() { # logs_read SERVICE FILE LINES (1 or more): standard input to its end, so many lines of it
    if [ "$2" = "$DATA/log/edgexd.log" ] && [ -n "$1" ]; then
        logs_stamp_of "$1" "$2" | tail -n "$3" # they may be few among many
    else
        tail -n "$3" | logs_stamp_of "$1" "$2"
    fi
}

logs_tail() { if [ "$1" = 0 ]; then cat >/dev/null; else tail -n "$1" | cut -f 2-; fi; } # reads all there is

logs_last() { # logs_last SERVICE LINES
    local file
    declare -A LOGS_AT=()
    logs_open "$1"
    for file in "${!LOGS_AT[@]}"; do logs_read "$1" "$file" $(($2 > 0 ? $2 : 1)) <&"${LOGS_AT[$file]}"; done | logs_sort | logs_tail "$2"
}

# A descriptor for each file keeps how far it was read. What was written since the last round began waits for the next:
# until then another process may come with an earlier line.
logs_follow() { # logs_follow SERVICE LINES
    local service=$1 due now file
    declare -A LOGS_AT=()
    LOGS_HELD=$(mktemp)
    trap 'rm -f "$LOGS_HELD" "$LOGS_HELD.all"' EXIT
    trap 'exit 0' INT TERM
    logs_open "$service"
    due=$(date -u +%FT%T.%NZ)
    for file in "${!LOGS_AT[@]}"; do
        logs_read "$service" "$file" $(($2 > 0 ? $2 : 1)) <&"${LOGS_AT[$file]}"
    done | logs_sort | logs_tail "$2"
    while sleep 0.5; do
        now=$(date -u +%FT%T.%NZ)
        logs_open "$service" # of programs started meanwhile
        for file in "${!LOGS_AT[@]}"; do logs_stamp_of "$service" "$file" <&"${LOGS_AT[$file]}"; done |
            cat "$LOGS_HELD" - | logs_sort >"$LOGS_HELD.all"
        LC_ALL=C awk -F '\t' -v due="$due" -v held="$LOGS_HELD" '
            BEGIN { printf "" >held }
            $1 "" <= due { print; next }
            { print >held }' "$LOGS_HELD.all" | cut -f 2-
        due=$now
    done
}

logs_open() { # logs_open SERVICE: what is not open yet
    local file fd
    for file in $(logs_of "$1"); do
        [ -z "${LOGS_AT[$file]:-}" ] || continue
        exec {fd}<"$file"
        LOGS_AT[$file]=$fd
    done
}
