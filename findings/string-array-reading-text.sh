#!/usr/bin/env bash
# go-mod-core-contracts 4.0.2: the text of a StringArray reading has neither quotes nor escapes, and every
# space in an item becomes ", ". What two items were cannot be told from three, from the reading alone; an
# item with a comma or a bracket is lost alike. Whoever splits the text by ", " gets items nobody sent.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'EOF'
module finding

go 1.23.0

require github.com/edgexfoundry/go-mod-core-contracts/v4 v4.0.2
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"
	"os"

	"github.com/edgexfoundry/go-mod-core-contracts/v4/dtos"
)

func main() {
	changed := false
	text := func(items []string) string {
		r, err := dtos.NewSimpleReading("profile", "device", "resource", "StringArray", items)
		if err != nil {
			fmt.Println(err)
			os.Exit(2)
		}
		fmt.Printf("%q: %s\n", items, r.Value)
		return r.Value
	}
	changed = text([]string{"main pump", "off"}) != "[main, pump, off]"
	changed = text([]string{"main", "pump", "off"}) != "[main, pump, off]" || changed
	changed = text([]string{"a,b]"}) != "[a,b]]" || changed
	if changed {
		fmt.Println("CHANGED")
		os.Exit(1)
	}
}
EOF
export GOFLAGS=-mod=mod GOTOOLCHAIN=local
go build -o finding . 2>build.log || { cat build.log; exit 2; }
./finding
