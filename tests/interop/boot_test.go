// Starts, announcements and restarts of a device service and of everything it needs.
package interop

import (
	"syscall"
	"testing"
	"time"
)

func namesOf(p *platform) (key, device string) {
	if p.escape {
		return "device_go~1.x", "Official/" + strange
	}
	return "device-go", "Official device"
}

// booted is a service that has started on a platform, where core-metadata has registered itself.
func booted(t *testing.T, p *platform, key, name string) *devicePeer {
	t.Helper()
	d := newDevicePeer(t, p, key, name)
	if err := d.boot(); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFirstAndLaterStartsOfADeviceService(t *testing.T) {
	inBothShapes(t, func(t *testing.T, p *platform) {
		key, name := namesOf(p)
		d := booted(t, p, key, name)
		equal(t, "seeded at the first start", len(d.seeded), len(d.private))
		equal(t, "told", d.told, []string{"POST /deviceservice 1", "POST /deviceprofile 1", "PUT /deviceprofile 0",
			"POST /device 2", "PATCH /device 0", "POST /provisionwatcher 1"})
		s := d.settings()
		equal(t, "labels", s.Service.Labels, []string{"go", "ü & 日本"})
		equal(t, "driver", []any{s.Driver.Ratio, s.Driver.Deep}, []any{1.5e-7, object{"a~b;c=d": "<ä & \"b\">\n"}})
		equal(t, "common", []any{s.Service.MaxResultCount, s.Device.MaxCmdOps, s.Device.DataTransform, s.Writable.Reading.ReadingUnits,
			s.Clients["core-metadata"].Protocol, s.Registry.Port, s.Service.HealthCheckInterval, s.Service.CORSConfiguration.CORSMaxAge},
			[]any{1024, 12800, true, true, "http", p.keeper.port, "1s", 3600})
		d.works()

		d.stop()
		at := configRoot + key
		p.keeper.call(t, 200, &keys{}, "PUT", kvRoute, object{"value": "from core-keeper"}, at+"/Service/StartupMsg")
		p.keeper.call(t, 200, &keys{}, "DELETE", kvRoute, nil, at+"/Service/Labels/1")
		if err := d.boot(); err != nil {
			t.Fatal(err)
		}
		equal(t, "seeded at the second start", d.seeded, []string{"Service/Labels/1"})
		equal(t, "core-keeper's value wins", d.settings().Service.StartupMsg, "from core-keeper")
		equal(t, "told", d.told, []string{"PATCH /deviceservice 1", "POST /deviceprofile 0", "PUT /deviceprofile 0",
			"POST /device 0", "PATCH /device 0", "POST /provisionwatcher 0"})
		d.works()

		d.halt()
		var gone oneRegistration
		p.keeper.call(t, 200, &gone, "GET", "/registry/serviceId/{serviceId}", nil, key)
		equal(t, "status", gone.Registration.Status, "HALT")
		d.stop()
		d.overwrite = true
		if err := d.boot(); err != nil {
			t.Fatal(err)
		}
		equal(t, "overwritten", []any{len(d.seeded), d.settings().Service.StartupMsg}, []any{len(d.private), ""})
		d.works()
		d.halt()
	})
}

func TestAnnouncementsToADeviceService(t *testing.T) {
	inBothShapes(t, func(t *testing.T, p *platform) {
		key, name := namesOf(p)
		key, name = key+"-2", name+" b"
		d := booted(t, p, key, name)
		m := p.metadata
		third := deviceOf(name+" 3", key, d.profiles[0].Name)
		m.batch(t, "POST", "/device", "device", 201, third)
		eventually(t, "a device is added", func() bool { _, known := d.device(third.Name); return known })
		m.batch(t, "PATCH", "/deviceprofile/basicinfo", "basicinfo", 200, object{"name": third.ProfileName, "model": "new"})
		eventually(t, "a profile changes", func() bool { one, _ := d.profile(third.ProfileName); return one.Model == "new" })
		m.batch(t, "PATCH", "/deviceservice", "service", 200, object{"name": key, "adminState": "LOCKED"})
		eventually(t, "the service is locked", func() bool {
			d.lock.Lock()
			defer d.lock.Unlock()
			return d.adminState == "LOCKED"
		})
		m.batch(t, "PATCH", "/deviceservice", "service", 200, object{"name": key, "adminState": "UNLOCKED"})
		m.batch(t, "PATCH", "/provisionwatcher", "provisionWatcher", 200, object{"name": d.watchers[0].Name, "labels": []string{"n"}})
		eventually(t, "a watcher changes", func() bool { one, _ := d.watcher(d.watchers[0].Name); return len(one.Labels) == 1 })
		m.call(t, 200, &base{}, "DELETE", "/provisionwatcher/name/{name}", nil, d.watchers[0].Name)
		eventually(t, "a watcher goes", func() bool { _, known := d.watcher(d.watchers[0].Name); return !known })

		// A device goes to another service: the old one hears that it is not its own any more.
		other := serve(t, p, key+"-other")
		m.batch(t, "PATCH", "/device", "device", 200, object{"name": third.Name, "serviceName": other.name})
		eventually(t, "a device moves away", func() bool { _, known := d.device(third.Name); return !known })
		equal(t, "the new service was asked", other.lastValidated().Name, third.Name)
		for _, one := range append(d.devices, third) {
			m.call(t, 200, &base{}, "DELETE", "/device/name/{name}", nil, one.Name)
		}
		eventually(t, "its devices go", func() bool { d.lock.Lock(); defer d.lock.Unlock(); return len(d.knownDevices) == 0 })
		m.call(t, 200, &base{}, "DELETE", "/deviceprofile/name/{name}", nil, third.ProfileName)
		eventually(t, "a profile goes", func() bool { _, known := d.profile(third.ProfileName); return !known })
		d.halt()
	})
}

// supervised boots it again when it gave up, as whatever starts such services does: the registry may
// say for a moment that somebody is up who has just gone.
func (d *devicePeer) supervised() error {
	var err error
	within(func() bool {
		if err = d.boot(); err != nil {
			d.stop()
		}
		return err == nil
	})
	return err
}

// Whoever is away and comes back, in whatever order: everything works again.
func TestRestarts(t *testing.T) {
	inBothShapes(t, func(t *testing.T, p *platform) {
		key, name := namesOf(p)
		d := booted(t, p, key+"-3", name+" c")
		d.works()
		const self, broker = "the device service", "mosquitto"
		rounds := []struct {
			down, up []string
			signal   syscall.Signal
		}{
			{[]string{"core-keeper"}, []string{"core-keeper"}, syscall.SIGTERM},
			{[]string{"core-metadata"}, []string{"core-metadata"}, syscall.SIGKILL},
			{[]string{broker}, []string{broker}, syscall.SIGTERM},
			{[]string{self}, []string{self}, syscall.SIGKILL},
			{[]string{"core-keeper", broker}, []string{broker, "core-keeper"}, syscall.SIGKILL},
			{[]string{self, "core-metadata", broker}, []string{self, "core-metadata", broker}, syscall.SIGTERM},
			{[]string{"core-keeper", "core-metadata", broker, "core-data", "core-command", self},
				[]string{self, "core-command", "core-data", "core-metadata", "core-keeper", broker}, syscall.SIGTERM},
			{[]string{broker, "core-keeper", self}, []string{"core-keeper", self, broker}, syscall.SIGKILL},
		}
		for _, round := range rounds {
			began := time.Now()
			for _, who := range round.down {
				if who == self {
					d.stop()
				} else if err := p.end(who, round.signal); err != nil {
					t.Fatalf("%s: %v", who, err)
				}
			}
			var boot chan error
			for _, who := range round.up {
				if who == self {
					boot = make(chan error, 1)
					go func() { boot <- d.supervised() }() // it waits for the others
				} else if err := p.begin(who); err != nil {
					t.Fatal(err)
				}
			}
			if boot != nil {
				if err := <-boot; err != nil {
					t.Fatalf("%v down, %v up: %v", round.down, round.up, err)
				}
				equal(t, "nothing is seeded again", len(d.seeded), 0)
			}
			d.works()
			t.Logf("%v down, %v up, all well after %.1f s", round.down, round.up, time.Since(began).Seconds())
		}
		d.halt()
	})
}

func TestDeviceServiceWaitsForCoreMetadata(t *testing.T) {
	p := plain
	p.keeper.nothing(t, 204, "DELETE", "/registry/serviceId/{serviceId}", nil, "core-metadata")
	d := newDevicePeer(t, p, "device-go-waits", "Waiting device")
	boot := make(chan error, 1)
	go func() { boot <- d.boot() }()
	eventually(t, "it registers itself", func() bool {
		code, err := p.keeper.fetch(&oneRegistration{}, "GET", "/registry/serviceId/{serviceId}", nil, d.key)
		return err == nil && code == 200
	})
	p.metadata.refused(t, 404, "", "GET", "/deviceservice/name/{name}", nil, d.key)
	if err := register(p, "core-metadata", "localhost", p.metadata.port, "1s", ""); err != nil {
		t.Fatal(err)
	}
	if err := <-boot; err != nil {
		t.Fatal(err)
	}
	d.works()
	d.halt()
}
