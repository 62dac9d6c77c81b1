#!/usr/bin/env bash
# docs/export.md: its first pipeline, as the page has it, hands an event from a real broker to a web server; then its
# script, its questions, its points for InfluxDB, its way to another bus, its registration of EdgeX 1. Only ports are others
# than the page's.
set -euo pipefail
SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PAGE=$SOURCE/docs/export.md
# shellcheck source=tests/tools/ports.sh
. "$SOURCE/tests/tools/ports.sh"
read -r BROKER SINK SERVICE CLOUDS CLIENT _ <<<"$EDGE_TEST_PORTS"
SCRATCH=$(mktemp -d)
fail() { echo "$1" >&2; cat "$SCRATCH"/*.log >&2; exit 1; }
end() {
    # shellcheck disable=SC2046
    kill $(jobs -p) 2>/dev/null || true
    wait
    rm -rf "$SCRATCH"
}
trap end EXIT
PATH=$EDGE_BIN_DIR:$PATH:/usr/sbin

here() {
    sed -e "s/localhost:8000/localhost:$SINK/;s/localhost:8086/localhost:$SINK/;s/localhost:1883/localhost:$BROKER/" \
        -e "s/\"port\": 8000/\"port\": $SINK/;s/59704/$SERVICE/g;s/48071/$CLIENT/g"
}
block() { # block N LANGUAGE: the N-th of the page
    awk -v want="$1" -v lang="$2" '/^ *```/ {if (inside) {inside = 0} else if ($0 ~ "```" lang) {n++; inside = n == want}; next} inside' "$PAGE" | here
}
example() { # example TEXT: the page's block of YAML with this text
    awk -v want="$1" '/^ *```/ {if (inside) {if (index(text, want)) {printf "%s", text; exit} inside = 0} else if ($0 ~ "```yaml") {inside = 1; text = ""}; next}
        inside {text = text $0 "\n"}' "$PAGE" | here
}
soon() { # soon COMMAND...: within 20 s
    local i
    for ((i = 0; i < 200; i++)); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    return 1
}

cat >"$SCRATCH/sink.py" <<'PY'
import http.server, sys
class Sink(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        print(self.path, self.headers["Content-Type"], body, flush=True)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("localhost", int(sys.argv[1])), Sink).serve_forever()
PY
mosquitto -p "$BROKER" >"$SCRATCH/broker.log" 2>&1 &
python3 "$SCRATCH/sink.py" "$SINK" >"$SCRATCH/sink.log" 2>&1 &
cd "$SCRATCH"
mkdir -p app/http-export
example "Writable:" >app/http-export/configuration.yaml
{ example "Script:"; example "InfluxExport:"; example "BusExport:"; } >more.yaml # the page's other functions, in front of the exporter
sed -i -e "s/\(ExecutionOrder: .*\), HTTPExport/\1, Script, InfluxExport, BusExport, HTTPExport/" -e "/^    Functions:/r more.yaml" \
    app/http-export/configuration.yaml
example "SecretData: {token" >secret.yaml
sed -i "/^Writable:/r secret.yaml" app/http-export/configuration.yaml
export MESSAGEBUS_PORT=$BROKER MESSAGEBUS_HOST=localhost EDGEX_DATA_DIR=$SCRATCH/data
block 1 sh | sed 's/^app-service/exec &/' >start.sh # so that the job is the service, and ends with it
bash start.sh >service.log 2>&1 &
soon curl -sf "localhost:$SERVICE/api/v3/ping" || fail "the service is not up"
mosquitto_pub -p "$BROKER" -r -t ready -m ready
mosquitto_sub -p "$BROKER" -t ready -t 'edgex/events/device/svc/south.P/+/all' >other.log &
soon grep -q ready other.log || fail "nobody listens"

EVENT='{"apiVersion":"v3","event":{"apiVersion":"v3","id":"7a1707f0-166f-4c4b-bc9d-1d54c74e0137","deviceName":"DEVICE","profileName":"P","sourceName":"all","origin":1602168089665565200,"readings":[{"origin":1602168089665565200,"deviceName":"DEVICE","resourceName":"Temp","profileName":"P","valueType":"Float64","value":"212"}]}}'
for device in Valve Pump; do
    printf '{"apiVersion":"v3","correlationID":"c","requestID":"","errorCode":0,"contentType":"application/json","payload":%s}' \
        "${EVENT//DEVICE/$device}" >message.json
    mosquitto_pub -p "$BROKER" -q 1 -t "edgex/events/device/svc/P/$device/all" -f message.json
done
soon grep -q '^/Pump/all application/json .*"value":"100' sink.log || fail "the event did not come, or the script did not change it"
grep -q '^/api/v2/write?org=plant&bucket=gateway&precision=ns .* P,device=Pump,site=north,source=all Temp=1e+02 1602168089665565200' sink.log ||
    fail "there was no point for InfluxDB"
soon grep -q '"deviceName":"south.Pump".*"tags":{"origin-gw":"south","hops":1}' other.log || fail "nothing came to the other bus"
! grep -q Valve sink.log || fail "the filter lets others pass"

printf '%s' "${EVENT//DEVICE/Pump}" >event.json
block 2 sh >test.sh
bash test.sh 2>/dev/null | grep -q '"function":"Script","verdict":"goes on"' || fail "the test shows no script: $(bash test.sh)"
block 3 sh >queue.sh
while IFS= read -r line; do
    case $line in "") continue ;; esac
    (eval "${line%%  #*}") >answer 2>&1 || fail "$line"
    grep -q '"statusCode":200\|"statusCode":404' answer || fail "$line: $(cat answer)"
done <queue.sh

# The clouds' examples are taken as they stand; nobody answers there.
# shellcheck disable=SC2013 # a name has no blanks
for name in $(sed -n '/^## Clouds/,/^## InfluxDB/s/^      \([A-Za-z]*Export\):$/\1/p' "$PAGE"); do example "$name:"; done >clouds.yaml
NAMES=$(sed -n 's/^      \([A-Za-z]*Export[0-9]*\):$/\1/p' clouds.yaml | paste -sd, -)
mkdir -p app/clouds
{
    printf 'Writable:\n  Pipeline:\n    ExecutionOrder: "%s"\n    Functions:\n' "$NAMES"
    cat clouds.yaml
    printf 'Service:\n  Port: %s\n' "$CLOUDS"
} >app/clouds/configuration.yaml
MESSAGEBUS_OPTIONAL_CLIENTID=clouds EDGEX_DATA_DIR=$SCRATCH/clouds app-service-configurable -cd app -p clouds >clouds.log 2>&1 &
soon curl -sf "localhost:$CLOUDS/api/v3/ping" || fail "the clouds' examples are refused"
[ -n "$NAMES" ] || fail "there are no clouds"
for name in ${NAMES//,/ }; do
    curl -s "localhost:$CLOUDS/api/v3/export/queue/default-pipeline.$name" | grep -q '"state":"idle"' || fail "no queue of $name"
done

SERVICE_PORT=$CLIENT DISTRO_PORT=0 export-client >client.log 2>&1 &
soon curl -sf "localhost:$CLIENT/api/v3/ping" || fail "export-client is not up"
block 4 sh >registration.sh
n=0
while IFS= read -r line; do
    (eval "${line%%  #*}") >"answer.$n" 2>&1 || fail "$line"
    n=$((n + 1))
done <registration.sh
[[ $(cat answer.0) =~ [0-9a-f-]{36}$ ]] || fail "no id: $(cat answer.0)"
grep -q 'true$' answer.1 || fail "not changed: $(cat answer.1)"
grep -q '"format":"THINGSBOARD_JSON"' answer.2 || fail "$(cat answer.2)"
grep -q '"CSV"' answer.3 || fail "$(cat answer.3)"
grep -q '"name":"plant.HTTPExport"' answer.4 || fail "$(cat answer.4)"
sent() { # until it has subscribed
    mosquitto_pub -p "$BROKER" -q 1 -t "edgex/events/device/svc/P/Pump/all" -f message.json
    grep -q '^/plant application/json {"Pump":\[{"ts":1602168089665,"values":{"Temp":"212"}}\]}' sink.log
}
soon sent || fail "the registration brings nothing"
echo passed
