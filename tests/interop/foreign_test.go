// How a service of the Go SDKs is described to find its configuration and its peers: core-keeper's
// values, core-keeper's registry, and the changes of values on the bus. Device services
// (device_peer_test.go) and application services (app_test.go) start this way.
package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	configRoot   = "edgex/v4/"
	commonConfig = configRoot + "core-common-config-bootstrapper/"
	kvRoute      = "/kvs/key/{key}"
)

// settings is what such a service makes of its values, which all are texts.
type settings struct {
	Writable struct {
		LogLevel  string
		Telemetry struct {
			Interval string
			Metrics  map[string]bool
		}
		Reading struct{ ReadingUnits bool }
	}
	Service struct {
		Host, HealthCheckInterval, RequestTimeout, StartupMsg string
		Port, MaxResultCount, MaxRequestSize                  int
		EnableNameFieldEscape                                 bool
		Labels                                                []string
		CORSConfiguration                                     struct {
			EnableCORS bool
			CORSMaxAge int
		}
	}
	MessageBus struct {
		Protocol, Host, Type, BaseTopicPrefix string
		Port                                  int
		Optional                              map[string]string
	}
	Registry struct {
		Host, Type string
		Port       int
	}
	Clients map[string]struct {
		Protocol, Host string
		Port           int
	}
	Device struct {
		DataTransform, EnableAsyncReadings bool
		MaxCmdOps, AsyncBufferSize         int
		ProfilesDir                        string
	}
	MaxEventSize int
	Trigger      struct{ Type, SubscribeTopics string }
	Driver       struct {
		Ratio float64
		Deep  map[string]string
	}
}

type leaf struct{ path, value string }

// foreign is such a service before it does anything of its own.
type foreign struct {
	t         *testing.T
	p         *platform
	key       string
	section   string // of the common configuration, beside all-services
	private   []leaf // its own file
	overwrite bool   // -o

	bus    *bus
	seeded []string // keys it has written

	lock    sync.Mutex
	config  settings
	reloads int
}

func (f *foreign) settings() settings {
	f.lock.Lock()
	defer f.lock.Unlock()
	return f.config
}

// start goes through the steps every such service has; the first that fails ends it.
func (f *foreign) start() error {
	f.seeded = nil
	return story(
		step{"core-keeper answers", f.keeperAnswers},
		step{"the common configuration is there", f.commonIsReady},
		step{"own values are seeded", f.seed},
		step{"values are read", f.load},
	)
}

type step struct {
	what string
	do   func() error
}

