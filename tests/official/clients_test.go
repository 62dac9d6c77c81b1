// The methods of the official REST clients for the core services, each against ours.
package official

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	clients "github.com/edgexfoundry/go-mod-core-contracts/v4/clients/http"
	"github.com/edgexfoundry/go-mod-core-contracts/v4/dtos"
	dtocommon "github.com/edgexfoundry/go-mod-core-contracts/v4/dtos/common"
	"github.com/edgexfoundry/go-mod-core-contracts/v4/dtos/requests"
	"github.com/edgexfoundry/go-mod-core-contracts/v4/errors"
)

// check collects what a journey of calls finds wrong.
type check struct{ *testing.T }

func (c check) err(what string, err errors.EdgeX) {
	c.Helper()
	if err != nil {
		c.Errorf("%s: %v", what, err)
	}
}

func (c check) items(what string, want int, err errors.EdgeX, items ...dtocommon.BaseResponse) {
	c.Helper()
	c.err(what, err)
	if err == nil && len(items) == 0 {
		c.Errorf("%s: no answer", what)
	}
	for _, item := range items {
		if item.StatusCode != want {
			c.Errorf("%s: %+v", what, item)
		}
	}
}

func (c check) refused(what string, code int, err errors.EdgeX) {
	c.Helper()
	if err == nil || err.Code() != code {
		c.Errorf("%s: %d expected: %v", what, code, err)
	}
}

func (c check) same(what string, got, want any) {
	c.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		c.Errorf("%s: %v, not %v", what, got, want)
	}
}

func bases(answers []dtocommon.BaseWithIdResponse) (all []dtocommon.BaseResponse) {
	for _, a := range answers {
		all = append(all, a.BaseResponse)
	}
	return all
}

func resource(name, valueType string) dtos.DeviceResource {
	return dtos.DeviceResource{Name: name, Description: "of " + name, Properties: dtos.ResourceProperties{ValueType: valueType, ReadWrite: "RW"}}
}

func profileOf(name string) dtos.DeviceProfile {
	return dtos.DeviceProfile{
		DeviceProfileBasicInfo: dtos.DeviceProfileBasicInfo{Name: name, Manufacturer: "Ours & Co", Model: "M 1", Labels: []string{"clients"}},
		DeviceResources:        []dtos.DeviceResource{resource("Count", "Uint64"), resource("Note", "String")},
		DeviceCommands: []dtos.DeviceCommand{{Name: "All", ReadWrite: "RW", ResourceOperations: []dtos.ResourceOperation{
			{DeviceResource: "Count"}, {DeviceResource: "Note"}}}},
	}
}

