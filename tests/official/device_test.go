// A device service of the official SDK: how it starts on our core services, what it stores, how it is
// commanded, and what is left of it when anybody is killed.
package official

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	clients "github.com/edgexfoundry/go-mod-core-contracts/v4/clients/http"
	"github.com/edgexfoundry/go-mod-core-contracts/v4/dtos"
	"github.com/edgexfoundry/go-mod-core-contracts/v4/dtos/requests"
	busclients "github.com/edgexfoundry/go-mod-messaging/v4/clients"
	"github.com/edgexfoundry/go-mod-messaging/v4/messaging"
	"github.com/edgexfoundry/go-mod-messaging/v4/pkg/types"
)

func connect(t *testing.T, id string) messaging.MessageClient {
	t.Helper()
	port, err := strconv.Atoi(ours.brokerPort)
	must(t, err)
	bus, err := messaging.NewMessageClient(types.MessageBusConfig{
		Broker: types.HostInfo{Host: "127.0.0.1", Port: port, Protocol: "tcp"}, Type: "mqtt",
		Optional: map[string]string{"ClientId": id, "Qos": "1", "AutoReconnect": "true", "ConnectTimeout": "5"},
	})
	must(t, err)
	must(t, bus.Connect())
	t.Cleanup(func() { _ = bus.Disconnect() })
	return bus
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	if !within(holds) {
		t.Fatalf("never: %s", what)
	}
}

func TestItsFilesArrive(t *testing.T) {
	devices := clients.NewDeviceClient(ours.url("core-metadata"), open{}, false)
	eventually(t, "both devices", func() bool {
		all, err := devices.DevicesByServiceName(ctx, service, 0, 10)
		return err == nil && all.TotalCount == 2
	})
	profile, err := clients.NewDeviceProfileClient(ours.url("core-metadata"), open{}, false).DeviceProfileByName(ctx, "Official")
	must(t, err)
	if n := len(profile.Profile.DeviceResources); n != 14 {
		t.Errorf("%d resources", n)
	}
	watcher, err := clients.NewProvisionWatcherClient(ours.url("core-metadata"), open{}, false).ProvisionWatcherByName(ctx, "Official-Watcher")
	must(t, err)
	if got := watcher.ProvisionWatcher.BlockingIdentifiers["Address"]; len(got) != 1 || got[0] != "unit-13" {
		t.Errorf("blocking identifiers %v", got)
	}
	registry := clients.NewRegistryClient(ours.url("core-keeper"), open{}, false)
	eventually(t, "it is registered and up", func() bool {
		r, err := registry.RegistrationByServiceId(ctx, service)
		return err == nil && r.Registration.Status == "UP" && r.Registration.Port == ours.ports[service]
	})
}

func TestItsEventsAreStoredAsSent(t *testing.T) {
	readings := clients.NewReadingClient(ours.url("core-data"), open{}, false)
	for _, name := range []string{"Level", "Blob"} {
		eventually(t, "a reading of "+name, func() bool {
			all, err := readings.ReadingsByDeviceNameAndResourceName(ctx, "Official-1", name, 0, 1)
			return err == nil && len(all.Readings) == 1
		})
	}
	blob, err := readings.ReadingsByDeviceNameAndResourceName(ctx, "Official-1", "Blob", 0, 1)
	must(t, err)
	if got := base64.StdEncoding.EncodeToString(blob.Readings[0].BinaryValue); got != "AAH+/w==" {
		t.Errorf("bytes %s", got)
	}
}

var values = map[string]string{ // what is set and how it is read back
	"Switch": "false", "Level": "42", "Smallest": "-9223372036854775807", "Largest": "18446744073709551614",
	"Short": "2.5e+00", "Long": "1.234567890123457e+10", "Text": "a \"text\" -> ü", "List": "[3, -2, 1]", "Words": "[x, y]",
}

func TestCommandsOverREST(t *testing.T) {
	command := clients.NewCommandClient(ours.url("core-command"), open{}, false)
	events := clients.NewEventClient(ours.url("core-data"), open{}, false)
	for name, value := range values {
		set := map[string]any{name: value}
		if name == "List" {
			set[name] = "[3,-2,1]"
		} else if name == "Words" {
			set[name] = `["x","y"]`
		}
		if _, err := command.IssueSetCommandByName(ctx, "Official-2", name, set); err != nil {
			t.Errorf("set %s: %v", name, err)
			continue
		}
		got, err := command.IssueGetCommandByName(ctx, "Official-2", name, true, true)
		if err != nil {
			t.Errorf("get %s: %v", name, err)
			continue
		}
		r := got.Event.Readings[0]
		if r.Value != value {
			t.Errorf("%s: set %s, got %s", name, value, r.Value)
		}
		eventually(t, "the pushed event is stored", func() bool {
			stored, err := events.EventsByDeviceName(ctx, "Official-2", 0, 100)
			if err != nil {
				return false
			}
			for _, e := range stored.Events {
				if e.Id == got.Event.Id {
					return e.Readings[0].Value == value && e.Origin == got.Event.Origin
				}
			}
			return false
		})
	}
	thing := map[string]any{"Thing": map[string]any{"deep": map[string]any{"n": 2.25}}}
	if _, err := command.IssueSetCommandByName(ctx, "Official-2", "Thing", thing); err != nil {
		t.Error(err)
	}
	got, err := command.IssueGetCommandByName(ctx, "Official-2", "Thing", false, true)
	must(t, err)
	if text, _ := json.Marshal(got.Event.Readings[0].ObjectValue); string(text) != `{"deep":{"n":2.25}}` {
		t.Errorf("object %s", text)
	}
}

