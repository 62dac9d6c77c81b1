# shellcheck shell=bash
# edgex profile: what edgexctl profile does.

# shellcheck source=tools/edgexctl.sh
. "$EDGEX_HOME/tools/edgexctl.sh"

verb_main() { run_edgexctl profile "$@"; }