func TestProfileClient(t *testing.T) {
	c, profiles := check{t}, clients.NewDeviceProfileClient(ours.url("core-metadata"), open{}, false)
	name := "A profile, ü"
	added, err := profiles.Add(ctx, []requests.DeviceProfileRequest{requests.NewDeviceProfileRequest(profileOf(name))})
	c.items("add", 201, err, bases(added)...)
	again, err := profiles.Add(ctx, []requests.DeviceProfileRequest{requests.NewDeviceProfileRequest(profileOf(name))})
	c.items("add again", 409, err, bases(again)...)
	changed := profileOf(name)
	changed.Description = "changed"
	updated, err := profiles.Update(ctx, []requests.DeviceProfileRequest{requests.NewDeviceProfileRequest(changed)})
	c.items("update", 200, err, updated...)

	model := "M 2"
	updated, err = profiles.UpdateDeviceProfileBasicInfo(ctx, []requests.DeviceProfileBasicInfoRequest{{
		BaseRequest: dtocommon.NewBaseRequest(), BasicInfo: dtos.UpdateDeviceProfileBasicInfo{Name: &name, Model: &model}}})
	c.items("basic information", 200, err, updated...)
	updated, err = profiles.AddDeviceProfileResource(ctx, []requests.AddDeviceResourceRequest{{
		BaseRequest: dtocommon.NewBaseRequest(), ProfileName: name, Resource: resource("Extra", "Float32Array")}})
	c.items("add resource", 201, err, updated...)
	extra, text, hidden := "Extra", "more", true
	updated, err = profiles.UpdateDeviceProfileResource(ctx, []requests.UpdateDeviceResourceRequest{{
		BaseRequest: dtocommon.NewBaseRequest(), ProfileName: name, Resource: dtos.UpdateDeviceResource{Name: &extra, Description: &text}}})
	c.items("update resource", 200, err, updated...)
	got, err := profiles.DeviceResourceByProfileNameAndResourceName(ctx, name, extra)
	c.err("resource", err)
	c.same("resource", got.Resource.Description+" "+got.Resource.Properties.ValueType, "more Float32Array")
	updated, err = profiles.AddDeviceProfileDeviceCommand(ctx, []requests.AddDeviceCommandRequest{{
		BaseRequest: dtocommon.NewBaseRequest(), ProfileName: name, DeviceCommand: dtos.DeviceCommand{
			Name: "More", ReadWrite: "R", ResourceOperations: []dtos.ResourceOperation{{DeviceResource: "Extra"}}}}})
	c.items("add command", 201, err, updated...)
	more := "More"
	updated, err = profiles.UpdateDeviceProfileDeviceCommand(ctx, []requests.UpdateDeviceCommandRequest{{
		BaseRequest: dtocommon.NewBaseRequest(), ProfileName: name, DeviceCommand: dtos.UpdateDeviceCommand{Name: &more, IsHidden: &hidden}}})
	c.items("update command", 200, err, updated...)

	whole, err := profiles.DeviceProfileByName(ctx, name)
	c.err("by name", err)
	c.same("description, model", whole.Profile.Description+" "+whole.Profile.Model, "changed M 2")
	c.same("resources", len(whole.Profile.DeviceResources), 3)
	c.same("hidden", whole.Profile.DeviceCommands[1].IsHidden, true)
	answer, err := profiles.DeleteDeviceCommandByName(ctx, name, more)
	c.items("delete command", 200, err, answer)
	answer, err = profiles.DeleteDeviceResourceByName(ctx, name, extra)
	c.items("delete resource", 200, err, answer)

	list, err := profiles.AllDeviceProfiles(ctx, []string{"clients"}, 0, -1)
	c.err("all", err)
	c.same("all", list.TotalCount, 1)
	basic, err := profiles.AllDeviceProfileBasicInfos(ctx, []string{"clients"}, 0, 10)
	c.err("all basic", err)
	c.same("all basic", basic.TotalCount, 1)
	list, err = profiles.DeviceProfilesByModel(ctx, "M 2", 0, 10)
	c.err("by model", err)
	c.same("by model", list.TotalCount, 1)
	list, err = profiles.DeviceProfilesByManufacturer(ctx, "Ours & Co", 0, 10)
	c.err("by manufacturer", err)
	c.same("by manufacturer", list.TotalCount, 1)
	list, err = profiles.DeviceProfilesByManufacturerAndModel(ctx, "Ours & Co", "M 2", 0, 10)
	c.err("by both", err)
	c.same("by both", list.TotalCount, 1)
	_, err = profiles.DeviceProfilesByModel(ctx, "M 2", 5, 10)
	c.refused("beyond the end", 416, err)
	answer, err = profiles.DeleteByName(ctx, name)
	c.items("delete", 200, err, answer)
	_, err = profiles.DeviceProfileByName(ctx, name)
	c.refused("gone", 404, err)
}

