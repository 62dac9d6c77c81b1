package interop

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"testing"
)

const strange = "Pumpe 1/ä+#%&?~._- \"<日本>"

func sampleProfile(name string) profile {
	return profile{
		basicInfo: basicInfo{Name: name, Manufacturer: "ACME/" + name, Description: "d <&>", Model: "M " + name,
			Labels: []string{"l1", name}},
		DeviceResources: []resource{
			{Name: "Level", Description: "how full", Properties: properties{ValueType: "Float64", ReadWrite: "RW",
				Units: "C", Minimum: ptr(-1e-7), Maximum: ptr(1e21), Scale: ptr(0.1), Offset: ptr(0.0), Base: ptr(0.0),
				DefaultValue: "1.5", Assertion: "x", Optional: object{"k": []any{1, "two", nil}}},
				Attributes: object{"addr": 40001, "nested": object{"b": true}}, Tags: object{"t": "v"}},
			{Name: "Bits", IsHidden: true, Properties: properties{ValueType: "Uint64", ReadWrite: "R",
				Mask: ptr(^uint64(0)), Shift: ptr(int64(-4))}},
			{Name: "Image", Properties: properties{ValueType: "Binary", ReadWrite: "R", MediaType: "image/png"}},
			{Name: "Null", Properties: properties{ValueType: "Int8", ReadWrite: "R"}},
			{Name: "Object", Properties: properties{ValueType: "Object", ReadWrite: "RW"}},
			{Name: "Set/Point ü", Properties: properties{ValueType: "Float64", ReadWrite: "RW"}},
			{Name: "Locked", Properties: properties{ValueType: "Float64", ReadWrite: "RW"}},
			{Name: "Silent", Properties: properties{ValueType: "Float64", ReadWrite: "R"}},
		},
		DeviceCommands: []command{{Name: "Both", ReadWrite: "RW", ResourceOperations: []operation{
			{DeviceResource: "Level", DefaultValue: "2", Mappings: map[string]string{"1": "on"}},
			{DeviceResource: "Object"}}, Tags: object{"c": 1}}},
		APIVersion: "v3",
	}
}

func sampleDevice(name, service, profile string) device {
	return device{Name: name, Description: "d", AdminState: "UNLOCKED", OperatingState: "UP",
		Labels: []string{"x", name}, Location: object{"lat": 1.5}, ServiceName: service, ProfileName: profile,
		AutoEvents: []autoEvent{{Interval: "10s", OnChange: true, OnChangeThreshold: 0.5, SourceName: "Level",
			Retention: retention{MaxCap: 10, MinCap: 1, Duration: "24h"}}},
		Protocols:  map[string]object{"other": {"Address": "a", "Port": 300, "deep": object{"x": []any{1}}}},
		Tags:       object{"site": "n", "n": 1.25},
		Properties: object{"p": []any{"q"}}}
}

func TestCommonRoutes(t *testing.T) {
	for _, p := range plain.peers() {
		var ping struct {
			APIVersion  string `json:"apiVersion"`
			Timestamp   string `json:"timestamp"`
			ServiceName string `json:"serviceName"`
		}
		p.call(t, 200, &ping, "GET", "/ping", nil)
		var version struct {
			APIVersion  string `json:"apiVersion"`
			Version     string `json:"version"`
			ServiceName string `json:"serviceName"`
			SDKVersion  string `json:"sdk_version,omitempty"`
		}
		p.call(t, 200, &version, "GET", "/version", nil)
		var config struct {
			APIVersion  string         `json:"apiVersion"`
			Config      map[string]any `json:"config"`
			ServiceName string         `json:"serviceName"`
		}
		p.call(t, 200, &config, "GET", "/config", nil)
		if ping.ServiceName != p.name || version.ServiceName != p.name || config.ServiceName != p.name {
			t.Errorf("%s calls itself %+v %+v %s", p.name, ping, version, config.ServiceName)
		}
		equal(t, p.name+" tells an SDK version", version.SDKVersion != "", p == plain.driver)
		for _, section := range []string{"Writable", "Service", "MessageBus", "Clients"} {
			if _, ok := config.Config[section]; !ok {
				t.Errorf("%s: config has no %s", p.name, section)
			}
		}
		p.refused(t, 400, "JSON decode failed", "POST", "/secret", object{"apiVersion": "v3"})
		p.refused(t, 405, "can't store secrets", "POST", "/secret", object{"apiVersion": "v3", "requestId": uuid(),
			"secretName": "s", "secretData": []object{{"key": "k", "value": "v"}}})
	}
}

