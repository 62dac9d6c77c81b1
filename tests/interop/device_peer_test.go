// A device service as the Go SDK is described to make them: it boots request by request, keeps what
// core-metadata announces, publishes events and serves commands.
package interop

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

type devicePeer struct {
	*foreign
	service  *goService // its doors; a new one after each start
	profiles []profile  // its own files
	devices  []device
	watchers []watcher
	told     []string // requests of this start that changed core-metadata
	quit     chan bool

	// What it knows, under the lock of foreign.
	knownDevices  map[string]device
	knownProfiles map[string]profile
	knownWatchers map[string]watcher
	adminState    string
	heard         map[string]int // announcements, by type/action
}

func newDevicePeer(t *testing.T, p *platform, key, name string) *devicePeer {
	port := freePort()
	d := &devicePeer{foreign: &foreign{t: t, p: p, key: key, section: "device-services"}}
	d.private = []leaf{
		{"Writable/LogLevel", "INFO"}, {"Service/Host", "127.0.0.1"}, {"Service/Port", fmt.Sprint(port)},
		{"Service/StartupMsg", ""}, {"Service/Labels/0", "go"}, {"Service/Labels/1", "ü & 日本"},
		{"MessageBus/Optional/ClientId", key}, {"Driver/Ratio", "1.5e-07"}, {"Driver/Deep/a~b;c=d", "<ä & \"b\">\n"},
	}
	prof := name + " profile"
	d.profiles = []profile{sampleProfile(prof)}
	d.devices = []device{deviceOf(name, key, prof), deviceOf(name+" 2", key, prof)}
	d.watchers = []watcher{{Name: name + " watcher", ServiceName: key, Identifiers: map[string]string{"Address": ".*"},
		AdminState: "LOCKED", DiscoveredDevice: discovered{ProfileName: prof, AdminState: "UNLOCKED"}}}
	t.Cleanup(d.stop)
	return d
}

func deviceOf(name, service, profile string) device {
	d := sampleDevice(name, service, profile)
	d.AutoEvents = nil
	return d
}

// boot is the whole start. Where it waits and for what is part of what is tested.
func (d *devicePeer) boot() error {
	d.told = nil
	d.service = newService(d.t, d.p, d.key, nil)
	return story(
		step{"configuration", d.start},
		step{"registry", d.registerSelf},
		step{"HTTP server", d.listen},
		step{"message bus", d.joinBus},
		step{"core-metadata is up", d.findMetadata},
		step{"what core-metadata has", d.fetchOwn},
		step{"device service", d.bringService},
		step{"profiles", d.bringProfiles},
		step{"devices", d.bringDevices},
		step{"watchers", d.bringWatchers},
	)
}

func (d *devicePeer) listen() error {
	s := d.settings().Service
	return d.service.listen(fmt.Sprintf("%s:%d", s.Host, s.Port))
}

func (d *devicePeer) joinBus() error {
	if got := d.settings().Service.EnableNameFieldEscape; got != d.p.escape {
		return fmt.Errorf("EnableNameFieldEscape %v", got)
	}
	if err := d.join(); err != nil {
		return err
	}
	d.lock.Lock()
	d.knownDevices, d.knownProfiles = map[string]device{}, map[string]profile{}
	d.knownWatchers, d.heard = map[string]watcher{}, map[string]int{}
	d.lock.Unlock()
	d.service.bus = d.bus
	d.service.hearBus()
	d.quit = make(chan bool)
	const announcements = "edgex/system-events/core-metadata/"
	go d.follow(d.bus.subscribe(announcements+"+/+/"+d.p.enc(d.key)+"/#"), d.quit)
	go d.follow(d.bus.subscribe(announcements+"deviceprofile/delete/#"), d.quit)
	return nil
}

func (d *devicePeer) findMetadata() error {
	address, err := d.p.isUp("core-metadata")
	if want := fmt.Sprintf("http://localhost:%d", d.p.metadata.port); err == nil && address != want {
		err = fmt.Errorf("it is registered at %s", address)
	}
	return err
}

func (d *devicePeer) fetchOwn() error {
	m := d.p.metadata
	var own devices
	const page = "?limit=-1&offset=0"
	if _, err := m.fetch(&own, "GET", "/device/service/name/{name}"+page, nil, d.key); err != nil {
		return err
	}
	for _, one := range own.Devices {
		if err := d.learn(one); err != nil {
			return err
		}
	}
	var w watchers
	if _, err := m.fetch(&w, "GET", "/provisionwatcher/service/name/{name}"+page, nil, d.key); err != nil {
		return err
	}
	for _, one := range w.Watchers {
		d.knownWatchers[one.Name] = one
	}
	return nil
}

