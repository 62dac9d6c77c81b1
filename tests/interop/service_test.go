// A device service written here in Go: it registers, answers validations, serves commands over HTTP
// (JSON, CBOR, errors, nothing) and over the bus, and keeps what it was told.
package interop

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

type goService struct {
	t       *testing.T
	name    string
	p       *platform
	address string
	server  *http.Server
	bus     *bus
	refuse  string // validations of devices are refused with this text

	lock      sync.Mutex
	validated []device
	written   map[string]any
	queries   []string
	before    func(requestID string) // is called before each answer on the bus
}

// serve starts one and makes it known to core-metadata.
func serve(t *testing.T, p *platform, name string) *goService {
	t.Helper()
	s := newService(t, p, name, connect(t, p))
	if err := s.listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.server.Close() })
	s.hearBus()
	p.metadata.batch(t, "POST", "/deviceservice", "service", 201,
		object{"name": name, "baseAddress": s.address, "adminState": "UNLOCKED"})
	return s
}

func newService(t *testing.T, p *platform, name string, b *bus) *goService {
	return &goService{t: t, name: name, p: p, bus: b, written: map[string]any{}}
}

func (s *goService) listen(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	s.server = &http.Server{Handler: s}
	go func() { _ = s.server.Serve(listener) }()
	s.address = "http://" + listener.Addr().String()
	return nil
}

func (s *goService) hearBus() {
	topic := s.p.enc(s.name)
	s.bus.serve("edgex/"+topic+"/validate/device", s.validate)
	s.bus.serve("edgex/device/command/request/"+topic+"/#", s.busCommand)
}

func (s *goService) interfere(before func(requestID string)) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.before = before
}

func (s *goService) answer(requestID string, e envelope) {
	s.lock.Lock()
	before := s.before
	s.lock.Unlock()
	if before != nil {
		before(requestID)
	}
	e.RequestID = requestID
	if e.CorrelationID == "" {
		e.CorrelationID = uuid()
	}
	s.bus.publish("edgex/response/"+s.p.enc(s.name)+"/"+requestID, e)
}

func (s *goService) fail(requestID, text string) {
	payload, _ := json.Marshal(text)
	s.answer(requestID, envelope{ErrorCode: 1, Payload: payload, ContentType: "text/plain"})
}

func (s *goService) validate(m message) {
	var e envelope
	var request struct {
		APIVersion string `json:"apiVersion"`
		RequestID  string `json:"requestId"`
		Device     device `json:"device"`
	}
	err := same(m.payload, &e)
	if err == nil {
		err = same(e.bytesOf(s.t), &request)
	}
	if err != nil {
		s.t.Errorf("validation request: %v in %.1000s", err, m.payload)
	}
	s.lock.Lock()
	s.validated = append(s.validated, request.Device)
	refuse := s.refuse
	s.lock.Unlock()
	if refuse != "" {
		s.fail(e.RequestID, refuse)
		return
	}
	s.answer(e.RequestID, envelope{CorrelationID: e.CorrelationID, ContentType: "application/json"})
}

func (s *goService) setRefusal(text string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.refuse = text
}

var errNoCommand = errors.New("no such command")

// read makes the event of a command; binary says that it has to travel as CBOR.
func (s *goService) read(device, name string) (result object, binary bool, err error) {
	one := func(valueType string, member string, value any) object {
		return object{"id": uuid(), "origin": int64(1754470001000000001), "deviceName": device,
			"resourceName": name, "profileName": "p", "valueType": valueType, member: value}
	}
	var r object
	switch name {
	case "Image":
		r = one("Binary", "binaryValue", picture)
		r["mediaType"] = "image/png"
		binary = true
	case "Level", "Set/Point ü":
		r = one("Float64", "value", "1.234e+01")
	case "Null":
		r = one("Int8", "value", nil)
		r["binaryValue"], r["objectValue"] = nil, nil
	case "Object":
		r = one("Object", "objectValue", object{"a": []any{json.Number("9223372036854775807"), "<&>"}})
	default:
		return nil, false, errNoCommand
	}
	return object{"apiVersion": "v3", "id": uuid(), "deviceName": device, "profileName": "p",
		"sourceName": name, "origin": int64(1754470001000000001), "readings": []object{r}}, binary, nil
}