func TestProfileFiles(t *testing.T) {
	c, profiles := check{t}, clients.NewDeviceProfileClient(ours.url("core-metadata"), open{}, false)
	file := filepath.Join(t.TempDir(), "file.yaml")
	text := "name: From-File\nmanufacturer: F\ndeviceResources:\n  - name: R\n    properties: {valueType: int8, readWrite: R}\n"
	must(t, os.WriteFile(file, []byte(text), 0o600))
	added, err := profiles.AddByYaml(ctx, file)
	c.items("upload", 201, err, added.BaseResponse)
	must(t, os.WriteFile(file, []byte(text+"description: again\n"), 0o600))
	answer, err := profiles.UpdateByYaml(ctx, file)
	c.items("upload again", 200, err, answer)
	got, err := profiles.DeviceProfileByName(ctx, "From-File")
	c.err("by name", err)
	c.same("what the file says", got.Profile.Description+" "+got.Profile.DeviceResources[0].Properties.ValueType, "again Int8")
	answer, err = profiles.DeleteByName(ctx, "From-File")
	c.items("delete", 200, err, answer)
}

func TestServiceAndWatcherClients(t *testing.T) {
	c, url := check{t}, ours.url("core-metadata")
	services, watchers := clients.NewDeviceServiceClient(url, open{}, false), clients.NewProvisionWatcherClient(url, open{}, false)
	name, text, locked := "clients-service", "new", "LOCKED"
	added, err := services.Add(ctx, []requests.AddDeviceServiceRequest{requests.NewAddDeviceServiceRequest(dtos.DeviceService{
		Name: name, BaseAddress: "http://localhost:1", AdminState: "UNLOCKED", Labels: []string{"cs"}})})
	c.items("add service", 201, err, bases(added)...)
	updated, err := services.Update(ctx, []requests.UpdateDeviceServiceRequest{requests.NewUpdateDeviceServiceRequest(dtos.UpdateDeviceService{
		Name: &name, Description: &text, AdminState: &locked})})
	c.items("update service", 200, err, updated...)
	got, err := services.DeviceServiceByName(ctx, name)
	c.err("service by name", err)
	c.same("service", got.Service.Description+" "+got.Service.AdminState, "new LOCKED")
	all, err := services.AllDeviceServices(ctx, []string{"cs"}, 0, 10)
	c.err("all services", err)
	c.same("all services", all.TotalCount, 1)

	watcher := dtos.ProvisionWatcher{Name: "clients-watcher", ServiceName: name, Labels: []string{"cw"}, AdminState: "UNLOCKED",
		Identifiers:      map[string]string{"Address": "10\\..*"},
		DiscoveredDevice: dtos.DiscoveredDevice{ProfileName: "Official", AdminState: "UNLOCKED"}}
	added, err = watchers.Add(ctx, []requests.AddProvisionWatcherRequest{requests.NewAddProvisionWatcherRequest(watcher)})
	c.items("add watcher", 201, err, bases(added)...)
	updated, err = watchers.Update(ctx, []requests.UpdateProvisionWatcherRequest{requests.NewUpdateProvisionWatcherRequest(dtos.UpdateProvisionWatcher{
		Name: &watcher.Name, BlockingIdentifiers: map[string][]string{"Address": {"10.0.0.1"}}})})
	c.items("update watcher", 200, err, updated...)
	one, err := watchers.ProvisionWatcherByName(ctx, watcher.Name)
	c.err("watcher by name", err)
	c.same("watcher", one.ProvisionWatcher.BlockingIdentifiers, "map[Address:[10.0.0.1]]")
	some, err := watchers.AllProvisionWatchers(ctx, []string{"cw"}, 0, 10)
	c.err("all watchers", err)
	c.same("all watchers", some.TotalCount, 1)
	some, err = watchers.ProvisionWatchersByServiceName(ctx, name, 0, 10)
	c.err("watchers by service", err)
	c.same("watchers by service", some.TotalCount, 1)
	some, err = watchers.ProvisionWatchersByProfileName(ctx, "Official", 0, 10)
	c.err("watchers by profile", err)
	c.same("watchers by profile", some.TotalCount, 2)
	_, err = services.DeleteByName(ctx, name)
	c.refused("a service that is used", 409, err)
	answer, err := watchers.DeleteProvisionWatcherByName(ctx, watcher.Name)
	c.items("delete watcher", 200, err, answer)
	answer, err = services.DeleteByName(ctx, name)
	c.items("delete service", 200, err, answer)
}

