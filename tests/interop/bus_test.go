package interop

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// stored waits until core-data has an event and compares.
func stored(t *testing.T, p *platform, want event) {
	t.Helper()
	if !within(func() bool {
		resp, _ := p.data.exchange(t, "GET", "/event/id/{id}", nil, want.ID)
		return resp.StatusCode == 200
	}) {
		t.Fatalf("event %s of %q was not stored", want.ID, want.DeviceName)
	}
	var got oneEvent
	p.data.call(t, 200, &got, "GET", "/event/id/{id}", nil, want.ID)
	equal(t, "event from the bus", got.Event, want)
}

func TestEventsFromTheBus(t *testing.T) {
	b := connect(t, plain)
	kinds := map[string]func(event) envelope{
		"native": func(e event) envelope {
			payload, _ := json.Marshal(addEvent{"v3", uuid(), e})
			return envelope{ContentType: "application/json", Payload: payload}
		},
		"base64": func(e event) envelope {
			inner, _ := json.Marshal(addEvent{"v3", uuid(), e})
			payload, _ := json.Marshal(inner)
			return envelope{ContentType: "application/json", Payload: payload}
		},
		"cbor": func(e event) envelope {
			inner, _ := cbor.Marshal(cborEvent(e))
			payload, _ := json.Marshal(inner)
			return envelope{ContentType: "application/cbor", Payload: payload}
		},
	}
	for kind, make := range kinds {
		sent := sampleEvent("bus "+kind+" ü", "Source 1")
		sent.ProfileName = "bus profile"
		for i := range sent.Readings {
			sent.Readings[i].ProfileName = sent.ProfileName
		}
		sent.Readings[17].ObjectValue = json.RawMessage(`{"a":[1,0.5]}`)
		e := make(sent)
		e.CorrelationID = uuid()
		b.publish("edgex/events/device/svc/bus profile/"+sent.DeviceName+"/Source 1", e)
		stored(t, plain, sent)
	}
}

func TestEventsFromTheBusWithEscapedNames(t *testing.T) {
	b := connect(t, escaped)
	sent := sampleEvent(strange, "Source/+#")
	payload, _ := json.Marshal(addEvent{"v3", uuid(), sent})
	topic := strings.Join([]string{"edgex/events/device", level("svc/1"), level("p/1"), level(strange), level("Source/+#")}, "/")
	b.publish(topic, envelope{CorrelationID: uuid(), ContentType: "application/json", Payload: payload})
	stored(t, escaped, sent)

	in := b.subscribe("edgex/events/core/#")
	sent.ID, sent.Readings = uuid(), sent.Readings[:16]
	post(t, escaped.data, sent)
	topic, e := b.next(in)
	equal(t, "topic", topic, "edgex/events/core/svc%2F1/p%2F1/"+level(strange)+"/Source%2F%2B%23")
	equal(t, "contentType", e.ContentType, "application/json")
	var request addEvent
	if err := same(e.bytesOf(t), &request); err != nil {
		t.Fatal(err)
	}
	equal(t, "event passed on", request.Event, sent)
}

func TestBrokenMessagesAreSurvived(t *testing.T) {
	b := connect(t, plain)
	topic := "edgex/events/device/svc/p/d/s"
	for _, junk := range []string{"", "{", "null", "[]", `{"payload":"%%%"}`, `{"apiVersion":"v3","payload":{"event":{}},"contentType":"application/json"}`,
		`{"apiVersion":"v3","payload":"oWFh","contentType":"application/cbor"}`, "\x00\xff", strings.Repeat("[", 100000)} {
		b.wait(b.mqtt.Publish(topic, 1, false, []byte(junk)))
		b.wait(b.mqtt.Publish("edgex/core/command/request/d/c/get", 1, false, []byte(junk)))
	}
	wrong := sampleEvent("d", "s")
	payload, _ := json.Marshal(addEvent{"v3", uuid(), wrong})
	b.publish("edgex/events/device/svc/p/other/s", envelope{ContentType: "application/json", Payload: payload})
	right := wrong
	right.ID, right.ProfileName = uuid(), "p"
	payload, _ = json.Marshal(addEvent{"v3", uuid(), right})
	b.publish(topic, envelope{ContentType: "application/json", Payload: payload})
	stored(t, plain, right)
	plain.data.refused(t, 404, "no event", "GET", "/event/id/{id}", nil, wrong.ID)
}

