#!/usr/bin/env bash
# The one list of services: the folders with a main.c below the roots. CMake, the verbs, what ./edgex docs writes and the
# tests have it from here. To be sourced; as a program it prints name, folder and port of each, in the order they start.

SERVICE_ROOTS=(services export security sysmgmt)
# What a service.conf may say; services/README.md tells what it means.
SERVICE_KEYS=" start data memory environment publish device capability "

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
        SERVICE_CONF[$1 $key]=${SERVICE_CONF[$1 $key]:+${SERVICE_CONF[$1 $key]}$'\n'}$value
    done <"$2"
}

conf() { printf '%s' "${SERVICE_CONF[$1 $2]:-}"; } # conf NAME KEY: its values, a line each

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    services_read "$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
    for name in "${SERVICES[@]}"; do echo "$name ${SERVICE_FOLDERS[$name]} ${SERVICE_PORTS[$name]:-0}"; done
fi