func TestItsReasonsArriveWhole(t *testing.T) {
	command := clients.NewCommandClient(ours.url("core-command"), open{}, false)
	_, err := command.IssueGetCommandByName(ctx, "Official-2", "Broken", false, true)
	if err == nil || !strings.Contains(err.Error(), `the device said`) || !strings.Contains(err.Error(), `never`) {
		t.Errorf("the driver's reason is lost: %v", err)
	}
	_, err = command.IssueSetCommandByName(ctx, "Official-2", "Level", map[string]any{"Level": "101"})
	if err == nil || err.Code() != 400 {
		t.Errorf("beyond its maximum: %v", err)
	}
	_, err = command.IssueGetCommandByName(ctx, "Official-2", "Nothing", false, true)
	if err == nil || err.Code() != 404 {
		t.Errorf("no such command: %v", err)
	}
}

func TestCommandsOverTheBus(t *testing.T) {
	bus := connect(t, "official-commander")
	command := busclients.NewCommandClient(bus, "edgex", patience)
	// Not AllDeviceCoreCommands: version 4.0.2 publishes it on the topic "core-command".
	known, err := command.DeviceCoreCommandsByDeviceName(ctx, "Official-2")
	must(t, err)
	if n := len(known.DeviceCoreCommand.CoreCommands); n != 14 {
		t.Errorf("%d commands", n)
	}
	if _, err := command.IssueSetCommandByName(ctx, "Official-2", "Both", map[string]any{"Level": "-5", "Text": "over the bus"}); err != nil {
		t.Fatal(err)
	}
	got, err := command.IssueGetCommandByName(ctx, "Official-2", "Both", false, true)
	must(t, err)
	if got.Event.Readings[0].Value != "-5" || got.Event.Readings[1].Value != "over the bus" {
		t.Errorf("%v", got.Event.Readings)
	}
}

func TestADiscoveryAddsWhatIsWanted(t *testing.T) {
	devices := clients.NewDeviceClient(ours.url("core-metadata"), open{}, false)
	if _, err := clients.NewDeviceServiceCommandClient(open{}, false).Discovery(ctx, ours.url(service)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the device it found", func() bool {
		d, err := devices.DeviceByName(ctx, "Found")
		return err == nil && d.Device.ProfileName == "Official" && d.Device.OperatingState == "UP"
	})
	if _, err := devices.DeviceByName(ctx, "Blocked"); err == nil || err.Code() != 404 {
		t.Errorf("the blocked one was added: %v", err)
	}
}

