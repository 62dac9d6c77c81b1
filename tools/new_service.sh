# shellcheck shell=bash
# edgex new service: a folder that is a service.

# shellcheck disable=SC2153
new_service_usage() {
    cat <<END
Usage: ./edgex new service NAME [--port N] [--below ROOT]

Makes the folder ROOT/NAME with a service that answers GET /api/v3/NAME, its configuration, its test and its README,
and writes what is made of the list of services anew (./edgex docs). Nothing else has to be edited: edgexd has it,
./edgex up, status and test know it, it has a page in docs/api, a unit in the package and a container.

  NAME          small letters, digits and hyphens, 2 to 31 of them: support-notifications
  --port N      1024 to 65535; without it the next one from $NEW_PORT on that no service has
  --below ROOT  ${SERVICE_ROOTS[*]} (default: services)

A driver, device-NAME, is another kind: ./edgex new driver.
END
}

NEW_PORT=59800 # from here to 59839 there is nothing of EdgeX 4

new_service() {
    local name="" port="" root=services
    while [ $# -gt 0 ]; do
        case "$1" in
        -h | --help) new_service_usage; return ;;
        --port) [ $# -ge 2 ] || die "--port needs a number"; port=$2; shift ;;
        --below) [ $# -ge 2 ] || die "--below needs a folder"; root=$2; shift ;;
        -*) die "new service: unknown option '$1'; ./edgex new service --help" ;;
        *) [ -z "$name" ] || die "new service: one name, not '$name' and '$1'"; name=$1 ;;
        esac
        shift
    done
    [ -n "$name" ] || die "new service: it needs a name; ./edgex new service --help"
    [[ " ${SERVICE_ROOTS[*]} " == *" $root "* ]] || die "there is no root '$root'; there are: ${SERVICE_ROOTS[*]}"
    install_packages "${RUN_PACKAGES[@]}"
    new_name_is_good "$name"
    [ -z "$port" ] || new_port_is_good "$port"
    port=${port:-$(new_free_port)}
    new_service_write "$EDGEX_HOME/$root/$name" "$name" "$port"
    new_lists
    cat <<END

$root/$name/ is a service at port $port. To try it:
  ./edgex up --detach && curl http://localhost:$port/api/v3/$name
  ./edgex test -R unit/${name//-/_}
Next: write service.c, a member and a row for each key, a handler and a row for each route; README.md and test_${name//-/_}.c
beside it; ./edgex docs when rows have changed. services/README.md says what service.conf is for (a volume, more memory).
END
}

new_name_is_good() { # new_name_is_good NAME
    local symbol=${1//-/_} found
    [[ $1 =~ ^[a-z][a-z0-9]*(-[a-z0-9]+)*$ && $1 =~ ^.{2,31}$ ]] ||
        die "'$1' is no name for a service: small letters, digits and single hyphens, 2 to 31 of them, a letter first"
    case "$1" in
    device-*) die "'$1' is a driver's name: ./edgex new driver" ;;
    edgex* | edge-* | unit-* | system-tests | all-services | mosquitto | mqtt-broker | core-common-config-bootstrapper | \
        all | clean | help | test | install | package)
        die "'$1' means something else already"
        ;;
    esac
    for found in "${SERVICES[@]}"; do # core-data and core_data would be one symbol
        [ "${found//-/_}" != "$symbol" ] || die "there is a service '$found' already: ${SERVICE_FOLDERS[$found]}"
    done
    for found in "${SERVICE_ROOTS[@]/%//$1}" $(cd "$EDGEX_HOME" && compgen -G "tests/*/*/test_$symbol.c"); do
        ! [ -e "$EDGEX_HOME/$found" ] || die "'$1' is taken: $found is there already"
    done
    ! found=$(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin type -P "$1") ||
        die "'$1' is a program of this system: $found"
    new_symbol_is_good "$symbol" || die "'$1' is no name for a service: '$symbol' is a word of C or of its libraries"
}

new_symbol_is_good() { # new_symbol_is_good SYMBOL: in C, beside what the sources include
    ! printf '#include <%s.h>\n' "$1" | gcc -E -x c - >/dev/null 2>&1 &&
        printf '%s\n' '#include <stdlib.h>' '#include <stdio.h>' '#include <string.h>' '#include <math.h>' '#include <time.h>' \
            '#include <unistd.h>' '#include <pthread.h>' '#include <signal.h>' '#include <sys/socket.h>' '#include "edge/service.h"' \
            "extern const struct edge_service $1;" |
        gcc -D_GNU_SOURCE "-I$EDGEX_HOME/lib/common/include" "-I$EDGEX_HOME/lib/common" -fsyntax-only -x c - >/dev/null 2>&1
}

new_port_holder() { # new_port_holder PORT: the service that has it
    local name
    for name in "${SERVICES[@]}"; do
        [ "${SERVICE_PORTS[$name]:-}" != "$1" ] || { echo "$name"; return; }
    done
    return 1
}

new_port_is_good() { # new_port_is_good PORT
    local holder
    [[ $1 =~ ^[1-9][0-9]{3,4}$ && $1 -ge 1024 && $1 -le 65535 ]] || die "'$1' is no port: 1024 to 65535"
    ! holder=$(new_port_holder "$1") || die "port $1 is $holder's; the next free one is $(new_free_port)"
}

new_free_port() {
    local port
    for ((port = NEW_PORT; port < NEW_PORT + 40; port++)); do
        new_port_holder "$port" >/dev/null || { echo "$port"; return; }
    done
    die "no port from $NEW_PORT to $((NEW_PORT + 39)) is free; --port says which"
}

new_service_write() { # new_service_write FOLDER NAME PORT
    local symbol=${2//-/_} from=$EDGEX_HOME/tools/new/service file to
    mkdir -p "$1/res"
    for file in main.c service.c name.h test_name.c README.md res/configuration.yaml; do
        to=$1/${file/name/$symbol}
        sed "s/@NAME@/$2/g;s/@SYMBOL@/$symbol/g;s/@UPPER@/${symbol^^}/g;s/@PORT@/$3/g" "$from/$file.in" >"$to"
    done
    ! command -v clang-format >/dev/null || (cd "$1" && clang-format -i ./*.c ./*.h)
}
