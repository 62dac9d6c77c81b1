// The platform as an operator of official services runs it: a broker, our five daemons with registry
// and configuration in core-keeper, and a device service made with the official Go SDK beside them.
package official

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	patience = 30 * time.Second
	service  = "device-official"
)

type program struct {
	path string
	args []string
	env  []string
	dir  string
	cmd  *exec.Cmd // nil: ended
}

type platform struct {
	dir        string
	ports      map[string]int
	brokerPort string
	programs   map[string]*program
	order      []string // of their first start
}

var (
	ours = &platform{dir: "", ports: map[string]int{}, programs: map[string]*program{}}
	ctx  = context.Background()
)

func TestMain(m *testing.M) {
	go starter()
	code := 1
	if err := ours.start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	if !ours.stop(code != 0) {
		code = 1
	}
	os.Exit(code)
}

// Programs are killed with the thread that started them, so one thread starts all.
var starts = make(chan func())

func starter() {
	runtime.LockOSThread()
	for start := range starts {
		start()
	}
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

func (p *platform) url(name string) string {
	return fmt.Sprintf("http://localhost:%d", p.ports[name])
}

func (p *platform) begin(name string) error {
	g := p.programs[name]
	out, err := os.OpenFile(filepath.Join(p.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(g.path, g.args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, g.dir
	cmd.Env = append(os.Environ(), g.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	done := make(chan error)
	starts <- func() { done <- cmd.Start() }
	if err = <-done; err == nil {
		g.cmd = cmd
	}
	return err
}

func (p *platform) launch(name string, g *program) error {
	p.programs[name] = g
	p.order = append(p.order, name)
	return p.begin(name)
}

func (p *platform) end(name string, signal syscall.Signal) error {
	cmd := p.programs[name].cmd
	p.programs[name].cmd = nil
	if cmd == nil {
		return nil
	}
	_ = cmd.Process.Signal(signal)
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Wait(); signal != syscall.SIGKILL {
		return err
	}
	return nil
}

func (p *platform) restart(t *testing.T, name string, signal syscall.Signal) {
	t.Helper()
	if err := p.end(name, signal); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if err := p.begin(name); err != nil {
		t.Fatal(err)
	}
	if _, http := p.ports[name]; http && !within(func() bool { return answers(p.url(name)) }) {
		t.Fatalf("%s does not answer again", name)
	}
}

func answers(url string) bool { return found(url + "/api/v3/ping") }

func found(url string) bool {
	resp, err := http.Get(url)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == 200
}

func within(holds func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if holds() {
			return true
		}
	}
	return false
}

func (p *platform) start() (err error) {
	if p.dir, err = os.MkdirTemp("", "official"); err != nil {
		return err
	}
	source := os.Getenv("EDGE_SOURCE_DIR")
	broker := freePort()
	p.brokerPort = strconv.Itoa(broker)
	conf := filepath.Join(p.dir, "mosquitto.conf")
	text := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\n", broker) // a broker as it comes
	if err = os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return err
	}
	if err = p.launch("mosquitto", &program{path: "mosquitto", args: []string{"-c", conf}}); err != nil {
		return err
	}
	daemons := []string{"core-keeper", "core-metadata", "core-data", "core-command"}
	for _, name := range append(daemons, service) {
		p.ports[name] = freePort()
	}
	keeper := fmt.Sprintf("keeper.http://localhost:%d", p.ports["core-keeper"])
	common := []string{
		"EDGEX_SECURITY_SECRET_STORE=false",
		"ALL_SERVICES_MESSAGEBUS_HOST=127.0.0.1", fmt.Sprintf("ALL_SERVICES_MESSAGEBUS_PORT=%d", broker),
		fmt.Sprintf("ALL_SERVICES_REGISTRY_PORT=%d", p.ports["core-keeper"]), "ALL_SERVICES_SERVICE_HEALTHCHECKINTERVAL=1s",
	}
	for _, name := range daemons {
		args := []string{"-cd", filepath.Join(source, "services", name, "res"), "--data", filepath.Join(p.dir, "data"), "-r"}
		env := append([]string{fmt.Sprintf("SERVICE_PORT=%d", p.ports[name])}, common...)
		if name == "core-keeper" {
			env = append(env, "MESSAGEBUS_HOST=127.0.0.1", fmt.Sprintf("MESSAGEBUS_PORT=%d", broker))
		} else {
			args = append(args, "-cp="+keeper)
		}
		if err = p.launch(name, &program{path: filepath.Join(os.Getenv("EDGE_BIN_DIR"), name), args: args, env: env}); err != nil {
			return err
		}
	}
	device := &program{
		path: os.Getenv("OFFICIAL_DEVICE"), args: []string{"-cp=" + keeper, "-r"},
		env: append([]string{"OFFICIAL_SERVICE=" + service, fmt.Sprintf("SERVICE_PORT=%d", p.ports[service])}, common...),
		dir: filepath.Join(source, "tests", "official", "device"),
	}
	if err = p.launch(service, device); err != nil {
		return err
	}
	for _, name := range append(daemons, service) {
		if !within(func() bool { return answers(p.url(name)) }) {
			return fmt.Errorf("%s does not answer", name)
		}
	}
	// The last thing that it brings along at its start.
	if !within(func() bool { return found(p.url("core-metadata") + "/api/v3/provisionwatcher/name/Official-Watcher") }) {
		return fmt.Errorf("%s does not bring its files", service)
	}
	return nil
}

// stop ends the programs, the broker last, and tells whether each of ours ended well.
func (p *platform) stop(show bool) bool {
	clean := true
	for i := len(p.order) - 1; i >= 0; i-- {
		if err := p.end(p.order[i], syscall.SIGTERM); err != nil && p.order[i] != service && p.order[i] != "mosquitto" {
			fmt.Fprintf(os.Stderr, "%s: %v\n", p.order[i], err)
			clean = false
		}
	}
	if show || !clean {
		logs, _ := filepath.Glob(filepath.Join(p.dir, "*.log"))
		for _, log := range logs {
			text, _ := os.ReadFile(log)
			fmt.Fprintf(os.Stderr, "---- %s\n%s", filepath.Base(log), text[max(0, len(text)-5000):])
		}
	}
	os.RemoveAll(p.dir)
	return clean
}

// open is what the clients ask for where nobody has to say who they are.
type open struct{}

func (open) AddAuthenticationData(*http.Request) error { return nil }
func (open) RoundTripper() http.RoundTripper           { return http.DefaultTransport }
