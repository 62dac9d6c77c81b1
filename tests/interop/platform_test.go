// The platform as programs: a broker, core-keeper, core-metadata, core-data, core-command and
// device-virtual on free ports with their data in a temporary directory. Each can be ended and begun
// again while the others go on.
package interop

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

const patience = 20 * time.Second

type platform struct {
	dir                                     string
	broker                                  int
	escape                                  bool
	keeper, metadata, data, command, driver *peer
	programs                                []*program // in the order of their first start
}

type program struct {
	name, path string
	args       []string
	cmd        *exec.Cmd // nil: ended
}

var (
	plain   *platform // EnableNameFieldEscape: false
	escaped *platform // EnableNameFieldEscape: true
)

func TestMain(m *testing.M) {
	go starter()
	seen := &routes{seen: map[string][2]bool{}}
	code := 1
	var err error
	if plain, err = start(seen, false); err == nil {
		if escaped, err = start(seen, true); err == nil {
			code = m.Run()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	for _, p := range []*platform{escaped, plain} {
		if p != nil && !p.stop(code != 0) {
			code = 1
		}
	}
	if all := flag.Lookup("test.run").Value.String() == ""; all && code == 0 {
		for _, line := range seen.missing() {
			code = 1
			fmt.Println("not tried:", line)
		}
	}
	os.Exit(code)
}

var ports = strings.Fields(os.Getenv("EDGE_TEST_PORTS"))

// freePort takes one of those run.sh has locked.
func freePort() int {
	for {
		port := ports[0]
		ports = ports[1:]
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			l.Close()
			n, _ := strconv.Atoi(port)
			return n
		}
	}
}

// Programs live as long as the thread that started them, so one thread starts all.
var starts = make(chan func())

func starter() {
	runtime.LockOSThread()
	for start := range starts {
		start()
	}
}

func (p *platform) launch(name, path string, args ...string) error {
	p.programs = append(p.programs, &program{name: name, path: path, args: args})
	return p.begin(name)
}

func (p *platform) program(name string) *program {
	for _, program := range p.programs {
		if program.name == name {
			return program
		}
	}
	panic("no program " + name)
}

func (p *platform) begin(name string) error {
	g := p.program(name)
	out, err := os.OpenFile(filepath.Join(p.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(g.path, g.args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, p.dir
	cmd.Env = append(os.Environ(), p.environment()...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // also when the tests time out
	done := make(chan error)
	starts <- func() { done <- cmd.Start() }
	if err = <-done; err == nil {
		g.cmd = cmd
	}
	return err
}

// end stops one program; what it says to that counts unless it was killed.
func (p *platform) end(name string, signal syscall.Signal) error {
	g := p.program(name)
	if g.cmd == nil {
		return nil
	}
	cmd := g.cmd
	g.cmd = nil
	_ = cmd.Process.Signal(signal)
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	timer.Stop()
	if signal == syscall.SIGKILL || name == "mosquitto" {
		return nil
	}
	return err
}

// environment is what an operator sets for core-keeper, from where foreign services have it, and so that
// our own register there; on the platform of escaped names these have their configuration there too.
func (p *platform) environment() []string {
	provider := "none"
	if p.escape {
		provider = fmt.Sprintf("keeper.http://localhost:%d", p.keeper.port)
	}
	return []string{
		"EDGEX_USE_REGISTRY=true",
		"EDGEX_CONFIG_PROVIDER=" + provider,
		"ALL_SERVICES_MESSAGEBUS_HOST=127.0.0.1",
		fmt.Sprintf("ALL_SERVICES_MESSAGEBUS_PORT=%d", p.broker),
		fmt.Sprintf("ALL_SERVICES_REGISTRY_PORT=%d", p.keeper.port),
		fmt.Sprintf("ALL_SERVICES_SERVICE_ENABLENAMEFIELDESCAPE=%v", p.escape),
		"ALL_SERVICES_SERVICE_HEALTHCHECKINTERVAL=1s",
	}
}

func (p *platform) peers() []*peer {
	return []*peer{p.keeper, p.metadata, p.data, p.command, p.driver}
}

// enc is a name as a level of a topic.
func (p *platform) enc(name string) string {
	if p.escape {
		return level(name)
	}
	return name
}

func (p *platform) configuration(me *peer) string {
	source := os.Getenv("EDGE_SOURCE_DIR") + "/services"
	var b bytes.Buffer
	fmt.Fprintf(&b, "Service:\n  Host: localhost\n  Port: %d\n  RequestTimeout: 3s\n", me.port)
	fmt.Fprintf(&b, "  HealthCheckInterval: 1s\n")
	fmt.Fprintf(&b, "  EnableNameFieldEscape: %v\nClients:\n", p.escape)
	for _, other := range p.peers() {
		fmt.Fprintf(&b, "  %s:\n    Protocol: http\n    Host: localhost\n    Port: %d\n", other.name, other.port)
	}
	fmt.Fprintf(&b, "Registry:\n  Host: localhost\n  Port: %d\n", p.keeper.port)
	fmt.Fprintf(&b, "MessageBus:\n  Type: mqtt\n  Protocol: tcp\n  Host: 127.0.0.1\n  Port: %d\n", p.broker)
	switch me {
	case p.keeper:
		fmt.Fprintf(&b, "  BaseTopicPrefix: edgex/configs\nCommonConfig:\n  File: %s/core-keeper/res/common.yaml\n", source)
	case p.metadata:
		fmt.Fprintf(&b, "UoM:\n  UoMFile: %s/core-metadata/res/uom.yaml\n", source)
	case p.driver:
		fmt.Fprintf(&b, "Device:\n  ProfilesDir: %s/device-virtual/res/profiles\n", source)
		fmt.Fprintf(&b, "  DevicesDir: %s/device-virtual/res/devices\n", source)
	}
	return b.String()
}

func start(seen *routes, escape bool) (*platform, error) {
	dir, err := os.MkdirTemp("", "interop")
	if err != nil {
		return nil, err
	}
	p := &platform{dir: dir, broker: freePort(), escape: escape}
	segment := url.PathEscape
	if escape {
		segment = level
	}
	p.keeper = &peer{"core-keeper", freePort(), seen, level} // its clients escape everything, always
	p.metadata = &peer{"core-metadata", freePort(), seen, segment}
	p.data = &peer{"core-data", freePort(), seen, segment}
	p.command = &peer{"core-command", freePort(), seen, segment}
	p.driver = &peer{"device-virtual", freePort(), seen, segment}
	conf := filepath.Join(dir, "mosquitto.conf")
	text := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\n", p.broker)
	if !escape { // one broker as we ship it, one as it comes
		text += "persistence false\nmax_queued_messages 100000\nset_tcp_nodelay true\n"
	}
	if err = os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return p, err
	}
	if err = p.launch("mosquitto", "mosquitto", "-c", conf); err != nil {
		return p, err
	}
	for _, s := range p.peers() {
		res := filepath.Join(dir, "res", s.name)
		if err = os.MkdirAll(res, 0o700); err != nil {
			return p, err
		}
		file := filepath.Join(res, "configuration.yaml")
		if err = os.WriteFile(file, []byte(p.configuration(s)), 0o600); err != nil {
			return p, err
		}
		program := filepath.Join(os.Getenv("EDGE_BIN_DIR"), s.name)
		if err = p.launch(s.name, program, "-cd", res, "--data", filepath.Join(dir, "data")); err != nil {
			return p, err
		}
	}
	return p, p.ready()
}

// ready waits until all services answer and hear the bus.
func (p *platform) ready() error {
	for _, s := range p.peers() {
		if !within(func() bool { return s.answers() }) {
			return fmt.Errorf("%s does not answer", s.name)
		}
	}
	return p.hears()
}

// hears waits until the services have their subscriptions: they answer HTTP a moment earlier.
func (p *platform) hears() error {
	options := mqtt.NewClientOptions().AddBroker(fmt.Sprintf("tcp://127.0.0.1:%d", p.broker))
	c := mqtt.NewClient(options.SetClientID("hears").SetConnectRetry(true).SetConnectRetryInterval(50 * time.Millisecond))
	if token := c.Connect(); !token.WaitTimeout(patience) || token.Error() != nil {
		return fmt.Errorf("mqtt: %v", token.Error())
	}
	defer c.Disconnect(100)
	answered := make(chan bool, 1000)
	c.Subscribe("edgex/response/core-command/+", 1, func(mqtt.Client, mqtt.Message) { answered <- true })
	announced := make(chan bool, 1000)
	c.Subscribe("edgex/configs/probe", 1, func(mqtt.Client, mqtt.Message) { announced <- true })
	if !within(func() bool {
		_, _, err := p.keeper.send("PUT", "/kvs/key/{key}", object{"value": "x"}, "probe")
		return err == nil && len(announced) > 0
	}) {
		return errors.New("core-keeper announces nothing")
	}
	e := event{APIVersion: "v3", ID: uuid(), DeviceName: "probe", ProfileName: "p", SourceName: "s", Origin: 1,
		Readings: []reading{{Origin: 1, DeviceName: "probe", ResourceName: "r", ProfileName: "p", ValueType: "String", Value: text("x")}}}
	payload, _ := json.Marshal(addEvent{"v3", uuid(), e})
	send := func(topic string, e envelope) {
		e.APIVersion, e.ContentType, e.RequestID = "v3", "application/json", uuid()
		message, _ := json.Marshal(e)
		c.Publish(topic, 1, false, message).WaitTimeout(patience)
	}
	if !within(func() bool {
		send("edgex/events/device/s/p/probe/s", envelope{Payload: payload})
		send("edgex/core/commandquery/request/all", envelope{Payload: json.RawMessage("null")})
		resp, err := http.Get(fmt.Sprintf("http://localhost:%d/api/v3/event/id/%s", p.data.port, e.ID))
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == 200 && len(answered) > 0
	}) {
		return errors.New("core-data or core-command does not hear the bus")
	}
	if !within(func() bool { return p.virtualDevices() >= 6 }) {
		return errors.New("device-virtual brings no devices")
	}
	return nil
}

func (p *platform) virtualDevices() int64 {
	resp, err := http.Get(fmt.Sprintf("http://localhost:%d/api/v3/device/service/name/device-virtual", p.metadata.port))
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	var list devices
	_ = json.NewDecoder(resp.Body).Decode(&list)
	return list.TotalCount
}

func (p *peer) answers() bool {
	resp, err := http.Get(fmt.Sprintf("http://localhost:%d/api/v3/ping", p.port))
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == 200
}

// within waits for a condition, asking again in short steps.
func within(holds func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return true
		}
	}
	return false
}

// stop ends the programs, the broker last, and tells whether each service ended well.
func (p *platform) stop(show bool) bool {
	clean := true
	for i := len(p.programs) - 1; i >= 0; i-- {
		if err := p.end(p.programs[i].name, syscall.SIGINT); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", p.programs[i].name, err)
			clean = false
		}
	}
	if show || !clean {
		logs, _ := filepath.Glob(filepath.Join(p.dir, "*.log"))
		for _, log := range logs {
			text, _ := os.ReadFile(log)
			fmt.Fprintf(os.Stderr, "---- %s\n%s", filepath.Base(log), text[max(0, len(text)-6000):])
		}
	}
	os.RemoveAll(p.dir)
	return clean
}