func TestProfiles(t *testing.T) {
	m := plain.metadata
	for _, name := range []string{"profile one", strange} {
		sent := sampleProfile(name)
		ids := m.batch(t, "POST", "/deviceprofile", "profile", 201, sent)
		m.batch(t, "POST", "/deviceprofile", "profile", 409, sent)
		var got oneProfile
		m.call(t, 200, &got, "GET", "/deviceprofile/name/{name}", nil, name)
		sent.ID = ids[0]
		if got.Profile.Created == 0 || got.Profile.Modified < got.Profile.Created {
			t.Errorf("stamps %+v", got.Profile.stamps)
		}
		sent.stamps = got.Profile.stamps
		equal(t, "profile", got.Profile, sent)

		var list profiles
		m.call(t, 200, &list, "GET", "/deviceprofile/all?labels=l1,profile%20one&limit=-1", nil)
		m.call(t, 200, &list, "GET", "/deviceprofile/manufacturer/{manufacturer}", nil, sent.Manufacturer)
		m.call(t, 200, &list, "GET", "/deviceprofile/model/{model}", nil, sent.Model)
		m.call(t, 200, &list, "GET", "/deviceprofile/manufacturer/{manufacturer}/model/{model}", nil, sent.Manufacturer, sent.Model)
		if list.TotalCount != 1 || len(list.Profiles) != 1 {
			t.Fatalf("%d profiles, %d in all", len(list.Profiles), list.TotalCount)
		}
		equal(t, "profile by model", list.Profiles[0], sent)
		m.refused(t, 416, "bounds out of range", "GET", "/deviceprofile/all?offset=99999", nil)
		profileParts(t, m, name)

		sent.Description = "after PUT"
		m.batch(t, "PUT", "/deviceprofile", "profile", 200, sent)
		m.call(t, 200, &got, "GET", "/deviceprofile/name/{name}", nil, name)
		sent.Modified = got.Profile.Modified
		equal(t, "profile after PUT", got.Profile, sent)
		m.call(t, 200, &base{}, "DELETE", "/deviceprofile/name/{name}", nil, name)
		m.refused(t, 404, "no device profile with name", "DELETE", "/deviceprofile/name/{name}", nil, name)
		m.refused(t, 404, "no device profile with name", "GET", "/deviceprofile/name/{name}", nil, name)
		m.batch(t, "PUT", "/deviceprofile", "profile", 404, sent)
	}
	bad := sampleProfile("bad")
	bad.DeviceCommands[0].ResourceOperations[0].DeviceResource = "nobody"
	m.refused(t, 400, "doesn't match any device resource", "POST", "/deviceprofile",
		[]object{{"apiVersion": "v3", "profile": bad}})
	for _, path := range []string{"/deviceprofile/manufacturer/{manufacturer}", "/deviceprofile/model/{model}"} {
		resp, body := m.exchange(t, "GET", path+"?limit=x", nil, "a")
		if resp.StatusCode != 400 {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	m.refused(t, 400, "out of min -1", "GET", "/deviceprofile/manufacturer/{manufacturer}/model/{model}?limit=2000", nil, "a", "b")
	var null any
	m.call(t, 207, &null, "PUT", "/deviceprofile", []object{})
	if null != nil {
		t.Errorf("an empty batch is answered with %v", null)
	}
}

func profileParts(t *testing.T, m *peer, name string) {
	part := func(member string, value any) object {
		return object{"apiVersion": "v3", "requestId": uuid(), "profileName": name, member: value}
	}
	lost := func(member string, value any) object {
		return object{"apiVersion": "v3", "requestId": uuid(), "profileName": "lost", member: value}
	}
	added := resource{Name: "Added/1", Properties: properties{ValueType: "Int16", ReadWrite: "RW"}}
	m.batch(t, "POST", "/deviceprofile/resource", "", 201, part("resource", added))
	m.batch(t, "POST", "/deviceprofile/resource", "", 404, lost("resource", added))
	m.batch(t, "PATCH", "/deviceprofile/resource", "", 200, part("resource", object{"name": "Added/1", "description": "new", "isHidden": true}))
	m.batch(t, "PATCH", "/deviceprofile/resource", "", 404, part("resource", object{"name": "nobody", "description": "new"}))
	var r oneResource
	m.call(t, 200, &r, "GET", "/deviceresource/profile/{profile}/resource/{resource}", nil, name, "Added/1")
	added.Description, added.IsHidden = "new", true
	equal(t, "resource", r.Resource, added)
	m.refused(t, 404, "not exists", "GET", "/deviceresource/profile/{profile}/resource/{resource}", nil, name, "nobody")
	cmd := command{Name: "cmd/1", ReadWrite: "R", ResourceOperations: []operation{{DeviceResource: "Added/1"}}}
	m.batch(t, "POST", "/deviceprofile/deviceCommand", "", 201, part("deviceCommand", cmd))
	m.batch(t, "POST", "/deviceprofile/deviceCommand", "", 404, lost("deviceCommand", cmd))
	m.batch(t, "PATCH", "/deviceprofile/deviceCommand", "", 200, part("deviceCommand", object{"name": "cmd/1", "isHidden": true}))
	m.batch(t, "PATCH", "/deviceprofile/deviceCommand", "", 404, part("deviceCommand", object{"name": "nobody", "isHidden": true}))
	m.call(t, 200, &base{}, "PATCH", "/deviceprofile/name/{name}/tags", object{"apiVersion": "v3", "requestId": uuid(),
		"deviceResources": []object{{"name": "Level", "tags": object{"t2": "w"}}},
		"deviceCommands":  []object{{"name": "Both", "tags": object{"c2": []any{2}}}}}, name)
	m.refused(t, 404, "", "PATCH", "/deviceprofile/name/{name}/tags", object{"apiVersion": "v3",
		"deviceResources": []object{{"name": "Level", "tags": object{"t2": "w"}}}}, "lost")
	m.batch(t, "PATCH", "/deviceprofile/basicinfo", "basicinfo", 200, object{"name": name, "description": "basic"})
	m.batch(t, "PATCH", "/deviceprofile/basicinfo", "basicinfo", 404, object{"name": "lost", "description": "basic"})
	var got oneProfile
	m.call(t, 200, &got, "GET", "/deviceprofile/name/{name}", nil, name)
	want := sampleProfile(name)
	want.stamps, want.ID, want.Description = got.Profile.stamps, got.Profile.ID, "basic"
	want.DeviceResources[0].Tags = object{"t": "v", "t2": "w"}
	want.DeviceCommands[0].Tags = object{"c": 1, "c2": []any{2}}
	cmd.IsHidden = true
	want.DeviceResources = append(want.DeviceResources, added)
	want.DeviceCommands = append(want.DeviceCommands, cmd)
	equal(t, "profile with parts", got.Profile, want)
	var infos basicInfos
	m.call(t, 200, &infos, "GET", "/deviceprofile/basicinfo/all", nil)
	m.refused(t, 400, "offset", "GET", "/deviceprofile/basicinfo/all?offset=-2", nil)
	m.call(t, 200, &base{}, "DELETE", "/deviceprofile/name/{name}/deviceCommand/{command}", nil, name, "cmd/1")
	m.refused(t, 404, "", "DELETE", "/deviceprofile/name/{name}/deviceCommand/{command}", nil, name, "cmd/1")
	m.call(t, 200, &base{}, "DELETE", "/deviceprofile/name/{name}/resource/{resource}", nil, name, "Added/1")
	m.refused(t, 404, "", "DELETE", "/deviceprofile/name/{name}/resource/{resource}", nil, name, "Added/1")
}

func upload(t *testing.T, part, text string) raw {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	f, err := w.CreateFormFile(part, "profile.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write([]byte(text))
	w.Close()
	return raw{w.FormDataContentType(), b.Bytes()}
}

func TestProfileUpload(t *testing.T) {
	m := plain.metadata
	yaml := "name: 'up/load'\nmanufacturer: ACME\nlabels: [a, 'b: c']\ndeviceResources:\n" +
		"- name: Level\n  properties: {valueType: float32, readWrite: RW, scale: 0.5, mask: 255}\n" +
		"  attributes: {addr: 12, hex: '0x10'}\nunknown: 1\n"
	var made withID
	m.call(t, 201, &made, "POST", "/deviceprofile/uploadfile", upload(t, "file", yaml))
	m.refused(t, 409, "already exists", "POST", "/deviceprofile/uploadfile", upload(t, "file", yaml))
	m.refused(t, 400, "missing yaml file", "POST", "/deviceprofile/uploadfile", upload(t, "other", yaml))
	m.call(t, 200, &base{}, "PUT", "/deviceprofile/uploadfile", upload(t, "file", yaml+"model: m2\n"))
	m.refused(t, 400, "yaml", "PUT", "/deviceprofile/uploadfile", upload(t, "file", "{"))
	var got oneProfile
	m.call(t, 200, &got, "GET", "/deviceprofile/name/{name}", nil, "up/load")
	want := profile{basicInfo: basicInfo{stamps: got.Profile.stamps, ID: made.ID, Name: "up/load", Manufacturer: "ACME",
		Model: "m2", Labels: []string{"a", "b: c"}}, DeviceCommands: []command{}, APIVersion: "v3",
		DeviceResources: []resource{{Name: "Level", Attributes: object{"addr": 12, "hex": "0x10"},
			Properties: properties{ValueType: "Float32", ReadWrite: "RW", Scale: ptr(0.5), Mask: ptr(uint64(255))}}}}
	equal(t, "uploaded profile", got.Profile, want)
}

func TestDeviceServices(t *testing.T) {
	m := plain.metadata
	sent := deviceService{Name: "svc/ä 1", Description: "d", Labels: []string{"lab"}, BaseAddress: "http://localhost:1/x",
		AdminState: "LOCKED", Properties: object{"a": object{"b": 1}}}
	ids := m.batch(t, "POST", "/deviceservice", "service", 201, sent)
	m.batch(t, "POST", "/deviceservice", "service", 409, sent)
	m.batch(t, "PATCH", "/deviceservice", "service", 200, object{"id": nil, "name": sent.Name, "adminState": "UNLOCKED", "description": ""})
	m.batch(t, "PATCH", "/deviceservice", "service", 404, object{"name": "lost", "adminState": "UNLOCKED"})
	var got oneService
	m.call(t, 200, &got, "GET", "/deviceservice/name/{name}", nil, sent.Name)
	sent.ID, sent.stamps, sent.AdminState, sent.Description = ids[0], got.Service.stamps, "UNLOCKED", ""
	equal(t, "service", got.Service, sent)
	var list services
	m.call(t, 200, &list, "GET", "/deviceservice/all?labels=lab", nil)
	if list.TotalCount != 1 {
		t.Errorf("%d services with the label", list.TotalCount)
	}
	m.refused(t, 400, "invalid syntax", "GET", "/deviceservice/all?limit=abc", nil)
	m.call(t, 200, &base{}, "DELETE", "/deviceservice/name/{name}", nil, sent.Name)
	m.refused(t, 404, "no device service with name", "DELETE", "/deviceservice/name/{name}", nil, sent.Name)
	m.refused(t, 404, "no device service with name", "GET", "/deviceservice/name/{name}", nil, sent.Name)
	m.refused(t, 400, "field is required", "POST", "/deviceservice", []object{{"apiVersion": "v3",
		"service": object{"name": "x", "adminState": "LOCKED"}}})
}

func TestWatchers(t *testing.T) {
	m := plain.metadata
	m.batch(t, "POST", "/deviceprofile", "profile", 201, sampleProfile("watched"))
	sent := watcher{Name: "w/1", ServiceName: "svc/w", Labels: []string{"wl"}, Identifiers: map[string]string{"addr": "10\\..*"},
		BlockingIdentifiers: map[string][]string{"port": {"1", "2"}}, AdminState: "UNLOCKED",
		DiscoveredDevice: discovered{ProfileName: "watched", AdminState: "LOCKED", Properties: object{"x": 1},
			AutoEvents: []autoEvent{{Interval: "1s", SourceName: "Level"}}}}
	ids := m.batch(t, "POST", "/provisionwatcher", "provisionWatcher", 201, sent)
	m.batch(t, "POST", "/provisionwatcher", "provisionWatcher", 409, sent)
	var got oneWatcher
	m.call(t, 200, &got, "GET", "/provisionwatcher/name/{name}", nil, "w/1")
	sent.ID, sent.stamps = ids[0], got.Watcher.stamps
	equal(t, "watcher", got.Watcher, sent)
	m.batch(t, "PATCH", "/provisionwatcher", "provisionWatcher", 200, object{"id": ids[0], "labels": []string{"new"}, "discoveredDevice": object{"adminState": "UNLOCKED"}})
	m.batch(t, "PATCH", "/provisionwatcher", "provisionWatcher", 404, object{"name": "lost", "labels": []string{"new"}})
	m.call(t, 200, &got, "GET", "/provisionwatcher/name/{name}", nil, "w/1")
	sent.stamps, sent.Labels, sent.DiscoveredDevice.AdminState = got.Watcher.stamps, []string{"new"}, "UNLOCKED"
	equal(t, "patched watcher", got.Watcher, sent)
	for path, name := range map[string]string{"/provisionwatcher/service/name/{name}": "svc/w", "/provisionwatcher/profile/name/{name}": "watched"} {
		var list watchers
		m.call(t, 200, &list, "GET", path, nil, name)
		if list.TotalCount != 1 || len(list.Watchers) != 1 {
			t.Fatalf("%s: %+v", path, list)
		}
		equal(t, path, list.Watchers[0], sent)
		m.refused(t, 416, "bounds", "GET", path+"?offset=7", nil, name)
	}
	m.call(t, 200, &watchers{}, "GET", "/provisionwatcher/all?labels=new", nil)
	m.refused(t, 400, "limit", "GET", "/provisionwatcher/all?limit=-2", nil)
	m.refused(t, 409, "associated provisionWatcher exists", "DELETE", "/deviceprofile/name/{name}", nil, "watched")
	m.call(t, 200, &base{}, "DELETE", "/provisionwatcher/name/{name}", nil, "w/1")
	m.refused(t, 404, "no provision watcher with name", "DELETE", "/provisionwatcher/name/{name}", nil, "w/1")
	m.refused(t, 404, "no provision watcher with name", "GET", "/provisionwatcher/name/{name}", nil, "w/1")
}

func TestUnits(t *testing.T) {
	var units unitsAnswer
	plain.metadata.call(t, 200, &units, "GET", "/uom", nil)
	if len(units.UoM.Units) == 0 {
		t.Error("no units")
	}
}

func TestDevices(t *testing.T) {
	m := plain.metadata
	s := serve(t, plain, "go-devices")
	m.batch(t, "POST", "/deviceprofile", "profile", 201, sampleProfile("dev profile"))
	for _, name := range []string{"device one", strange} {
		sent := sampleDevice(name, s.name, "dev profile")
		ids := m.batch(t, "POST", "/device", "device", 201, sent)
		validated := s.lastValidated()
		sent.stamps, sent.ID = validated.stamps, validated.ID
		equal(t, "device shown to its service", validated, sent)
		m.batch(t, "POST", "/device", "device", 409, sent)
		var got oneDevice
		m.call(t, 200, &got, "GET", "/device/name/{name}", nil, name)
		sent.stamps, sent.ID = got.Device.stamps, ids[0]
		equal(t, "device", got.Device, sent)
		m.call(t, 200, &got, "GET", "/device/id/{id}", nil, ids[0])
		equal(t, "device by id", got.Device, sent)
		m.call(t, 200, &base{}, "GET", "/device/check/name/{name}", nil, name)
		m.batch(t, "PATCH", "/device", "device", 200, object{"name": name, "adminState": "LOCKED", "labels": []string{}, "tags": nil})
		m.call(t, 200, &got, "GET", "/device/name/{name}", nil, name)
		sent.AdminState, sent.Labels, sent.Modified = "LOCKED", nil, got.Device.Modified
		equal(t, "patched device", got.Device, sent)
		equal(t, "merged device shown to its service", s.lastValidated().AdminState, "LOCKED")
		for path, key := range map[string]string{"/device/service/name/{name}": s.name, "/device/profile/name/{name}": "dev profile"} {
			var list devices
			m.call(t, 200, &list, "GET", path, nil, key)
			if list.TotalCount != 1 || len(list.Devices) != 1 {
				t.Fatalf("%s: %+v", path, list)
			}
			equal(t, path, list.Devices[0], sent)
			m.refused(t, 416, "bounds", "GET", path+"?offset=7", nil, key)
		}
		m.refused(t, 409, "associated device exists", "DELETE", "/deviceservice/name/{name}", nil, s.name)
		m.call(t, 200, &base{}, "DELETE", "/device/name/{name}", nil, name)
		m.refused(t, 404, "no device with name", "DELETE", "/device/name/{name}", nil, name)
		m.refused(t, 404, "no device with name", "GET", "/device/name/{name}", nil, name)
		m.refused(t, 404, "no device with id", "GET", "/device/id/{id}", nil, ids[0])
		m.refused(t, 404, "", "GET", "/device/check/name/{name}", nil, name)
	}
	m.batch(t, "PATCH", "/device", "device", 404, object{"name": "lost", "adminState": "LOCKED"})
	m.refused(t, 400, "limit", "GET", "/device/all?limit=1.5", nil)
	m.refused(t, 400, "field should be one of 'LOCKED' 'UNLOCKED'", "POST", "/device",
		[]object{{"apiVersion": "v3", "device": object{"name": "x", "adminState": "unlocked", "protocols": object{}}}})
	m.refused(t, 400, "", "POST", "/device", raw{"application/json", []byte("{}")})
	m.refused(t, 400, "", "POST", "/device", raw{"application/json", nil})
}

func TestValidation(t *testing.T) {
	m := plain.metadata
	s := serve(t, plain, "go-validation")
	m.batch(t, "POST", "/deviceprofile", "profile", 201, sampleProfile("val profile"))
	s.setRefusal("missing 'Address' information")
	d := sampleDevice("refused", s.name, "val profile")
	var answers []withID
	m.call(t, 207, &answers, "POST", "/device", []object{{"apiVersion": "v3", "device": d}})
	if answers[0].StatusCode != 500 || answers[0].Message != "Device refused validation failed: missing 'Address' information" {
		t.Errorf("%+v", answers[0])
	}
	s.setRefusal("")
	m.batch(t, "POST", "/device", "device", 201, d)
	m.batch(t, "POST", "/device?force=true", "device", 201, d)
	m.batch(t, "POST", "/deviceservice", "service", 201, deviceService{Name: "deaf", BaseAddress: "http://localhost:1", AdminState: "UNLOCKED"})
	d.Name, d.ServiceName = "unheard", "deaf"
	m.call(t, 207, &answers, "POST", "/device", []object{{"apiVersion": "v3", "device": d}})
	if answers[0].StatusCode != 503 {
		t.Errorf("nobody answers the validation: %+v", answers[0])
	}
	m.batch(t, "POST", "/device?bypassValidation=true", "device", 201, d)
}

func TestDeviceTree(t *testing.T) {
	m := plain.metadata
	m.batch(t, "POST", "/deviceservice", "service", 201, deviceService{Name: "tree", BaseAddress: "http://localhost:1", AdminState: "UNLOCKED"})
	add := func(name, parent string) {
		m.batch(t, "POST", "/device?bypassValidation=true", "device", 201, device{Name: name, Parent: parent, ServiceName: "tree",
			AdminState: "UNLOCKED", OperatingState: "UP", Protocols: map[string]object{}, Labels: []string{"tree"}})
	}
	add("root", "")
	add("a", "root")
	add("b", "root")
	add("aa", "a")
	for query, want := range map[string]string{"": "a b aa ", "&maxLevels=1": "a b ", "&offset=2": "aa ", "&labels=tree": "a b aa ", "&labels=none": ""} {
		var list devices
		m.call(t, 200, &list, "GET", "/device/all?descendantsOf=root"+query, nil)
		got := ""
		for _, d := range list.Devices {
			got += d.Name + " "
		}
		if got != want {
			t.Errorf("descendants of root%s: %q instead of %q", query, got, want)
		}
	}
	m.refused(t, 409, "cannot delete device with children", "DELETE", "/device/name/{name}", nil, "root")
	m.batch(t, "PATCH", "/device", "device", 503, object{"name": "aa", "description": "nobody answers"})
	var list devices
	for offset := 0; offset <= 4; offset++ {
		m.call(t, 200, &list, "GET", fmt.Sprintf("/device/service/name/{name}?offset=%d&limit=1", offset), nil, "tree")
		if list.TotalCount != 4 || len(list.Devices) != min(1, 4-offset) {
			t.Errorf("page %d: %d of %d", offset, len(list.Devices), list.TotalCount)
		}
	}
}