func TestItFollowsChanges(t *testing.T) {
	metadata := ours.url("core-metadata")
	devices := clients.NewDeviceClient(metadata, open{}, false)
	command := clients.NewCommandClient(ours.url("core-command"), open{}, false)
	add := func(name string, protocols map[string]dtos.ProtocolProperties) int {
		res, err := devices.Add(ctx, []requests.AddDeviceRequest{requests.NewAddDeviceRequest(dtos.Device{
			Name: name, AdminState: "UNLOCKED", OperatingState: "UP", ServiceName: service, ProfileName: "Official", Protocols: protocols})})
		must(t, err)
		return res[0].StatusCode
	}
	if code := add("Bad", map[string]dtos.ProtocolProperties{"peer": {}}); code == 201 {
		t.Error("its validation refused this device")
	}
	if code := add("Extra", map[string]dtos.ProtocolProperties{"peer": {"Address": "unit-3"}}); code != 201 {
		t.Fatalf("%d", code)
	}
	get := func() int {
		_, err := command.IssueGetCommandByName(ctx, "Extra", "Level", false, true)
		if err == nil {
			return 200
		}
		return err.Code()
	}
	eventually(t, "it knows the new device", func() bool { return get() == 200 })
	patch := func(d dtos.UpdateDevice) {
		name := "Extra"
		d.Name = &name
		res, err := devices.Update(ctx, []requests.UpdateDeviceRequest{requests.NewUpdateDeviceRequest(d)})
		must(t, err)
		if res[0].StatusCode != 200 {
			t.Fatalf("%+v", res[0])
		}
	}
	locked, unlocked := "LOCKED", "UNLOCKED"
	patch(dtos.UpdateDevice{AdminState: &locked})
	eventually(t, "it refuses what is locked", func() bool { return get() == 423 })
	patch(dtos.UpdateDevice{AdminState: &unlocked})
	eventually(t, "it reads again", func() bool { return get() == 200 })
	if _, err := devices.DeleteDeviceByName(ctx, "Extra"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is gone", func() bool { return get() == 404 })
}

// An application service's subscription hears all events, typed and once each. Their order is the
// SDK's own affair: version 4.0.1 sends asynchronous readings from as many goroutines.
func TestAnApplicationHearsAll(t *testing.T) {
	bus := connect(t, "official-application")
	heard := make(chan types.MessageEnvelope, 10000)
	errs := make(chan error, 10)
	must(t, bus.Subscribe([]types.TopicChannel{{Topic: "edgex/events/#", Messages: heard}}, errs))
	command := clients.NewCommandClient(ours.url("core-command"), open{}, false)
	if _, err := command.IssueSetCommandByName(ctx, "Official-2", "Burst", map[string]any{"Burst": "500"}); err != nil {
		t.Fatal(err)
	}
	numbers := map[uint64]bool{}
	deadline := time.After(patience)
	for len(numbers) < 500 {
		select {
		case m := <-heard:
			request, err := types.GetMsgPayload[requests.AddEventRequest](m)
			must(t, err)
			must(t, request.Validate())
			if r := request.Event.Readings[0]; r.ResourceName == "Number" {
				n, err := strconv.ParseUint(r.Value, 10, 64)
				must(t, err)
				if numbers[n] {
					t.Fatalf("%d came twice", n)
				}
				numbers[n] = true
			}
		case err := <-errs:
			t.Fatal(err)
		case <-deadline:
			t.Fatalf("%d of 500", len(numbers))
		}
	}
	for n := range uint64(500) {
		if !numbers[n] {
			t.Fatalf("%d is missing", n)
		}
	}
}

// Whoever is killed comes back, and the service that knows nothing of us goes on by itself.
func TestItOutlivesItsNeighbours(t *testing.T) {
	command := clients.NewCommandClient(ours.url("core-command"), open{}, false)
	events := clients.NewEventClient(ours.url("core-data"), open{}, false)
	for _, name := range []string{"core-data", "core-metadata", "core-command", "core-keeper", "mosquitto"} {
		ours.restart(t, name, syscall.SIGKILL)
		before, err := events.EventCountByDeviceName(ctx, "Official-1")
		must(t, err)
		eventually(t, "events are stored again after "+name, func() bool {
			n, err := events.EventCountByDeviceName(ctx, "Official-1")
			return err == nil && n.Count > before.Count
		})
		eventually(t, "commands work again after "+name, func() bool {
			_, err := command.IssueGetCommandByName(ctx, "Official-1", "Level", false, true)
			return err == nil
		})
	}
	ours.restart(t, service, syscall.SIGKILL)
	eventually(t, "commands reach the service after its own restart", func() bool {
		_, err := command.IssueGetCommandByName(ctx, "Official-1", "Level", false, true)
		return err == nil
	})
}

// Many clients change different members of one device at once; each change is there afterwards.
func TestNoChangeIsLost(t *testing.T) {
	devices := clients.NewDeviceClient(ours.url("core-metadata"), open{}, false)
	name := "Official-2"
	for round := range 30 {
		text := strconv.Itoa(round)
		state := []string{"UP", "UNKNOWN"}[round%2]
		changes := []dtos.UpdateDevice{
			{Name: &name, Description: &text}, {Name: &name, Labels: []string{text}},
			{Name: &name, Tags: map[string]any{"round": text}}, {Name: &name, OperatingState: &state},
		}
		var all sync.WaitGroup
		for _, change := range changes {
			all.Add(1)
			go func() {
				defer all.Done()
				res, err := devices.Update(ctx, []requests.UpdateDeviceRequest{requests.NewUpdateDeviceRequest(change)})
				if err != nil || res[0].StatusCode != 200 {
					t.Errorf("%v %+v", err, res)
				}
			}()
		}
		all.Wait()
		got, err := devices.DeviceByName(ctx, name)
		must(t, err)
		d := got.Device
		if d.Description != text || len(d.Labels) != 1 || d.Labels[0] != text || d.Tags["round"] != text || d.OperatingState != state {
			t.Fatalf("round %d: %q %v %v %s", round, d.Description, d.Labels, d.Tags, d.OperatingState)
		}
	}
}