var picture = []byte{0x89, 'P', 'N', 'G', 0, 0xff, '\n'}

func (s *goService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/api/v3/ping" {
		return
	}
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), "/api/v3/device/name/")
	parts := strings.SplitN(rest, "/", 2)
	if !ok || len(parts) != 2 {
		http.NotFound(w, r)
		return
	}
	device, _ := url.PathUnescape(parts[0])
	name, _ := url.PathUnescape(parts[1])
	s.lock.Lock()
	s.queries = append(s.queries, r.URL.RawQuery)
	s.lock.Unlock()
	reply := func(code int, body object) {
		text, _ := json.Marshal(body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = w.Write(text)
	}
	event, binary, err := s.read(device, name)
	switch {
	case name == "Locked":
		reply(423, object{"apiVersion": "v3", "message": "device " + device + " locked", "statusCode": 423})
	case err != nil:
		reply(404, object{"apiVersion": "v3", "message": "DeviceResource " + name + " not found", "statusCode": 404})
	case r.Method == http.MethodPut:
		body, _ := io.ReadAll(r.Body)
		s.lock.Lock()
		s.written[name] = tree(body)
		s.lock.Unlock()
		reply(200, object{"apiVersion": "v3", "statusCode": 200})
	case r.URL.Query().Get("ds-returnevent") == "false":
		w.WriteHeader(200)
	case binary:
		data, _ := cbor.Marshal(object{"apiVersion": "v3", "statusCode": 200, "event": event})
		w.Header().Set("Content-Type", "application/cbor")
		_, _ = w.Write(data)
	default:
		reply(200, object{"apiVersion": "v3", "statusCode": 200, "event": event})
	}
}

// busCommand answers <prefix>/<service>/<device>/<command>/<get|set>.
func (s *goService) busCommand(m message) {
	var e envelope
	if err := same(m.payload, &e); err != nil {
		s.t.Errorf("command: %v in %.500s", err, m.payload)
		return
	}
	levels := strings.Split(m.topic, "/")
	n := len(levels)
	device, name := levels[n-3], levels[n-2]
	if s.p.escape {
		device, _ = url.PathUnescape(device)
		name, _ = url.PathUnescape(name)
	}
	event, binary, err := s.read(device, name)
	switch {
	case name == "Silent":
	case err != nil:
		s.fail(e.RequestID, "DeviceResource "+name+" not found")
	case levels[n-1] == "set":
		s.lock.Lock()
		s.written[name] = tree(e.Payload)
		s.lock.Unlock()
		s.answer(e.RequestID, envelope{CorrelationID: e.CorrelationID, ContentType: "application/json"})
	default:
		response := object{"apiVersion": "v3", "requestId": e.RequestID, "statusCode": 200, "event": event}
		answer := envelope{CorrelationID: e.CorrelationID, ContentType: "application/json"}
		if binary {
			data, _ := cbor.Marshal(response)
			answer.Payload, _ = json.Marshal(data) // a string of base64
			answer.ContentType = "application/cbor"
		} else {
			answer.Payload, _ = json.Marshal(response)
		}
		s.answer(e.RequestID, answer)
	}
}

func (s *goService) lastValidated() device {
	s.lock.Lock()
	defer s.lock.Unlock()
	if len(s.validated) == 0 {
		return device{}
	}
	return s.validated[len(s.validated)-1]
}

func (s *goService) wrote(name string) any {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.written[name]
}

func (s *goService) lastQuery() string {
	s.lock.Lock()
	defer s.lock.Unlock()
	if len(s.queries) == 0 {
		return ""
	}
	return s.queries[len(s.queries)-1]
}
