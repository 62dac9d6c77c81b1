#!/usr/bin/env bash
# go-mod-messaging 4.0.2: of the two queries of its bus command client, AllDeviceCoreCommands publishes on
# the literal topic "core-command" and waits for an answer below the request's topic, while
# DeviceCoreCommandsByDeviceName beside it does what the documentation of core-command says. So no
# core-command can ever answer the first: the caller gets a time-out.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'EOF'
module finding

go 1.24.0

require (
	github.com/edgexfoundry/go-mod-messaging/v4 v4.0.2
	github.com/mochi-mqtt/server/v2 v2.7.9
)
EOF
cat >main.go <<'EOF'
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/edgexfoundry/go-mod-messaging/v4/clients"
	"github.com/edgexfoundry/go-mod-messaging/v4/messaging"
	"github.com/edgexfoundry/go-mod-messaging/v4/pkg/types"
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
}

func main() {
	broker := mqtt.New(&mqtt.Options{InlineClient: true, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	must(broker.AddHook(new(auth.AllowHook), nil))
	listener := listeners.NewTCP(listeners.Config{ID: "t", Address: "127.0.0.1:0"})
	must(broker.AddListener(listener))
	must(broker.Serve())
	var port int
	_, err := fmt.Sscanf(listener.Address(), "127.0.0.1:%d", &port)
	must(err)
	published := make(chan string, 10)
	must(broker.Subscribe("#", 1, func(_ *mqtt.Client, _ packets.Subscription, p packets.Packet) { published <- p.TopicName }))

	bus, err := messaging.NewMessageClient(types.MessageBusConfig{Type: "mqtt",
		Broker: types.HostInfo{Host: "127.0.0.1", Port: port, Protocol: "tcp"}, Optional: map[string]string{"ClientId": "finding"}})
	must(err)
	must(bus.Connect())
	command := clients.NewCommandClient(bus, "edgex", 500*time.Millisecond)
	_, all := command.AllDeviceCoreCommands(context.Background(), 0, -1)
	_, one := command.DeviceCoreCommandsByDeviceName(context.Background(), "pump")
	first, second := <-published, <-published
	fmt.Println("AllDeviceCoreCommands publishes on       ", first)
	fmt.Println("  and gives up:", all.Error()[:strings.LastIndex(all.Error(), "/")])
	fmt.Println("DeviceCoreCommandsByDeviceName publishes on", second)
	fmt.Println("  and gives up:", one.Error()[:strings.LastIndex(one.Error(), "/")])
	if first != "core-command" || second != "edgex/core/commandquery/request/pump" ||
		!strings.Contains(all.Error(), "response on edgex/core/commandquery/request/all/") ||
		!strings.Contains(one.Error(), "response on edgex/response/core-command/") {
		fmt.Println("CHANGED")
		os.Exit(1)
	}
}
EOF
export GOFLAGS=-mod=mod GOTOOLCHAIN=local
go build -o finding . 2>build.log || { cat build.log; exit 2; }
./finding
