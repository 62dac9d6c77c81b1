package interop

import (
	"encoding/base64"
	"net/url"
	"testing"
)

// commanded makes a device of a service with the sample profile.
func commanded(t *testing.T, p *platform, s *goService, device, profile string) {
	t.Helper()
	p.metadata.batch(t, "POST", "/deviceprofile", "profile", 201, sampleProfile(profile))
	d := sampleDevice(device, s.name, profile)
	d.AutoEvents = nil
	p.metadata.batch(t, "POST", "/device", "device", 201, d)
}

func TestCommandsOverHTTP(t *testing.T) {
	c := plain.command
	s := serve(t, plain, "go-commands")
	for _, name := range []string{"cmd device", "cmd/" + strange} {
		commanded(t, plain, s, name, name+" profile")
		const path = "/device/name/{name}/{command}"
		var got oneEvent
		for _, command := range []string{"Level", "Set/Point ü", "Null", "Object"} {
			c.call(t, 200, &got, "GET", path, nil, name, command)
			want, _, _ := s.read(name, command)
			want["id"], want["readings"].([]object)[0]["id"] = got.Event.ID, got.Event.Readings[0].ID
			equal(t, command, got.Event, want)
		}
		c.call(t, 200, &got, "GET", path+"?ds-pushevent=true&z=1&a=b%20c", nil, name, "Image")
		equal(t, "picture", got.Event.Readings[0].BinaryValue, text(base64.StdEncoding.EncodeToString(picture)))
		query, _ := url.ParseQuery(s.lastQuery())
		if query.Get("ds-pushevent") != "true" || query.Get("z") != "1" || query.Get("a") != "b c" {
			t.Errorf("query %q", s.lastQuery())
		}
		resp, body := c.exchange(t, "GET", path+"?ds-returnevent=false", nil, name, "Level")
		if resp.StatusCode != 200 || len(body) != 0 || resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("without an event: %d %q %q", resp.StatusCode, resp.Header.Get("Content-Type"), body)
		}
		c.call(t, 200, &base{}, "PUT", path, raw{"application/json", []byte(`{"Level":"1.5","n":9223372036854775807,"o":{"k":[true,null]}}`)}, name, "Level")
		equal(t, "written", s.wrote("Level"), tree([]byte(`{"Level":"1.5","n":9223372036854775807,"o":{"k":[true,null]}}`)))
		c.refused(t, 423, "status code: 423, err: device "+name+" locked", "PUT", path, object{"Locked": "1"}, name, "Locked")
		c.refused(t, 423, "status code: 423, err: ", "GET", path, nil, name, "Locked")
		c.refused(t, 404, "not found", "GET", path, nil, name, "nobody")
		c.refused(t, 400, "parse request body", "PUT", path, []int{1}, name, "Level")
		c.refused(t, 400, "true or false", "GET", path+"?ds-pushevent=yes", nil, name, "Level")

		var offer oneDeviceCommands
		c.call(t, 200, &offer, "GET", "/device/name/{name}", nil, name)
		equal(t, "names", []string{offer.Commands.DeviceName, offer.Commands.ProfileName}, []string{name, name + " profile"})
		byName := map[string]coreCommand{}
		for _, command := range offer.Commands.CoreCommands {
			byName[command.Name] = command
		}
		both := byName["Both"]
		if !both.Get || !both.Set || both.Path != "/api/v3/device/name/"+name+"/Both" {
			t.Errorf("%+v", both)
		}
		equal(t, "parameters", both.Parameters, []parameter{{"Level", "Float64"}, {"Object", "Object"}})
		if _, hidden := byName["Bits"]; hidden || byName["Image"].Set || len(byName) != 8 {
			t.Errorf("%+v", byName)
		}
	}
	c.refused(t, 404, "status code: 404, err: no device with name", "GET", "/device/name/{name}/{command}", nil, "lost", "x")
	c.refused(t, 404, "no device with name", "GET", "/device/name/{name}", nil, "lost")
	c.call(t, 200, &allDeviceCommands{}, "GET", "/device/all?limit=-1", nil)
	c.refused(t, 400, "limit", "GET", "/device/all?limit=x", nil)
}

func TestUnreachableService(t *testing.T) {
	m := plain.metadata
	m.batch(t, "POST", "/deviceservice", "service", 201, deviceService{Name: "gone", BaseAddress: "http://127.0.0.1:1", AdminState: "UNLOCKED"})
	m.batch(t, "POST", "/deviceprofile", "profile", 201, sampleProfile("gone profile"))
	m.batch(t, "POST", "/device?bypassValidation=true", "device", 201, sampleDevice("gone device", "gone", "gone profile"))
	plain.command.refused(t, 503, "", "GET", "/device/name/{name}/{command}", nil, "gone device", "Level")
	plain.command.refused(t, 503, "", "PUT", "/device/name/{name}/{command}", object{"Level": "1"}, "gone device", "Level")
}
