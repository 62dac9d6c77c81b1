// An application service as the Go SDK is described to make them: configured and registered through
// core-keeper, it takes all events from the bus, looks up whose they are, and has commands sent.
package interop

import (
	"fmt"
	"sync"
	"syscall"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

type appPeer struct {
	*foreign
	service *goService // answers ping

	lock   sync.Mutex
	events map[string]taken // by id
}

type taken struct {
	event       event // with CBOR: what tells it from others
	contentType string
	topic       string
	picture     []byte
}

func newAppPeer(t *testing.T, p *platform, key string) *appPeer {
	a := &appPeer{foreign: &foreign{t: t, p: p, key: key, section: "app-services"}, events: map[string]taken{}}
	a.private = []leaf{{"Writable/LogLevel", "DEBUG"}, {"Service/Host", "127.0.0.1"}, {"Service/Port", fmt.Sprint(freePort())},
		{"Clients/core-command/Port", fmt.Sprint(p.command.port)}}
	return a
}

func (a *appPeer) boot() error {
	a.service = newService(a.t, a.p, a.key, nil)
	return story(
		step{"configuration", a.start},
		step{"registry", a.registerSelf},
		step{"HTTP server", func() error {
			s := a.settings().Service
			a.t.Cleanup(func() { a.service.server.Close() })
			return a.service.listen(fmt.Sprintf("%s:%d", s.Host, s.Port))
		}},
		step{"message bus", a.join},
		step{"trigger", a.trigger},
	)
}

func (a *appPeer) trigger() error {
	s := a.settings()
	if s.Trigger.Type != "edgex-messagebus" || s.Trigger.SubscribeTopics != "events/#" {
		return fmt.Errorf("%+v", s.Trigger)
	}
	a.bus.serve(s.MessageBus.BaseTopicPrefix+"/"+s.Trigger.SubscribeTopics, a.take)
	return nil
}

// take accepts what both kinds of publishers send: JSON, native or in base64, and CBOR.
func (a *appPeer) take(m message) {
	var e envelope
	if err := same(m.payload, &e); err != nil {
		a.t.Errorf("%s: %v in %.500s", m.topic, err, m.payload)
		return
	}
	got := taken{contentType: e.ContentType, topic: m.topic}
	if e.ContentType == "application/cbor" {
		var answer cborEventAnswer
		if err := cbor.Unmarshal(e.bytesOf(a.t), &answer); err != nil || len(answer.Event.Readings) == 0 {
			a.t.Errorf("%s: %v", m.topic, err)
			return
		}
		got.event = event{ID: answer.Event.ID, DeviceName: answer.Event.DeviceName, Origin: answer.Event.Origin}
		got.picture = answer.Event.Readings[0].BinaryValue
	} else {
		var request addEvent
		if err := same(e.bytesOf(a.t), &request); err != nil {
			a.t.Errorf("%s: %v in %.500s", m.topic, err, e.Payload)
			return
		}
		got.event = request.Event
	}
	a.lock.Lock()
	defer a.lock.Unlock()
	a.events[got.event.ID] = got
}

// took waits for an event.
func (a *appPeer) took(id string) taken {
	a.t.Helper()
	var got taken
	eventually(a.t, "event "+id+" comes", func() (known bool) {
		a.lock.Lock()
		defer a.lock.Unlock()
		got, known = a.events[id]
		return known
	})
	return got
}

func TestApplicationService(t *testing.T) {
	inBothShapes(t, func(t *testing.T, p *platform) {
		key, name := namesOf(p)
		d := booted(t, p, key+"-4", name+" d")
		a := newAppPeer(t, p, "app_go-1.x")
		if err := a.boot(); err != nil {
			t.Fatal(err)
		}
		s := a.settings()
		equal(t, "clients", []any{s.Clients["core-metadata"].Protocol, s.Clients["core-command"].Port, s.Writable.LogLevel},
			[]any{"http", p.command.port, "DEBUG"})
		if _, err := p.isUp(a.key); err != nil {
			t.Error(err)
		}

		// From a device, from core-data, and from our own device service, there also in CBOR.
		sent := d.send(name+" d", "Level", "1e+00")
		got := a.took(sent.ID)
		equal(t, "from the device", []any{got.topic, got.contentType}, []any{d.eventTopic(name+" d", "Level"), "application/json"})
		equal(t, "from the device", got.event, sent)
		posted := sampleEvent(name, "Source 1")
		posted.ProfileName = "p 1"
		for i := range posted.Readings {
			posted.Readings[i].ProfileName = posted.ProfileName
		}
		whole := posted
		posted.Readings = append(append([]reading{}, posted.Readings[:16]...), posted.Readings[17:]...) // no picture: JSON
		p.data.call(t, 201, &withID{}, "POST", postEvent, addEvent{"v3", uuid(), posted}, "svc", posted.ProfileName, name, "Source 1")
		got = a.took(posted.ID)
		equal(t, "posted", got.topic, "edgex/events/core/svc/"+p.enc("p 1")+"/"+p.enc(name)+"/"+p.enc("Source 1"))
		equal(t, "posted", got.event, posted)
		whole.ID, whole.Readings = uuid(), whole.Readings[16:17]
		data, _ := cbor.Marshal(cborEvent(whole))
		p.data.call(t, 201, &withID{}, "POST", postEvent, raw{"application/cbor", data}, "svc", posted.ProfileName, name, "Source 1")
		got = a.took(whole.ID)
		equal(t, "posted as CBOR", []any{got.contentType, got.event.Origin, got.picture}, []any{"application/cbor", whole.Origin, picture})
		resp, body := p.driver.exchange(t, "GET", deviceCommand+"?ds-pushevent=true", nil, "Random-Binary-Device", "Binary")
		equal(t, "ours", resp.StatusCode, 200)
		equal(t, "ours as CBOR", a.took(decodeCBOR(t, body).Event.ID).contentType, "application/cbor")

		// Whose it is, and an answer to it.
		var whose oneDevice
		p.metadata.call(t, 200, &whose, "GET", "/device/name/{name}", nil, sent.DeviceName)
		equal(t, "tags", whose.Device.Tags, d.devices[0].Tags)
		p.command.call(t, 200, &base{}, "PUT", deviceCommand, object{"Level": sent.ID}, whose.Device.Name, "Level")
		equal(t, "command", d.service.wrote("Level"), object{"Level": sent.ID})

		a.hearsOfChanges()
		p.keeper.call(t, 200, &keys{}, "PUT", kvRoute, object{"value": "ERROR"}, configRoot+a.key+"/Writable/LogLevel")
		eventually(t, "the log level changes", func() bool { return a.settings().Writable.LogLevel == "ERROR" })

		// The broker goes and comes: events flow again.
		if err := p.end("mosquitto", syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := p.begin("mosquitto"); err != nil {
			t.Fatal(err)
		}
		seen := func() int { a.lock.Lock(); defer a.lock.Unlock(); return len(a.events) }
		before := seen()
		eventually(t, "events flow again", func() bool { d.trySend(name+" d", "Level", "2e+00"); return seen() > before })
		if err := p.ready(); err != nil {
			t.Fatal(err)
		}
		a.halt()
		d.halt()
	})
}
