# shellcheck shell=bash
# What is written from the list of services and committed, as people use it without the verbs: the compose files,
# .dockerignore, docs/services.md. ./edgex docs writes it, docs/lists of the tests says whether it is current.

LISTS=(docker-compose.yml docker-compose.edgexd.yml .dockerignore docs/services.md)

lists_write() { # lists_write DIR: all of LISTS below it
    mkdir -p "$1/docs"
    lists_compose >"$1/docker-compose.yml"
    lists_compose_edgexd >"$1/docker-compose.edgexd.yml"
    lists_dockerignore >"$1/.dockerignore"
    lists_page >"$1/docs/services.md"
}

keeps_data() { [ "$(conf "$1" data)" = yes ]; }

published() { # published NAME: its ports, those of service.conf, too; none where that says "no"
    local port
    if [ "$(conf "$1" publish)" = no ]; then return; fi
    for port in ${SERVICE_PORTS[$1]:-} $(conf "$1" publish); do echo "$port"; done
}

compose_ports() { # compose_ports INDENT NAME...
    local indent=$1 name port
    for name in "${@:2}"; do
        for port in $(published "$name"); do
            echo "$indent- \"\${EDGEX_ADDRESS:-127.0.0.1}:${port%/*}:$port\""
        done
    done
}

capabilities() { # capabilities NAME...: what the container of these has. Data is another user's, to root as well
    local name found
    found=$(for name in "$@"; do conf "$name" capability | grep .; done | sort -u)
    [ -n "$found" ] || return 0
    [ $# -eq 1 ] && ! keeps_data "$1" || found+=$'\n'DAC_OVERRIDE
    echo "$found"
}

# Capabilities are root's, of whose powers they are all that is left: others cannot be given any where new privileges
# are forbidden.
compose_user() { if [ -z "$(capabilities "$@")" ]; then echo 2002:2001; else echo 0:2001; fi; }

compose_access() { # compose_access NAME...: devices, each a path and the group that may use it; capabilities
    local name path group devices="" groups="" more
    for name in "$@"; do
        while read -r path group; do
            devices+=", \"$path:$path\""
            groups+=${group:+", $group"}
        done < <(conf "$name" device | grep .)
    done
    more=$(capabilities "$@" | paste -sd, -)
    [ -z "$devices" ] || echo "    devices: [${devices#, }]"
    [ -z "$groups" ] || echo "    group_add: [${groups#, }]"
    [ -z "$more" ] || echo "    cap_add: [${more//,/, }]"
}

lists_compose() {
    local name line ports
    cat <<'END'
# The platform, one process per container: docker-compose up -d. docker/README.md says more.
# EDGEX_ADDRESS: address of this machine the ports are published on (127.0.0.1; there is no authentication).
# Services with a profile run where it is named: docker-compose --profile NAME up -d.
# EDGEX_CONFIG_PROVIDER=keeper.http://edgex-core-keeper:59890: the services' configuration is core-keeper's.
# Written by ./edgex docs; what is a service's own is in its service.conf.

x-service: &service
  restart: unless-stopped
  networks: [edgex]
  read_only: true
  cap_drop: [ALL]
  security_opt: ["no-new-privileges:true"]
  user: "2002:2001"
  tmpfs: ["/tmp:size=16m,mode=1777"]
  mem_limit: 64m
  pids_limit: 640
  stop_grace_period: 10s
  logging:
    driver: json-file
    options: {max-size: 10m, max-file: "3"}

x-environment: &environment
  EDGEX_SECURITY_SECRET_STORE: "false"
  SERVICE_SERVERBINDADDR: 0.0.0.0
  MESSAGEBUS_HOST: edgex-mqtt-broker
  CLIENTS_CORE_METADATA_HOST: edgex-core-metadata
  REGISTRY_HOST: edgex-core-keeper
  EDGEX_USE_REGISTRY: "${EDGEX_USE_REGISTRY:-true}"
  EDGEX_CONFIG_PROVIDER: "${EDGEX_CONFIG_PROVIDER:-none}"

services:
  mqtt-broker:
    <<: *service
    image: edgex-c/mqtt-broker:${EDGEX_VERSION:-latest}
    build: {context: ., dockerfile: docker/Dockerfile, target: mqtt-broker}
    container_name: ${EDGEX_CONTAINERS:-edgex}-mqtt-broker
    hostname: edgex-mqtt-broker
    networks: {edgex: {aliases: [edgex-mqtt-broker]}}
END
    for name in "${SERVICES[@]}"; do
        cat <<END

  $name:
    <<: *service
    image: edgex-c/$name:\${EDGEX_VERSION:-latest}
    build: {context: ., dockerfile: docker/Dockerfile, target: daemon, args: {PROGRAM: $name}}
    container_name: \${EDGEX_CONTAINERS:-edgex}-$name
    hostname: edgex-$name
    networks: {edgex: {aliases: [edgex-$name]}}
END
        ! is_optional "$name" || echo "    profiles: [$name]"
        [ -z "$(conf "$name" memory)" ] || echo "    mem_limit: $(conf "$name" memory)"
        [ "$(compose_user "$name")" = 2002:2001 ] || echo "    user: \"$(compose_user "$name")\""
        compose_access "$name"
        printf '    environment:\n      <<: *environment\n      SERVICE_HOST: edgex-%s\n' "$name"
        while read -r line; do echo "      ${line%%=*}: \"${line#*=}\""; done < <(conf "$name" environment | grep .)
        ! keeps_data "$name" || echo "    volumes: [\"$name:/var/lib/edgex\"]"
        ports=$(compose_ports "      " "$name")
        [ -z "$ports" ] || printf '    ports:\n%s\n' "$ports"
    done
    printf '\nnetworks:\n  edgex: {}\n\nvolumes:\n'
    for name in "${SERVICES[@]}"; do ! keeps_data "$name" || echo "  $name: {}"; done
}

lists_compose_edgexd() {
    cat <<'END'
# The platform in one container, without a broker, for small gateways:
#   docker-compose -f docker-compose.edgexd.yml up -d
# Written by ./edgex docs.
services:
  edgexd:
    image: edgex-c/edgexd:${EDGEX_VERSION:-latest}
    build: {context: ., dockerfile: docker/Dockerfile, target: daemon, args: {PROGRAM: edgexd}}
    container_name: ${EDGEX_CONTAINERS:-edgex}-edgexd
    hostname: edgexd
    restart: unless-stopped
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    tmpfs: ["/tmp:size=16m,mode=1777"]
    mem_limit: 256m
    pids_limit: 2048
    stop_grace_period: 10s
    logging:
      driver: json-file
      options: {max-size: 10m, max-file: "3"}
    environment:
      EDGEX_SECURITY_SECRET_STORE: "false"
      SERVICE_SERVERBINDADDR: 0.0.0.0
      SERVICE_HOST: edgexd
      EDGEX_USE_REGISTRY: "${EDGEX_USE_REGISTRY:-true}"
      EDGEX_WITH: "${EDGEX_WITH:-}"
    volumes: ["edgexd:/var/lib/edgex"]
END
    local name usual=()
    for name in "${SERVICES[@]}"; do is_optional "$name" || usual+=("$name"); done
    echo "    user: \"$(compose_user "${usual[@]}")\""
    compose_access "${usual[@]}"
    echo "    ports:"
    compose_ports "      " "${usual[@]}"
    printf '\nvolumes:\n  edgexd: {}\n'
}

lists_dockerignore() {
    printf '%s\n' '*' '!CMakeLists.txt' '!lib' '!device-sdk'
    printf '!%s\n' "${SERVICE_ROOTS[@]}"
    printf '%s\n' '!tools' '!docker' '!packaging'
}

lists_page() {
    local name folder data note
    cat <<'END'
# Services

In the order they start. Written by `./edgex docs` from the folders; [services/README.md](../services/README.md) says
what a folder holds. `edgexd` is all of them in one process. Optional ones run where they are named: `./edgex up --with NAME`,
`docker-compose --profile NAME up`, `EDGEX_WITH=NAME` for `edgexd`, the unit or the program of their own.

| Service | Port | Container, host name | Unit | Data | API |
|---|---|---|---|---|---|
END
    for name in "${SERVICES[@]}"; do
        folder=${SERVICE_FOLDERS[$name]} data='' note=''
        ! keeps_data "$name" || data="volume \`$name\`"
        ! is_optional "$name" || note=", optional"
        echo "| [$name](../$folder/README.md)$note | ${SERVICE_PORTS[$name]:-} | \`edgex-$name\` | \`edgex-$name.service\` | $data | [$name](api/$name.md) |"
    done
}