func TestPostedEventsArePassedOn(t *testing.T) {
	b := connect(t, plain)
	in := b.subscribe("edgex/events/core/pass/#")
	sent := sampleEvent("pass on", "s")
	sent.ProfileName = "p 1"
	whole := sent
	sent.Readings = append(append([]reading{}, sent.Readings[:16]...), sent.Readings[17:]...) // no picture: JSON
	request := addEvent{"v3", uuid(), sent}
	plain.data.call(t, 201, &withID{}, "POST", postEvent, request, "pass", "p 1", "pass on", "s")
	topic, e := b.next(in)
	equal(t, "topic", topic, "edgex/events/core/pass/p 1/pass on/s")
	equal(t, "contentType", e.ContentType, "application/json")
	var got addEvent
	if err := same(e.bytesOf(t), &got); err != nil {
		t.Error(err)
	}
	equal(t, "event", got.Event, sent)
	equal(t, "requestId", got.RequestID, request.RequestID)

	data, _ := cbor.Marshal(cborEvent(whole))
	plain.data.call(t, 201, &withID{}, "POST", postEvent, raw{"application/cbor", data}, "pass", "p 1", "pass on", "s")
	_, e = b.next(in)
	equal(t, "contentType", e.ContentType, "application/cbor")
	var decoded struct {
		Event struct {
			Origin   int64 `json:"origin"`
			Readings []struct {
				BinaryValue []byte `json:"binaryValue"`
			} `json:"readings"`
		} `json:"event"`
	}
	if err := cbor.Unmarshal(e.bytesOf(t), &decoded); err != nil {
		t.Fatal(err)
	}
	equal(t, "origin", decoded.Event.Origin, sent.Origin)
	equal(t, "picture", decoded.Event.Readings[16].BinaryValue, picture)
}

// announced waits for one system event and decodes its details.
func announced(t *testing.T, b *bus, in <-chan message, want string, details any) systemEvent {
	t.Helper()
	topic, e := b.next(in)
	equal(t, "topic", topic, "edgex/system-events/core-metadata/"+want)
	equal(t, "contentType and requestID", []string{e.ContentType, e.RequestID}, []string{"application/json", ""})
	var s systemEvent
	if err := same(e.bytesOf(t), &s); err != nil {
		t.Errorf("%s: %v in %.1000s", want, err, e.Payload)
	}
	if err := same(s.Details, details); err != nil {
		t.Errorf("%s: details: %v in %.1000s", want, err, s.Details)
	}
	levels := strings.Split(want, "/")
	owner, _ := url.PathUnescape(levels[2])
	equal(t, want, []string{s.APIVersion, s.Type, s.Action, s.Source, s.Owner}, []string{"v3", levels[0], levels[1], "core-metadata", owner})
	if s.Timestamp < origin {
		t.Errorf("%s: timestamp %d is not ns", want, s.Timestamp)
	}
	return s
}

func TestSystemEvents(t *testing.T) {
	for name, p := range map[string]*platform{"plain": plain, "escaped": escaped} {
		t.Run(name, func(t *testing.T) { systemEvents(t, p) })
	}
}

func systemEvents(t *testing.T, p *platform) {
	m, b := p.metadata, connect(t, p)
	service, prof := "sys svc", "sys profile"
	if p.escape {
		service, prof = "sys/svc-1", strange
	}
	owner, profLevel := p.enc(service), p.enc(prof)
	in := b.subscribe("edgex/system-events/core-metadata/#")
	s := serve(t, p, service)
	var ds deviceService
	announced(t, b, in, "deviceservice/add/"+owner, &ds)
	equal(t, "baseAddress", ds.BaseAddress, s.address)
	m.batch(t, "PATCH", "/deviceservice", "service", 200, object{"name": service, "labels": []string{"l"}})
	announced(t, b, in, "deviceservice/update/"+owner, &ds)

	sent := sampleProfile(prof)
	m.batch(t, "POST", "/deviceprofile", "profile", 201, sent)
	var gotProfile profile
	announced(t, b, in, "deviceprofile/add/"+p.enc("core-metadata")+"/"+profLevel, &gotProfile)
	sent.ID, sent.stamps = gotProfile.ID, gotProfile.stamps
	equal(t, "profile", gotProfile, sent)

	d := sampleDevice("sys device", service, prof)
	ids := m.batch(t, "POST", "/device", "device", 201, d)
	var got device
	announced(t, b, in, "device/add/"+owner+"/"+profLevel, &got)
	d.ID, d.stamps = ids[0], got.stamps
	equal(t, "device", got, d)
	m.batch(t, "PATCH", "/device", "device", 200, object{"id": ids[0], "description": "new"})
	announced(t, b, in, "device/update/"+owner+"/"+profLevel, &got)
	equal(t, "description", got.Description, "new")

	m.batch(t, "PATCH", "/deviceprofile/basicinfo", "basicinfo", 200, object{"name": prof, "model": "new"})
	announced(t, b, in, "deviceprofile/update/"+p.enc("core-metadata")+"/"+profLevel, &gotProfile)
	announced(t, b, in, "deviceprofile/update/"+owner+"/"+profLevel, &gotProfile)
	equal(t, "model", gotProfile.Model, "new")

	w := watcher{Name: "sys w", ServiceName: service, Identifiers: map[string]string{"a": "b"}, AdminState: "UNLOCKED",
		DiscoveredDevice: discovered{ProfileName: prof, AdminState: "UNLOCKED"}}
	m.batch(t, "POST", "/provisionwatcher", "provisionWatcher", 201, w)
	var gotWatcher watcher
	announced(t, b, in, "provisionwatcher/add/"+owner+"/"+profLevel, &gotWatcher)
	m.batch(t, "PATCH", "/provisionwatcher", "provisionWatcher", 200, object{"name": "sys w", "adminState": "LOCKED"})
	announced(t, b, in, "provisionwatcher/update/"+owner+"/"+profLevel, &gotWatcher)
	m.call(t, 200, &base{}, "DELETE", "/provisionwatcher/name/{name}", nil, "sys w")
	announced(t, b, in, "provisionwatcher/delete/"+owner+"/"+profLevel, &gotWatcher)
	m.call(t, 200, &base{}, "DELETE", "/device/name/{name}", nil, "sys device")
	announced(t, b, in, "device/delete/"+owner+"/"+profLevel, &got)
	m.call(t, 200, &base{}, "DELETE", "/deviceprofile/name/{name}", nil, prof)
	announced(t, b, in, "deviceprofile/delete/"+p.enc("core-metadata")+"/"+profLevel, &gotProfile)
	m.call(t, 200, &base{}, "DELETE", "/deviceservice/name/{name}", nil, service)
	announced(t, b, in, "deviceservice/delete/"+owner, &ds)
}