// learn keeps a device, and its profile, which it has to ask for.
func (d *devicePeer) learn(one device) error {
	var p oneProfile
	if code, err := d.p.metadata.fetch(&p, "GET", "/deviceprofile/name/{name}", nil, one.ProfileName); err != nil || code != 200 {
		return fmt.Errorf("profile %q: %d %w", one.ProfileName, code, err)
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	d.knownDevices[one.Name], d.knownProfiles[p.Profile.Name] = one, p.Profile
	return nil
}

// bring sends a batch; each item must be answered with one of the codes.
func (d *devicePeer) bring(method, path, member string, items []any, good ...int) error {
	codes, err := d.p.metadata.tell(method, path, member, items...)
	d.told = append(d.told, fmt.Sprintf("%s %s %d", method, path, len(items)))
	for _, code := range codes {
		if !slices.Contains(good, code) {
			return fmt.Errorf("%s %s: %v", method, path, codes)
		}
	}
	return err
}

func (d *devicePeer) bringService() error {
	service := object{"name": d.key, "description": "", "labels": d.settings().Service.Labels,
		"baseAddress": d.service.address, "adminState": "UNLOCKED", "properties": object{}}
	code, err := d.p.metadata.fetch(&oneService{}, "GET", "/deviceservice/name/{name}", nil, d.key)
	if err != nil {
		return err
	}
	d.lock.Lock()
	d.adminState = "UNLOCKED"
	d.lock.Unlock()
	if code == 404 {
		return d.bring("POST", "/deviceservice", "service", []any{service}, 201)
	}
	service["id"] = nil
	return d.bring("PATCH", "/deviceservice", "service", []any{service}, 200)
}

func (d *devicePeer) bringProfiles() error {
	var missing []any
	for _, one := range d.profiles {
		code, err := d.p.metadata.fetch(&oneProfile{}, "GET", "/deviceprofile/name/{name}", nil, one.Name)
		if err != nil {
			return err
		}
		if code == 404 {
			missing = append(missing, one)
		}
	}
	if err := d.bring("POST", "/deviceprofile", "profile", missing, 201); err != nil {
		return err
	}
	return d.bring("PUT", "/deviceprofile", "profile", nil) // null
}

func (d *devicePeer) bringDevices() error {
	var missing []any
	for _, one := range d.devices {
		if _, known := d.device(one.Name); !known {
			missing = append(missing, one)
		}
	}
	if err := d.bring("POST", "/device", "device", missing, 201, 409); err != nil {
		return err
	}
	return d.bring("PATCH", "/device", "device", nil) // null
}

func (d *devicePeer) bringWatchers() error {
	var missing []any
	for _, one := range d.watchers {
		if _, known := d.knownWatchers[one.Name]; !known {
			missing = append(missing, one)
		}
	}
	return d.bring("POST", "/provisionwatcher", "provisionWatcher", missing, 201, 409)
}

// ---- what core-metadata announces --------------------------------------------------------------

func (d *devicePeer) follow(in <-chan message, quit chan bool) {
	for {
		select {
		case m := <-in:
			if err := d.announced(m); err != nil {
				d.t.Errorf("%s: %v in %.1000s", m.topic, err, m.payload)
			}
		case <-quit:
			return
		}
	}
}

func (d *devicePeer) announced(m message) error {
	var e envelope
	var s systemEvent
	if err := same(m.payload, &e); err != nil {
		return err
	}
	if err := same(e.bytesOf(d.t), &s); err != nil {
		return err
	}
	if s.Owner != d.key && s.Owner != "core-metadata" {
		return nil
	}
	what := s.Type + "/" + s.Action
	err := d.react(what, s)
	d.lock.Lock()
	d.heard[what]++
	d.lock.Unlock()
	return err
}

func (d *devicePeer) react(what string, s systemEvent) error {
	var one device
	var p profile
	var w watcher
	var service deviceService
	switch s.Type {
	case "device":
		if err := same(s.Details, &one); err != nil {
			return err
		}
		if s.Action != "delete" && one.ServiceName == d.key {
			return d.learn(one)
		}
	case "deviceprofile":
		if err := same(s.Details, &p); err != nil {
			return err
		}
	case "provisionwatcher":
		if err := same(s.Details, &w); err != nil {
			return err
		}
	case "deviceservice":
		if err := same(s.Details, &service); err != nil {
			return err
		}
	default:
		return fmt.Errorf("nobody knows a %s", what)
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	switch what {
	case "device/delete", "device/update":
		delete(d.knownDevices, one.Name)
	case "deviceprofile/update":
		d.knownProfiles[p.Name] = p
	case "deviceprofile/delete":
		delete(d.knownProfiles, p.Name)
	case "provisionwatcher/add", "provisionwatcher/update":
		d.knownWatchers[w.Name] = w
	case "provisionwatcher/delete":
		delete(d.knownWatchers, w.Name)
	case "deviceservice/update":
		d.adminState = service.AdminState
	}
	return nil
}

func (d *devicePeer) device(name string) (device, bool) {
	d.lock.Lock()
	defer d.lock.Unlock()
	one, known := d.knownDevices[name]
	return one, known
}

func (d *devicePeer) profile(name string) (profile, bool) {
	d.lock.Lock()
	defer d.lock.Unlock()
	one, known := d.knownProfiles[name]
	return one, known
}

func (d *devicePeer) watcher(name string) (watcher, bool) {
	d.lock.Lock()
	defer d.lock.Unlock()
	one, known := d.knownWatchers[name]
	return one, known
}

// ---- its life ----------------------------------------------------------------------------------

// stop ends it without a word, as kill -9 does.
func (d *devicePeer) stop() {
	if d.service != nil && d.service.server != nil {
		d.service.server.Close()
	}
	if d.bus != nil {
		close(d.quit)
		d.bus.mqtt.Disconnect(0)
		d.bus = nil
	}
}

// send publishes an event of one reading.
func (d *devicePeer) send(device, resource, value string) event {
	e, envelope := d.sending(device, resource, value)
	d.bus.publish(d.eventTopic(device, resource), envelope)
	return e
}

// trySend does so where the broker may be away.
func (d *devicePeer) trySend(device, resource, value string) {
	_, envelope := d.sending(device, resource, value)
	d.bus.try(d.eventTopic(device, resource), envelope)
}

func (d *devicePeer) sending(device, resource, value string) (event, envelope) {
	profile := d.devices[0].ProfileName
	now := time.Now().UnixNano()
	e := event{APIVersion: "v3", ID: uuid(), DeviceName: device, ProfileName: profile, SourceName: resource, Origin: now,
		Readings: []reading{{Origin: now, DeviceName: device, ResourceName: resource, ProfileName: profile,
			ValueType: "Float64", Value: text(value)}}}
	payload, _ := json.Marshal(addEvent{"v3", uuid(), e})
	return e, envelope{CorrelationID: uuid(), ContentType: "application/json", Payload: payload}
}

func (d *devicePeer) eventTopic(device, resource string) string {
	levels := []string{"edgex/events/device", d.p.enc(d.key), d.p.enc(d.devices[0].ProfileName), d.p.enc(device), d.p.enc(resource)}
	return strings.Join(levels, "/")
}

// works goes through everything the platform and the service do for each other.
func (d *devicePeer) works() {
	t, p := d.t, d.p
	t.Helper()
	if err := p.ready(); err != nil {
		t.Fatal(err)
	}
	name := d.devices[0].Name
	description := uuid()
	eventually(t, "core-metadata validates with the service", func() bool {
		codes, err := p.metadata.tell("PATCH", "/device", "device", object{"name": name, "description": description})
		return err == nil && codes[0] == 200
	})
	equal(t, "validated", d.service.lastValidated().Description, description)
	eventually(t, "the service hears of the change", func() bool {
		one, _ := d.device(name)
		return one.Description == description
	})
	d.service.setRefusal("not " + name)
	p.metadata.batch(t, "PATCH", "/device", "device", 500, object{"name": name, "description": "refused"})
	d.service.setRefusal("")

	stored(t, p, d.send(name, "Level", "1.5e+00"))

	var got oneEvent
	p.command.call(t, 200, &got, "GET", deviceCommand, nil, name, "Level")
	equal(t, "over HTTP", got.Event.Readings[0].Value, text("1.234e+01"))
	p.command.call(t, 200, &base{}, "PUT", deviceCommand, object{"Level": description}, name, "Level")
	equal(t, "written over HTTP", d.service.wrote("Level"), object{"Level": description})
	client := connect(t, p)
	answer := client.ask("edgex/core/command/request/"+p.enc(name)+"/Level/get", "edgex/response/core-command", envelope{})
	if err := same(answer.bytesOf(t), &got); err != nil || answer.ErrorCode != 0 {
		t.Fatalf("over the bus: %v in %+v %s", err, answer, answer.Payload)
	}
	equal(t, "over the bus", got.Event.DeviceName, name)
	d.hearsOfChanges()
	if address, err := p.isUp(d.key); err != nil || address != d.service.address {
		t.Errorf("registered at %s: %v", address, err)
	}
}