func TestDeviceClient(t *testing.T) {
	c, devices := check{t}, clients.NewDeviceClient(ours.url("core-metadata"), open{}, false)
	device := func(name, parent string) requests.AddDeviceRequest {
		return requests.NewAddDeviceRequest(dtos.Device{Name: name, Parent: parent, AdminState: "UNLOCKED", OperatingState: "UP", Labels: []string{"cd"},
			ServiceName: service, ProfileName: "Official", Protocols: map[string]dtos.ProtocolProperties{"peer": {"Address": "unit-9", "Port": 5}},
			AutoEvents: []dtos.AutoEvent{{Interval: "1h", SourceName: "Level", OnChange: true}}})
	}
	added, err := devices.Add(ctx, []requests.AddDeviceRequest{device("Root", ""), device("Child", "Root"), device("Grandchild", "Child")})
	c.items("add", 201, err, bases(added)...)
	added, err = devices.AddWithQueryParams(ctx, []requests.AddDeviceRequest{device("Unchecked", "")}, map[string]string{"bypassValidation": "true"})
	c.items("add without validation", 201, err, bases(added)...)
	name, text, wrong := "Root", "root of all", "NoSuchService"
	updated, err := devices.UpdateWithQueryParams(ctx, []requests.UpdateDeviceRequest{requests.NewUpdateDeviceRequest(dtos.UpdateDevice{Name: &name, Description: &text})},
		map[string]string{"bypassValidation": "true"})
	c.items("update", 200, err, updated...)
	updated, err = devices.Update(ctx, []requests.UpdateDeviceRequest{requests.NewUpdateDeviceRequest(dtos.UpdateDevice{Name: &name, ServiceName: &wrong})})
	c.items("to a service there is not", 400, err, updated...)
	exists, err := devices.DeviceNameExists(ctx, name)
	c.items("exists", 200, err, exists)
	_, err = devices.DeviceNameExists(ctx, "Nobody")
	c.refused("does not exist", 404, err)
	got, err := devices.DeviceByName(ctx, name)
	c.err("by name", err)
	c.same("device", fmt.Sprint(got.Device.Description, got.Device.Protocols["peer"]["Port"], got.Device.AutoEvents[0].OnChange), "root of all5 true")
	all, err := devices.AllDevices(ctx, []string{"cd"}, 0, -1)
	c.err("all", err)
	c.same("all", all.TotalCount, 4)
	all, err = devices.AllDevicesWithChildren(ctx, "Root", 1, nil, 0, 10)
	c.err("children", err)
	c.same("children", all.TotalCount, 1)
	all, err = devices.AllDevicesWithChildren(ctx, "Root", 0, nil, 0, 10)
	c.err("descendants", err)
	c.same("descendants", all.TotalCount, 2)
	all, err = devices.DevicesByProfileName(ctx, "Official", 0, 2)
	c.err("by profile", err)
	c.same("a page", len(all.Devices), 2)
	_, err = devices.DeleteDeviceByName(ctx, "Root")
	c.refused("with children", 409, err)
	for _, name := range []string{"Grandchild", "Child", "Root", "Unchecked"} {
		answer, err := devices.DeleteDeviceByName(ctx, name)
		c.items("delete "+name, 200, err, answer)
	}
}

