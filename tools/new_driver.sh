# shellcheck shell=bash
# edgex new driver: a folder with a device service on the SDK, made from tools/new/driver/.

new_driver_usage() {
    cat <<'EOF'
Usage: ./edgex new driver NAME [FOLDER]

Creates a device service device-NAME that compiles, reads and writes a simulated device and is tested: driver,
codec, configuration, profile, device, tests, fuzz target, benchmark, CMakeLists.txt and README.

  NAME     lower case letters, digits and dashes: pump, modbus-rtu; the service is called device-NAME
  FOLDER   where it goes; it must not exist. Without it: services/device-NAME

Below services/ it is part of the platform: ./edgex up runs it, ./edgex test tests it, it has a page in docs/api,
a unit in the package and a container. Elsewhere it is a project
of its own, built against the package edgex-device-sdk-dev or this checkout.
EOF
}

new_driver() {
    local name=${1:-} folder=${2:-}
    case "$name" in
    "" | -h | --help) new_driver_usage; exit 0 ;;
    esac
    [ $# -le 2 ] || die "new driver: one NAME and one FOLDER; ./edgex new driver --help"
    name=${name#device-}
    new_driver_name_check "$name"
    DRIVER=device-$name # what the service is called
    folder=${folder:-$EDGEX_HOME/services/$DRIVER}
    case "$folder" in /*) ;; *) folder=$PWD/$folder ;; esac
    [ ! -e "$folder" ] || die "new driver: $folder is there already; name another folder, or move it away"
    new_driver_inside "$folder" && [ "${folder##*/}" != "$DRIVER" ] &&
        die "new driver: below services/ the folder is called as the service is: services/$DRIVER"
    new_driver_port
    new_driver_write "$name" "$folder"
    if new_driver_inside "$folder"; then
        new_lists
        new_driver_steps_inside "$name"
    else
        new_driver_sdk
        new_driver_steps_outside "$folder"
    fi
}

new_driver_name_check() {
    if ! [[ "$1" =~ ^[a-z][a-z0-9]*(-[a-z0-9]+)*$ ]] || [ ${#1} -gt 40 ]; then
        die "new driver: '$1' is no name for a driver: lower case letters, digits and single dashes, a letter first, 40 at most"
    fi
    [ ! -e "$EDGEX_HOME/services/device-$1" ] ||
        die "new driver: there is a service device-$1 already, services/device-$1"
}

new_driver_inside() { [ "$(dirname "$1")" = "$EDGEX_HOME/services" ]; }

new_driver_port() { # PORT: the first one from 59950 that no service has and nobody listens at
    PORT=59950
    while [[ " ${SERVICE_PORTS[*]} " = *" $PORT "* ]] || [ -n "$(listeners "$PORT")" ]; do PORT=$((PORT + 1)); done
}

new_driver_write() { # new_driver_write NAME FOLDER
    local from=$EDGEX_HOME/tools/new/driver name=$1 folder=$2 symbol ident file to steps
    symbol=${DRIVER//-/_}
    ident=${name//-/_}
    if new_driver_inside "$folder"; then steps=$(new_driver_steps_inside "$name"); else steps=$(new_driver_steps_outside .); fi
    (cd "$from" && find . -type f | sort) | while read -r file; do
        case "$file" in
        ./driver.[ch]) to=$symbol.${file##*.} ;;
        ./codec/frame.[ch]) to=codec/${ident}_frame.${file##*.} ;;
        ./fuzz/frame.c) to=fuzz/fuzz_${ident}_frame.c ;;
        ./res/profiles/*) to=res/profiles/$name.yaml ;;
        ./res/devices/*) to=res/devices/$name.yaml ;;
        *) to=${file#./} ;;
        esac
        mkdir -p "$(dirname "$folder/$to")"
        STEPS=$(grep '^  [0-9]' <<<"$steps" | sed 's/^  [0-9] */    /') awk -v name="$name" -v symbol="$symbol" \
            -v ident="$ident" -v upper="${ident^^}" -v guard="${symbol^^}" -v port="$PORT" -v sdk="${SDK_TREE-$EDGEX_HOME/build/release}" '
            $0 == "@STEPS@" {print ENVIRON["STEPS"]; next}
            {gsub(/device_example/, symbol); gsub(/DEVICE_EXAMPLE/, guard); gsub(/example/, name); gsub(/sample_/, ident "_"); gsub(/SAMPLE_/, upper "_")
             gsub(/59950/, port); gsub(/@SDK@/, sdk); print}' "$from/$file" >"$folder/$to"
        [ -n "${QUIET:-}" ] || say "  $to"
    done
    if new_driver_inside "$folder" && command -v clang-format >/dev/null; then
        clang-format -i "$folder"/*.[ch] "$folder"/{test,codec}/*.[ch] "$folder"/{fuzz,bench}/*.c # lines are as long as the name
    fi
    [ -n "${QUIET:-}" ] || say "$DRIVER is in $folder"
}

new_driver_sdk() { # what a project of its own is built against
    pkg-config --exists edgex-device-sdk-test 2>/dev/null && return
    [ -z "${EDGEX_BIN:-}" ] || return 0
    say "The package edgex-device-sdk-dev is not installed: building the libraries of this checkout"
    install_packages "${RUN_PACKAGES[@]}"
    build build/release -DCMAKE_BUILD_TYPE=RelWithDebInfo -DEDGE_TESTS=OFF -- edge-devsdk edge-devsdk-test edge-common
}

new_driver_steps_inside() {
    cat <<EOF

What to do next:
  1 ./edgex up
  2 curl http://localhost:59882/api/v3/device/name/$1-1/Status
  3 ./edgex test -R $DRIVER
EOF
}

new_driver_steps_outside() {
    cat <<EOF

What to do next:
  1 cmake -S $1 -B $1/build -G Ninja && cmake --build $1/build
  2 ctest --test-dir $1/build --output-on-failure
  3 MESSAGEBUS_TYPE=mqtt $1/build/$DRIVER -cd $1/res
The last one needs a platform with a broker, as ./edgex up --split is; that says which MESSAGEBUS_PORT.
EOF
}