func story(steps ...step) error {
	for _, s := range steps {
		if err := s.do(); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	return nil
}

func (f *foreign) keeperAnswers() error {
	if !within(f.p.keeper.answers) {
		return errors.New("no")
	}
	return nil
}

func (f *foreign) commonIsReady() error {
	if !within(func() bool {
		var got kvs
		code, err := f.p.keeper.fetch(&got, "GET", kvRoute+"?plaintext=true", nil, commonConfig+"IsCommonConfigReady")
		return err == nil && code == 200 && got.Response[0].Value == "true"
	}) {
		return errors.New("no")
	}
	return nil
}

// seed writes the leaves of the own file that core-keeper does not have.
func (f *foreign) seed() error {
	base := configRoot + f.key
	code, err := f.p.keeper.fetch(&keys{}, "GET", kvRoute+"?keyOnly=true", nil, base)
	if err != nil || code != 200 && code != 404 {
		return fmt.Errorf("%d %w", code, err)
	}
	for _, l := range f.private {
		key := base + "/" + l.path
		if !f.overwrite {
			if code, err = f.p.keeper.fetch(&keys{}, "GET", kvRoute+"?keyOnly=true", nil, key); err != nil {
				return err
			}
			if code == 200 {
				continue
			}
		}
		var written keys
		code, err = f.p.keeper.fetch(&written, "PUT", kvRoute+"?flatten=false",
			object{"apiVersion": "", "requestId": "", "value": l.value}, key)
		if err != nil || code != 200 || len(written.Response) != 1 || written.Response[0] != key {
			return fmt.Errorf("%s: %d %v %w", key, code, written, err)
		}
		f.seeded = append(f.seeded, l.path)
	}
	return nil
}

// values reads a part of the tree as paths below it. A part that is not there is an error.
func (f *foreign) values(base string) (map[string]string, error) {
	var names keys
	var got kvs
	code, err := f.p.keeper.fetch(&names, "GET", kvRoute+"?keyOnly=true", nil, base)
	if err == nil && code == 200 {
		code, err = f.p.keeper.fetch(&got, "GET", kvRoute+"?plaintext=true", nil, base)
	}
	if err != nil || code != 200 || len(names.Response) != len(got.Response) {
		return nil, fmt.Errorf("%s: %d %w", base, code, err)
	}
	values := map[string]string{}
	for _, item := range got.Response {
		path, below := strings.CutPrefix(item.Key, base+"/")
		if !below || item.Created == 0 || item.Modified < item.Created {
			return nil, fmt.Errorf("%+v is not below %s", item, base)
		}
		values[path] = item.Value
	}
	return values, nil
}

// load lays the sections over each other: all services, this kind of service, this service.
func (f *foreign) load() error {
	all := map[string]any{}
	for _, base := range []string{commonConfig + "all-services", commonConfig + f.section, configRoot + f.key} {
		values, err := f.values(base)
		if err != nil {
			return err
		}
		for path, value := range values {
			at := all
			levels := strings.Split(path, "/")
			for _, name := range levels[:len(levels)-1] {
				next, _ := at[name].(map[string]any)
				if next == nil {
					next = map[string]any{}
					at[name] = next
				}
				at = next
			}
			at[levels[len(levels)-1]] = value
		}
	}
	var config settings
	if err := weak("", all, reflect.ValueOf(&config).Elem()); err != nil {
		return err
	}
	f.lock.Lock()
	defer f.lock.Unlock()
	f.config = config
	return nil
}

// weak puts texts into typed members: "59880" is a number there, "true" a flag.
func weak(path string, from any, to reflect.Value) error {
	tree, _ := from.(map[string]any)
	text, _ := from.(string)
	var err error
	switch to.Kind() {
	case reflect.String:
		to.SetString(text)
	case reflect.Bool:
		var v bool
		v, err = strconv.ParseBool(text)
		to.SetBool(v)
	case reflect.Int:
		var v int64
		v, err = strconv.ParseInt(text, 10, 64)
		to.SetInt(v)
	case reflect.Float64:
		var v float64
		v, err = strconv.ParseFloat(text, 64)
		to.SetFloat(v)
	case reflect.Struct:
		for name, value := range tree { // names nobody knows are passed over
			if member := to.FieldByName(name); member.IsValid() {
				err = errors.Join(err, weak(path+"/"+name, value, member))
			}
		}
		return err
	case reflect.Map:
		to.Set(reflect.MakeMap(to.Type()))
		for name, value := range tree {
			item := reflect.New(to.Type().Elem()).Elem()
			err = errors.Join(err, weak(path+"/"+name, value, item))
			to.SetMapIndex(reflect.ValueOf(name), item)
		}
		return err
	case reflect.Slice: // the levels are numbers
		to.Set(reflect.MakeSlice(to.Type(), len(tree), len(tree)))
		for i := range len(tree) {
			err = errors.Join(err, weak(fmt.Sprintf("%s/%d", path, i), tree[strconv.Itoa(i)], to.Index(i)))
		}
		return err
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// ---- the bus ---------------------------------------------------------------------------------

// join connects to the broker core-keeper told, and listens for changes of values.
func (f *foreign) join() error {
	m := f.settings().MessageBus
	if m.Type != "mqtt" || m.BaseTopicPrefix != "edgex" || m.Optional["Qos"] != "0" {
		return fmt.Errorf("MessageBus %+v", m)
	}
	b, err := dial(f.t, fmt.Sprintf("tcp://%s:%d", m.Host, m.Port))
	if err != nil {
		return err
	}
	f.bus, b.qos = b, 0
	for _, base := range []string{configRoot + f.key, commonConfig + "all-services", commonConfig + f.section} {
		prefix := base + "/Writable"
		b.serve("edgex/configs/"+prefix+"/#", func(m message) { f.changed(prefix, m) })
	}
	return nil
}

// changed takes up a change where core-keeper has what the message tells.
func (f *foreign) changed(prefix string, m message) {
	var e envelope
	var change kvChange
	err := same(m.payload, &e)
	if err == nil {
		err = same(e.bytesOf(f.t), &change)
	}
	if err != nil || e.ContentType != "application/json" || m.topic != "edgex/configs/"+change.Key {
		f.t.Errorf("change on %s: %v in %.500s", m.topic, err, m.payload)
		return
	}
	var told any
	_ = json.Unmarshal(change.Value, &told)
	var got kvs
	code, err := f.p.keeper.fetch(&got, "GET", kvRoute+"?plaintext=true", nil, prefix)
	if err != nil || code != 200 {
		return // it is gone again
	}
	for _, item := range got.Response {
		if item.Key == change.Key && item.Value == fmt.Sprint(told) {
			if err = f.load(); err != nil {
				f.t.Errorf("reload: %v", err)
			}
			f.lock.Lock()
			f.reloads++
			f.lock.Unlock()
		}
	}
}

// ---- the registry ----------------------------------------------------------------------------

// register makes a service known, whether or not it was; status "" is a beginning, HALT an end.
func register(p *platform, key, host string, port int, interval, status string) error {
	var known oneRegistration
	code, err := p.keeper.fetch(&known, "GET", "/registry/serviceId/{serviceId}", nil, key)
	if err != nil {
		return err
	}
	body := object{"apiVersion": "v3", "requestId": "", "registration": object{"serviceId": key, "status": status,
		"host": host, "port": port, "HealthCheck": object{"interval": interval, "path": "/api/v3/ping", "type": "http"}}}
	want := 204
	if code == 404 {
		want = 201
		var done registered
		code, err = p.keeper.fetch(&done, "POST", "/registry", body)
		if err == nil && done.ServiceName != key {
			err = fmt.Errorf("%+v", done)
		}
	} else {
		code, err = p.keeper.fetch(nil, "PUT", "/registry", body)
	}
	if err == nil && code != want {
		err = fmt.Errorf("%d instead of %d", code, want)
	}
	return err
}

func (f *foreign) registerSelf() error {
	s := f.settings().Service
	return register(f.p, f.key, s.Host, s.Port, s.HealthCheckInterval, "")
}

func (f *foreign) halt() {
	f.t.Helper()
	s := f.settings().Service
	if err := register(f.p, f.key, s.Host, s.Port, s.HealthCheckInterval, "HALT"); err != nil {
		f.t.Error(err)
	}
}

// isUp waits until core-keeper has seen a service answer; its address is where it was registered.
func (p *platform) isUp(key string) (string, error) {
	var got oneRegistration
	if !within(func() bool {
		code, err := p.keeper.fetch(&got, "GET", "/registry/serviceId/{serviceId}", nil, key)
		return err == nil && code == 200 && strings.EqualFold(got.Registration.Status, "UP")
	}) {
		return "", fmt.Errorf("%s is not up: %+v", key, got.Registration)
	}
	return fmt.Sprintf("http://%s:%d", got.Registration.Host, got.Registration.Port), nil
}

// ---- what tests ask --------------------------------------------------------------------------

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	if !within(holds) {
		t.Fatal("never: " + what)
	}
}

// hearsOfChanges changes a value below Writable and waits until the service goes by it.
func (f *foreign) hearsOfChanges() {
	f.t.Helper()
	for _, base := range []string{configRoot + f.key, commonConfig + f.section, commonConfig + "all-services"} {
		interval := fmt.Sprintf("%dh", time.Now().UnixNano()%1000000)
		name := base + "/Writable/Telemetry/Interval"
		f.p.keeper.call(f.t, 200, &keys{}, "PUT", kvRoute, object{"value": interval}, name)
		eventually(f.t, base+" is heard of", func() bool { return f.settings().Writable.Telemetry.Interval == interval })
		if base != commonConfig+"all-services" { // so that the next one counts
			f.p.keeper.call(f.t, 200, &keys{}, "DELETE", kvRoute, nil, name)
		}
	}
}