func TestEventAndReadingClients(t *testing.T) {
	c, url := check{t}, ours.url("core-data")
	events, readings := clients.NewEventClient(url, open{}, false), clients.NewReadingClient(url, open{}, false)
	began := time.Now().UnixNano()
	var ids []string
	for i := range 10 {
		e := dtos.NewEvent("Official", "Posted", "Mixed")
		e.Tags = dtos.Tags{"n": i}
		must(t, e.AddSimpleReading("Level", "Int32", int32(i)))
		must(t, e.AddSimpleReading("Long", "Float64", float64(i)/4))
		e.AddBinaryReading("Blob", []byte{byte(i)}, "x/y")
		e.AddObjectReading("Thing", map[string]any{"i": i})
		e.AddNullReading("Note", "String")
		added, err := events.Add(ctx, service, requests.NewAddEventRequest(e)) // as CBOR, for the bytes in it
		c.items("add", 201, err, added.BaseResponse)
		ids = append(ids, e.Id)
	}
	ended := time.Now().UnixNano()
	count, err := events.EventCountByDeviceName(ctx, "Posted")
	c.err("count", err)
	c.same("count", count.Count, 10)
	_, err = events.EventCount(ctx)
	c.err("count of all", err)
	_, err = events.AllEvents(ctx, 0, 5)
	c.err("all", err)
	page, err := events.EventsByDeviceName(ctx, "Posted", 1, 3)
	c.err("by device", err)
	if len(page.Events) != 3 || page.TotalCount != 10 || page.Events[0].Id != ids[8] {
		t.Fatalf("%+v", page)
	}
	c.same("tags", page.Events[0].Tags["n"], 8)
	c.same("readings", len(page.Events[0].Readings), 5)
	for _, r := range page.Events[0].Readings {
		switch r.ResourceName {
		case "Level":
			c.same("integer", r.Value, "8")
		case "Long":
			c.same("real", r.Value, "2e+00")
		case "Blob":
			c.same("bytes", r.BinaryValue, []byte{8})
		case "Thing":
			c.same("object", r.ObjectValue, "map[i:8]")
		case "Note":
			c.same("null", r.IsNull(), true)
		default:
			c.Errorf("reading of %s", r.ResourceName)
		}
	}
	byTime, err := events.EventsByTimeRange(ctx, began, ended, 0, -1)
	c.err("by time", err)
	c.same("by time", byTime.TotalCount >= 10, true)

	n, err := readings.ReadingCountByDeviceName(ctx, "Posted")
	c.err("count readings", err)
	c.same("count readings", n.Count, 50)
	_, err = readings.ReadingCount(ctx)
	c.err("count of all readings", err)
	_, err = readings.AllReadings(ctx, 0, 20)
	c.err("all readings", err)
	for what, ask := range map[string]func() (uint32, errors.EdgeX){
		"10 device and resource": func() (uint32, errors.EdgeX) {
			r, err := readings.ReadingsByDeviceNameAndResourceName(ctx, "Posted", "Level", 0, 1)
			return r.TotalCount, err
		},
		"50 device": func() (uint32, errors.EdgeX) {
			r, err := readings.ReadingsByDeviceName(ctx, "Posted", 0, 1)
			return r.TotalCount, err
		},
		"10 device, resource, time": func() (uint32, errors.EdgeX) {
			r, err := readings.ReadingsByDeviceNameAndResourceNameAndTimeRange(ctx, "Posted", "Note", began, ended, 0, 1)
			return r.TotalCount, err
		},
		"30 device, resources, time": func() (uint32, errors.EdgeX) {
			r, err := readings.ReadingsByDeviceNameAndResourceNamesAndTimeRange(ctx, "Posted", []string{"Long", "Blob", "Thing"}, began, ended, 0, 1)
			return r.TotalCount, err
		},
		"0 resource, time": func() (uint32, errors.EdgeX) {
			r, err := readings.ReadingsByResourceNameAndTimeRange(ctx, "Nothing", began, ended, 0, 1)
			return r.TotalCount, err
		},
		"0 resource": func() (uint32, errors.EdgeX) {
			r, err := readings.ReadingsByResourceName(ctx, "Nothing", 0, 1)
			return r.TotalCount, err
		},
		"0 time": func() (uint32, errors.EdgeX) {
			r, err := readings.ReadingsByTimeRange(ctx, 1, 2, 0, 1)
			return r.TotalCount, err
		},
	} {
		got, err := ask()
		c.err(what, err)
		c.same(what, got, strings.Fields(what)[0])
	}

	answer, err := events.DeleteById(ctx, ids[0])
	c.items("delete one", 200, err, answer)
	answer, err = events.DeleteByDeviceName(ctx, "Posted")
	c.items("delete of a device", 202, err, answer)
	eventually(t, "they are gone", func() bool {
		count, err := events.EventCountByDeviceName(ctx, "Posted")
		return err == nil && count.Count == 0
	})
	answer, err = events.DeleteByAge(ctx, int(time.Hour))
	c.items("delete by age", 202, err, answer)
}

