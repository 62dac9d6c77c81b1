#!/usr/bin/env bash
# official [EVENTS]: bench export with an application service of EdgeX's own SDK (Go, app-functions-sdk-go v4.0.0) in the place of
# ours, and then with ours: the same events, brokers and web server. The Go service may lose some: then it ends there, and says how
# many came. Exit code 77: no Go, or not its modules.
set -euo pipefail
HOME_OF=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
EVENTS=${1:-50000}
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT
command -v go >/dev/null || { echo "SKIPPED: there is no Go" >&2; exit 77; }
(cd "$HOME_OF/tests/peers/app_service" && go build -o "$SCRATCH/official" .) >"$SCRATCH/build.log" 2>&1 ||
    { tail -n 3 "$SCRATCH/build.log" >&2; echo "SKIPPED: the SDK's modules cannot be had" >&2; exit 77; }

# Started as ours is; what the SDK must have in its file beside it is added.
cat >"$SCRATCH/app-service-configurable" <<'END'
#!/usr/bin/env bash
set -euo pipefail
python3 - "$2/configuration.yaml" <<'PYTHON'
import sys, yaml
path = sys.argv[1]
with open(path) as f:
    c = yaml.safe_load(f)
w = c["Writable"]
w.pop("Spool", None)
w["StoreAndForward"] = {"Enabled": False, "RetryInterval": "5m", "MaxRetryCount": 10}
w["Telemetry"] = {"Interval": "0s", "Metrics": {}, "Tags": {}}
w["InsecureSecrets"] = {"mqtt": {"SecretName": "mqtt", "SecretData": {"username": "", "password": ""}}}
w["Pipeline"].update({"TargetType": "event", "PerTopicPipelines": {}})
mqtt = w["Pipeline"]["Functions"]["MQTTExport"]["Parameters"]
mqtt.update({"AutoReconnect": "true", "Retain": "false", "SkipVerify": "false", "PersistOnError": "false"})
c["Service"].update({"Host": "127.0.0.1", "ServerBindAddr": "127.0.0.1", "HealthCheckInterval": "10s",
                     "RequestTimeout": "30s", "MaxRequestSize": 0, "StartupMsg": "up"})
c["MessageBus"].update({"Type": "mqtt", "AuthMode": "none", "SecretName": "mqtt", "BaseTopicPrefix": "edgex"})
c["MessageBus"]["Optional"].update({"Qos": "1", "KeepAlive": "10", "Retained": "false", "AutoReconnect": "true",
                                    "ConnectTimeout": "5", "SkipCertVerify": "false"})
c["Trigger"]["Type"] = "edgex-messagebus"
c.update({"Clients": {}, "Database": {}, "Registry": {"Host": "localhost", "Port": 59890, "Type": "keeper"}})
with open(path, "w") as f:
    yaml.safe_dump(c, f)
PYTHON
EDGEX_SECURITY_SECRET_STORE=false exec "$(dirname "$0")/official" -cd "$2" -cf configuration.yaml
END
chmod +x "$SCRATCH/app-service-configurable"
program=$EDGE_BIN_DIR/tests/bench_export
echo "-- the official SDK's"
EDGE_BIN_DIR=$SCRATCH timeout 300 "$program" "$EVENTS" 2>&1 | grep -v '^[0-9]*: ' || true
echo "-- ours"
"$program" "$EVENTS" 2>&1 | grep -v '^[0-9]*: '
