#!/usr/bin/env bash
# docs/devices/rest.md: its sensor and its thermostat, as the page has them, with curl and python3 against edgexd. Only ports are
# others than the page's.
set -euo pipefail
SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PAGE=$SOURCE/docs/devices/rest.md
# shellcheck source=tests/tools/verbs_lib.sh
. "$SOURCE/tests/tools/verbs_lib.sh"
export DEVICE_REST__SERVICE_PORT=$((EDGEX_BROKER_PORT + 1)) EDGEX_WITH=device-rest
DEVICE=$((EDGEX_BROKER_PORT + 2))

here() {
    sed -e "s/localhost:59880/localhost:$CORE_DATA__SERVICE_PORT/;s/localhost:59881/localhost:$CORE_METADATA__SERVICE_PORT/" \
        -e "s/localhost:59882/localhost:$CORE_COMMAND__SERVICE_PORT/;s/localhost:59986/localhost:$DEVICE_REST__SERVICE_PORT/" -e "s/8080/$DEVICE/"
}
# shellcheck disable=SC2016 # no expansion is meant
# The commands of "Ten minutes": the lines with four blanks, up to the next heading; ./edgex is ours to start.
commands() { sed -n '/^## Ten minutes/,/^## What/p' "$PAGE" | sed '/^```python/,/^```$/d' | sed -n 's/^    //p' | grep -v '^\./edgex' | here; }
thermostat() { awk '$0 == "```python" {on = 1; next} $0 == "```" {on = 0} on' "$PAGE" | here; }

said() { grep -q -- "$1" "$SCRATCH/out" || fail "'$1' did not come: $(cat "$SCRATCH/out")"; }

thermostat >"$SCRATCH/thermostat.py"
python3 "$SCRATCH/thermostat.py" >/dev/null 2>&1 &
OTHER=$!
edgex 0 up --detach --with device-rest
is_up() { curl -fsS "http://localhost:$DEVICE_REST__SERVICE_PORT/api/v3/ping" && curl -fsS "http://localhost:$CORE_METADATA__SERVICE_PORT/api/v3/deviceprofile/name/rest-sensor"; }
wait_for is_up >/dev/null 2>&1
commands | sed '/thermostat-1/,$d' >"$SCRATCH/sensor.sh"
commands | sed -n '/thermostat-1/,$p' >"$SCRATCH/thermostat.sh"
grep -c curl "$SCRATCH/sensor.sh" "$SCRATCH/thermostat.sh" >/dev/null || fail "the page has no commands"

sensor() { bash -e "$SCRATCH/sensor.sh" >"$SCRATCH/out" 2>/dev/null && grep -q '"resourceName":"Humidity"' "$SCRATCH/out"; }
wait_for sensor
for text in '"value":"2.15e+01"' '"value":"40"' '"value":"3.1e+00"'; do said "$text"; done
curl -s -X POST "http://localhost:$DEVICE_REST__SERVICE_PORT/api/v3/resource/sensor-1/Humidity" -d 999 >"$SCRATCH/out"
said "Humidity: '999' is no Uint8"

bash -e "$SCRATCH/thermostat.sh" >"$SCRATCH/out" 2>/dev/null || fail "$(cat "$SCRATCH/out")"
for text in '"value":"eco"' '"value":"comfort"' '"value":"false"' '"value":"true"' '"value":"2.15e+01"'; do said "$text"; done

# As clients send who are no example: in chunks, packed for nobody, after asking whether they may.
curl -sS -X POST -H 'Transfer-Encoding: chunked' -H 'Expect: 100-continue' -d 22.5 "http://localhost:$DEVICE_REST__SERVICE_PORT/api/v3/resource/sensor-1/Temperature" -w '%{http_code}' >"$SCRATCH/out"
said 200
head -c 100000 /dev/urandom >"$SCRATCH/picture"
curl -sS -X POST -H 'Content-Type: image/jpeg' --data-binary "@$SCRATCH/picture" "http://localhost:$DEVICE_REST__SERVICE_PORT/api/v3/resource/sensor-1/Picture" -w '%{http_code}' >"$SCRATCH/out"
said 200