func TestCommonClient(t *testing.T) {
	for _, name := range []string{"core-keeper", "core-metadata", "core-data", "core-command"} {
		c, common := check{t}, clients.NewCommonClient(ours.url(name), open{})
		ping, err := common.Ping(ctx)
		c.err("ping", err)
		c.same("ping", ping.ServiceName, name)
		version, err := common.Version(ctx)
		c.err("version", err)
		c.same("version", version.ServiceName+" "+version.Version[:2], name+" 4.")
		config, err := common.Configuration(ctx)
		c.err("configuration", err)
		c.same("configuration", config.ServiceName, name)
	}
}

func TestKeeperClients(t *testing.T) {
	c, url := check{t}, ours.url("core-keeper")
	values, registry := clients.NewKVSClient(url, open{}), clients.NewRegistryClient(url, open{}, false)
	put := func(key string, flatten bool, value any) {
		t.Helper()
		_, err := values.UpdateValuesByKey(ctx, key, flatten, requests.UpdateKeysRequest{BaseRequest: dtocommon.NewBaseRequest(), Value: value})
		c.err("put "+key, err)
	}
	put("official/clients/one", false, "1")
	put("official/clients/tree", true, map[string]any{"a": map[string]any{"b": "2", "c": true}})
	keys, err := values.ListKeys(ctx, "official/clients")
	c.err("keys", err)
	c.same("keys", keys.Response, "[official/clients/one official/clients/tree/a/b official/clients/tree/a/c]")
	got, err := values.ValuesByKey(ctx, "official/clients/one")
	c.err("values", err)
	c.same("value", got.Response[0].Value, "1")
	_, err = values.DeleteKey(ctx, "official/clients/one")
	c.err("delete", err)
	_, err = values.DeleteKeysByPrefix(ctx, "official/clients/tree")
	c.err("delete below", err)
	_, err = values.ValuesByKey(ctx, "official/clients/one")
	c.refused("gone", 404, err)

	entry := requests.AddRegistrationRequest{BaseRequest: dtocommon.NewBaseRequest(), Registration: dtos.Registration{ServiceId: "official-client", Host: "127.0.0.1",
		Port: 1, HealthCheck: dtos.HealthCheck{Interval: "1h", Path: "/api/v3/ping", Type: "http"}}}
	c.err("register", registry.Register(ctx, entry))
	c.refused("register again", 409, registry.Register(ctx, entry))
	entry.Registration.Port = 2
	c.err("update", registry.UpdateRegister(ctx, entry))
	answer, err := registry.RegistrationByServiceId(ctx, "official-client")
	c.err("by id", err)
	c.same("port", answer.Registration.Port, 2)
	c.err("deregister", registry.Deregister(ctx, "official-client"))
	all, err := registry.AllRegistry(ctx, false)
	c.err("all", err)
	var ids []string
	for _, r := range all.Registrations {
		ids = append(ids, r.ServiceId)
	}
	slices.Sort(ids)
	c.same("all", ids, "[core-command core-data core-metadata device-official]")
}