func TestCommandsOverTheBus(t *testing.T) {
	for name, p := range map[string]*platform{"plain": plain, "escaped": escaped} {
		t.Run(name, func(t *testing.T) { busCommands(t, p) })
	}
}

func busCommands(t *testing.T, p *platform) {
	b := connect(t, p)
	s := serve(t, p, "go-bus")
	dev, service := "bus device", "Level"
	if p.escape {
		dev, service = "bus/"+strange, "Set/Point ü"
	}
	commanded(t, p, s, dev, "bus profile "+dev)
	const prefix = "edgex/response/core-command"
	at := "edgex/core/command/request/" + p.enc(dev) + "/"

	answer := b.ask(at+p.enc(service)+"/get", prefix, envelope{QueryParams: map[string]string{"ds-pushevent": "false", "ds-returnevent": "true"}})
	var got oneEvent
	if err := same(answer.bytesOf(t), &got); err != nil {
		t.Fatal(err)
	}
	equal(t, "value", got.Event.Readings[0].Value, text("1.234e+01"))
	equal(t, "ids", []string{got.RequestID, got.Event.SourceName}, []string{answer.RequestID, service})
	answer = b.ask(at+"Image/get", prefix, envelope{})
	equal(t, "contentType", answer.ContentType, "application/cbor")
	var decoded struct {
		Event struct {
			Readings []struct {
				BinaryValue []byte `json:"binaryValue"`
			} `json:"readings"`
		} `json:"event"`
	}
	if err := cbor.Unmarshal(answer.bytesOf(t), &decoded); err != nil {
		t.Fatal(err)
	}
	equal(t, "picture", decoded.Event.Readings[0].BinaryValue, picture)
	answer = b.ask(at+p.enc(service)+"/SET", prefix, envelope{Payload: json.RawMessage(`{"Level":"1","big":9223372036854775807}`)})
	equal(t, "set", answer.ErrorCode, 0)
	equal(t, "written", s.wrote(service), tree([]byte(`{"Level":"1","big":9223372036854775807}`)))
	answer = b.ask(at+"nobody/get", prefix, envelope{})
	if answer.ErrorCode != 1 || answer.ContentType != "text/plain" || !strings.Contains(answer.text(), "nobody") {
		t.Errorf("%+v %s", answer, answer.Payload)
	}
	answer = b.ask("edgex/core/command/request/lost/Level/get", prefix, envelope{})
	if answer.ErrorCode != 1 || !strings.Contains(answer.text(), "lost") {
		t.Errorf("%+v %s", answer, answer.Payload)
	}
	answer = b.ask("edgex/core/commandquery/request/"+p.enc(dev), prefix, envelope{})
	var offer oneDeviceCommands
	if err := same(answer.bytesOf(t), &offer); err != nil {
		t.Errorf("%v in %s", err, answer.Payload)
	}
	equal(t, "device", offer.Commands.DeviceName, dev)
	equal(t, "requestId", offer.RequestID, answer.RequestID)
	answer = b.ask("edgex/core/commandquery/request/all", prefix, envelope{QueryParams: map[string]string{"offset": "0", "limit": "1"}})
	var all allDeviceCommands
	if err := same(answer.bytesOf(t), &all); err != nil {
		t.Errorf("%v in %s", err, answer.Payload)
	}
	answer = b.ask("edgex/core/commandquery/request/lost", prefix, envelope{})
	equal(t, "errorCode", answer.ErrorCode, 1)
}
