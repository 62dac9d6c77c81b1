// The reading methods of the clients Go programs have: each with all its query parameters, sorted as
// Go sorts them, and with names as these clients write them: escaped byte by byte where the platform
// escapes names, else as they are, of which Go escapes only what no path can hold.
package interop

import (
	"fmt"
	"net/url"
	"testing"
	"time"
)

func asGoClient(p *platform, s *peer) *peer {
	c := *s
	if !p.escape {
		c.segment = func(name string) string { return (&url.URL{Path: name}).EscapedPath() }
	}
	return &c
}

func TestReadingMethodsOfGoClients(t *testing.T) {
	inBothShapes(t, func(t *testing.T, p *platform) {
		key, name := "client-svc", "Client ü 1?&;=@"
		if p.escape {
			key, name = "client_svc~1", "Client/"+strange
		}
		d := booted(t, p, key, name)
		prof := d.profiles[0].Name
		m, data, command := asGoClient(p, p.metadata), asGoClient(p, p.data), asGoClient(p, p.command)
		const resource = "Level ü"
		sent := []event{d.send(name, resource, "1e+00"), d.send(name, resource, "2e+00")}
		for _, e := range sent {
			stored(t, p, e)
		}
		from, to := fmt.Sprint(sent[0].Origin), fmt.Sprint(sent[1].Origin)
		page := "?" + url.Values{"offset": {"0"}, "limit": {"10"}}.Encode()
		profiled := "?" + url.Values{"offset": {"0"}, "limit": {"10"}, "labels": {"l1," + prof}}.Encode()
		only := object{"resourceNames": []string{resource, "other"}}
		rows := []struct {
			at    *peer
			out   any
			n     func(out any) int
			want  int
			path  string
			body  any
			names []string
		}{
			{m, &devices{}, nDevices, 0, "/device/all?" + url.Values{"descendantsOf": {name}, "labels": {""}, "limit": {"5"}, "maxLevels": {"2"}, "offset": {"0"}}.Encode(), nil, nil},
			{m, &base{}, nil, 0, "/device/check/name/{name}", nil, []string{name}},
			{m, &oneDevice{}, nil, 0, "/device/name/{name}", nil, []string{name}},
			{m, &devices{}, nDevices, 2, "/device/profile/name/{name}" + page, nil, []string{prof}},
			{m, &devices{}, nDevices, 2, "/device/service/name/{name}" + page, nil, []string{key}},
			{m, &profiles{}, nil, 0, "/deviceprofile/all" + profiled, nil, nil},
			{m, &basicInfos{}, nil, 0, "/deviceprofile/basicinfo/all" + page, nil, nil},
			{m, &oneProfile{}, nil, 0, "/deviceprofile/name/{name}", nil, []string{prof}},
			{m, &profiles{}, nil, 0, "/deviceprofile/model/{model}" + page, nil, []string{"M " + prof}},
			{m, &oneService{}, nil, 0, "/deviceservice/name/{name}", nil, []string{key}},
			{m, &services{}, nil, 0, "/deviceservice/all" + page, nil, nil},
			{m, &watchers{}, nil, 0, "/provisionwatcher/all" + page, nil, nil},
			{m, &oneWatcher{}, nil, 0, "/provisionwatcher/name/{name}", nil, []string{d.watchers[0].Name}},
			{m, &watchers{}, nil, 0, "/provisionwatcher/profile/name/{name}" + page, nil, []string{prof}},
			{m, &watchers{}, nil, 0, "/provisionwatcher/service/name/{name}" + page, nil, []string{key}},
			{m, &oneResource{}, nil, 0, "/deviceresource/profile/{profile}/resource/{resource}", nil, []string{prof, "Level"}},
			{m, &unitsAnswer{}, nil, 0, "/uom", nil, nil},
			{data, &events{}, nil, 0, "/event/all" + page, nil, nil},
			{data, &counted{}, nCounted, 2, "/event/count/device/name/{name}", nil, []string{name}},
			{data, &events{}, nEvents, 2, "/event/device/name/{name}" + page, nil, []string{name}},
			{data, &events{}, nil, 0, "/event/start/{start}/end/{end}" + page, nil, []string{from, to}},
			{data, &readings{}, nil, 0, "/reading/all" + page, nil, nil},
			{data, &counted{}, nCounted, 2, "/reading/count/device/name/{name}", nil, []string{name}},
			{data, &readings{}, nReadings, 2, "/reading/device/name/{name}" + page, nil, []string{name}},
			{data, &readings{}, nReadings, 2, "/reading/resourceName/{resource}/start/{start}/end/{end}" + page, nil, []string{resource, from, to}},
			{data, &readings{}, nReadings, 2, "/reading/device/name/{device}/resourceName/{resource}" + page, nil, []string{name, resource}},
			{data, &readings{}, nReadings, 1, "/reading/device/name/{device}/resourceName/{resource}/start/{start}/end/{end}" + page, nil, []string{name, resource, to, to}},
			{data, &readings{}, nReadings, 2, "/reading/device/name/{device}/start/{start}/end/{end}" + page, only, []string{name, from, to}},
			{data, &readings{}, nReadings, 0, "/reading/device/name/{device}/start/{start}/end/{end}" + page, object{"resourceNames": []string{"other"}}, []string{name, from, to}},
			{command, &allDeviceCommands{}, nil, 0, "/device/all" + page, nil, nil},
			{command, &oneDeviceCommands{}, nil, 0, "/device/name/{name}", nil, []string{name}},
			{command, &oneEvent{}, nil, 0, "/device/name/{name}/{command}?ds-pushevent=false&ds-returnevent=true", nil, []string{name, "Level"}},
		}
		for _, row := range rows {
			row.at.call(t, 200, row.out, "GET", row.path, row.body, row.names...)
			if row.n != nil {
				equal(t, row.path, row.n(row.out), row.want)
			}
		}
		var one oneDevice
		m.call(t, 200, &one, "GET", "/device/name/{name}", nil, name)
		equal(t, "name", one.Device.Name, name)
		if age := time.Since(time.UnixMilli(one.Device.Created)); age < -time.Second || age > time.Minute {
			t.Errorf("created %d is no ms of now", one.Device.Created)
		}
		var found devices
		m.call(t, 200, &found, "GET", "/device/all?"+url.Values{"labels": {"x," + name}, "limit": {"-1"}, "offset": {"0"}}.Encode(), nil)
		equal(t, "by label", []any{len(found.Devices), found.Devices[0].Name}, []any{1, name})
		command.call(t, 200, &base{}, "PUT", "/device/name/{name}/{command}?a=%26&b=2", object{"Level": "3"}, name, "Level")
		equal(t, "query", d.service.lastQuery(), "a=%26&b=2")
		for _, w := range d.watchers {
			m.call(t, 200, &base{}, "DELETE", "/provisionwatcher/name/{name}", nil, w.Name)
		}
		for _, one := range d.devices {
			m.call(t, 200, &base{}, "DELETE", "/device/name/{name}", nil, one.Name)
		}
		m.call(t, 200, &base{}, "DELETE", "/deviceprofile/name/{name}", nil, prof)
		m.call(t, 200, &base{}, "DELETE", "/deviceservice/name/{name}", nil, key)
		data.call(t, 202, &base{}, "DELETE", "/event/device/name/{name}", nil, name)
		eventually(t, "its events go", func() bool {
			var n counted
			data.call(t, 200, &n, "GET", "/event/count/device/name/{name}", nil, name)
			return n.Count == 0
		})
		d.halt()
	})
}

func nDevices(out any) int  { return len(out.(*devices).Devices) }
func nEvents(out any) int   { return len(out.(*events).Events) }
func nReadings(out any) int { return len(out.(*readings).Readings) }
func nCounted(out any) int  { return int(out.(*counted).Count) }
