#!/usr/bin/env bash
# The one list of services: the folders with a main.c below the roots. CMake, the verbs, what ./edgex docs writes and the
# tests have it from here. To be sourced; as a program it prints name, folder and port of each, in the order they start, and
# "optional" behind those that run only where they are named.

SERVICE_ROOTS=(services export security sysmgmt)
# What a service.conf may say; services/README.md tells what it means.
SERVICE_KEYS=" start default data memory environment publish device capability "

SERVICES=()
declare -A SERVICE_FOLDERS=() SERVICE_PORTS=() SERVICE_CONF=()

# services_read HOME: fills the tables. Ports are those of the configuration files.
services_read() {
    local root main folder name files=() order="" port
    for root in "${SERVICE_ROOTS[@]}"; do
        for main in "$1/$root"/*/main.c; do
            [ -f "$main" ] || continue
            folder=${main%/main.c}
            name=${folder##*/}
            [ "$name" != edgexd ] || continue # all of them
            [ -z "${SERVICE_FOLDERS[$name]:-}" ] || services_refuse "$root/$name: ${SERVICE_FOLDERS[$name]} has that name" || return 1
            SERVICE_FOLDERS[$name]=$root/$name
            ! [ -f "$folder/service.conf" ] || services_conf "$name" "$folder/service.conf" || return 1
            ! [ -f "$folder/res/configuration.yaml" ] || files+=("$folder/res/configuration.yaml")
            order+="${SERVICE_CONF[$name start]:-100} $name"$'\n'
        done
    done
    while IFS=' ' read -r _ name; do SERVICES+=("$name"); done < <(printf '%s' "$order" | LC_ALL=C sort -k 1,1n -k 2)
    [ ${#files[@]} -gt 0 ] || return 0
    while IFS=' ' read -r name port; do SERVICE_PORTS[$name]=$port; done < <(
        awk '/^[^ #]/ {section = $1}
            section == "Service:" && /^  Port:/ {n = split(FILENAME, path, "/"); print path[n - 2], $2}' "${files[@]}")
}

services_refuse() {
    echo "edgex: $1" >&2
    return 1
}

services_conf() { # services_conf NAME FILE: a key and a value per line; the same key again adds a line to its value
    local key value n=0
    while read -r key value || [ -n "$key" ]; do
        n=$((n + 1))
        case "$key" in "" | "#"*) continue ;; esac
        case "$SERVICE_KEYS" in *" $key "*) ;; *) services_refuse "$2:$n: there is no key '$key'; there are:$SERVICE_KEYS" || return 1 ;; esac
        [ -n "$value" ] || services_refuse "$2:$n: '$key' has no value" || return 1
        [ "$key" != default ] || [ "$value" = no ] || services_refuse "$2:$n: 'default' is no, or not there" || return 1
        SERVICE_CONF[$1 $key]=${SERVICE_CONF[$1 $key]:+${SERVICE_CONF[$1 $key]}$'\n'}$value
    done <"$2"
}

conf() { printf '%s' "${SERVICE_CONF[$1 $2]:-}"; } # conf NAME KEY: its values, a line each

is_optional() { [ "$(conf "$1" default)" = no ]; } # is_optional NAME: it runs only where it is named

# services_with LIST: SERVICES become those that run: without the optional ones that LIST (commas, blanks) does not name.
services_with() {
    local name list=" ${1//,/ } " running=()
    for name in $list; do
        [ -n "${SERVICE_FOLDERS[$name]:-}" ] || services_refuse "there is no service '$name'; optional ones are: $(services_optional)" || return 1
    done
    for name in "${SERVICES[@]}"; do
        is_optional "$name" && [[ $list != *" $name "* ]] || running+=("$name")
    done
    SERVICES=("${running[@]}")
}

services_optional() {
    local name
    for name in "${SERVICES[@]}"; do ! is_optional "$name" || echo "$name"; done | xargs
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    services_read "$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
    for name in "${SERVICES[@]}"; do
        echo "$name ${SERVICE_FOLDERS[$name]} ${SERVICE_PORTS[$name]:-0}$(! is_optional "$name" || echo " optional")"
    done
fi
