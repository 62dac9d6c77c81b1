// One request to one service, and what must hold of every answer: status inside and outside agree,
// JSON of the declared shape, the correlation id comes back.
package interop

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

type peer struct {
	name string
	port int
	seen *routes

	segment func(name string) string // how its clients write a name into a path
}

var client = &http.Client{Timeout: 20 * time.Second}

func uuid() string {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// raw is a body to be sent as it is.
type raw struct {
	contentType string
	data        []byte
}

// fill puts names, escaped, in the place of the {members} of a path.
func (p *peer) fill(path string, names []string) string {
	for _, name := range names {
		open, end := strings.IndexByte(path, '{'), strings.IndexByte(path, '}')
		path = path[:open] + p.segment(name) + path[end+1:]
	}
	return path
}

// send sends one request. The path is a route, names are its {members}, what follows a ? is the query.
func (p *peer) send(method, path string, body any, names ...string) (*http.Response, []byte, error) {
	sent := raw{"application/json", nil}
	switch b := body.(type) {
	case nil:
	case raw:
		sent = b
	default:
		sent.data, _ = json.Marshal(b)
	}
	target := fmt.Sprintf("http://localhost:%d/api/v3%s", p.port, p.fill(path, names))
	req, err := http.NewRequest(method, target, bytes.NewReader(sent.data))
	if err != nil {
		return nil, nil, err
	}
	correlation := uuid()
	req.Header.Set("Content-Type", sent.contentType)
	req.Header.Set("X-Correlation-ID", correlation)
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, err
	}
	if got := resp.Header.Get("X-Correlation-ID"); got != correlation {
		return nil, nil, fmt.Errorf("X-Correlation-ID %q came back as %q", correlation, got)
	}
	p.seen.note(p.name, method, strings.SplitN(path, "?", 2)[0], resp.StatusCode < 300) // of a 207: see batch
	return resp, answer, nil
}

func (p *peer) exchange(t *testing.T, method, path string, body any, names ...string) (*http.Response, []byte) {
	t.Helper()
	resp, answer, err := p.send(method, path, body, names...)
	if err != nil {
		t.Fatalf("%s %s %s %q: %v", p.name, method, path, names, err)
	}
	return resp, answer
}

// fetch is for those who go on when something fails: the code, and a good answer in out (nil: there
// must be none).
func (p *peer) fetch(out any, method, path string, body any, names ...string) (int, error) {
	resp, answer, err := p.send(method, path, body, names...)
	switch {
	case err != nil:
		return 0, err
	case resp.StatusCode >= 300:
		var failure base
		err = same(answer, &failure)
	case out != nil:
		err = same(answer, out)
	case len(answer) > 0:
		err = errors.New("an answer where none is expected")
	}
	if err != nil {
		err = fmt.Errorf("%s %s %s %q: %v in %.500s", p.name, method, path, names, err, answer)
	}
	return resp.StatusCode, err
}

// tell sends requests as an array, or null where there are none, and returns the codes of the items.
func (p *peer) tell(method, path, member string, items ...any) ([]int, error) {
	var requests []object // none: null
	for _, item := range items {
		requests = append(requests, object{"apiVersion": "v3", "requestId": uuid(), member: item})
	}
	body, _ := json.Marshal(requests)
	var answers []withID
	code, err := p.fetch(&answers, method, path, raw{"application/json", body})
	if err == nil && (code != 207 || len(answers) != len(items)) {
		err = fmt.Errorf("%d: %d answers to %d requests", code, len(answers), len(items))
	}
	var codes []int
	for i, a := range answers {
		if a.RequestID != requests[i]["requestId"] {
			err = errors.Join(err, fmt.Errorf("item %d: requestId %q", i, a.RequestID))
		}
		codes = append(codes, a.StatusCode)
	}
	return codes, err
}

// nothing expects a code and no body.
func (p *peer) nothing(t *testing.T, code int, method, path string, body any, names ...string) {
	t.Helper()
	resp, answer := p.exchange(t, method, path, body, names...)
	if resp.StatusCode != code || len(answer) > 0 {
		t.Fatalf("%s %s %s %q: %d instead of %d: %.500s", p.name, method, path, names, resp.StatusCode, code, answer)
	}
}

// call expects a code and decodes the answer into out, a pointer to the declared shape.
func (p *peer) call(t *testing.T, code int, out any, method, path string, body any, names ...string) {
	t.Helper()
	resp, answer := p.exchange(t, method, path, body, names...)
	where := fmt.Sprintf("%s %s %s %q", p.name, method, path, names)
	if resp.StatusCode != code {
		t.Fatalf("%s: %d instead of %d: %.500s", where, resp.StatusCode, code, answer)
	}
	if got := resp.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("%s: Content-Type %q", where, got)
	}
	if err := same(answer, out); err != nil {
		t.Errorf("%s: %v in %.2000s", where, err, answer)
	}
	var inside struct{ StatusCode int }
	if json.Unmarshal(answer, &inside) == nil && inside.StatusCode != 0 && inside.StatusCode != code {
		t.Errorf("%s: status %d outside, %d inside", where, code, inside.StatusCode)
	}
}

// refused expects an error whose message holds a text.
func (p *peer) refused(t *testing.T, code int, text, method, path string, body any, names ...string) {
	t.Helper()
	var answer base
	p.call(t, code, &answer, method, path, body, names...)
	if !strings.Contains(answer.Message, text) {
		t.Errorf("%s %s: message %q has no %q", method, path, answer.Message, text)
	}
}

// batch sends requests as an array and checks each item's code and requestId; returns the ids.
func (p *peer) batch(t *testing.T, method, path, member string, code int, items ...any) []string {
	t.Helper()
	var requests []object
	for _, item := range items {
		request, direct := item.(object)
		if !direct || request["requestId"] == nil {
			request = object{"apiVersion": "v3", "requestId": uuid(), member: item}
		}
		requests = append(requests, request)
	}
	var answers []withID
	p.call(t, 207, &answers, method, path, requests)
	if len(answers) != len(requests) {
		t.Fatalf("%s %s: %d answers to %d requests", method, path, len(answers), len(requests))
	}
	var ids []string
	for i, a := range answers {
		if a.StatusCode != code || a.RequestID != requests[i]["requestId"] || a.APIVersion != "v3" {
			t.Fatalf("%s %s: item %d: %+v instead of %d for %v", method, path, i, a, code, requests[i]["requestId"])
		}
		if code >= 400 && a.Message == "" {
			t.Errorf("%s %s: item %d fails without a message", method, path, i)
		}
		ids = append(ids, a.ID)
	}
	p.seen.note(p.name, method, strings.SplitN(path, "?", 2)[0], code < 400)
	return ids
}

// same decodes text into out, then encodes out and compares: nothing lost, nothing added.
func same(text []byte, out any) error {
	reflect.ValueOf(out).Elem().SetZero()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	dec.UseNumber()
	if err := dec.Decode(out); err != nil {
		return err
	}
	again, err := json.Marshal(out)
	if err != nil {
		return err
	}
	return difference("", tree(text), tree(again))
}

func tree(text []byte) any {
	var v any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return err.Error()
	}
	return v
}

func difference(path string, got, want any) error {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Errorf("%s: %v is no object", path, got)
		}
		for key := range g {
			if _, ok := w[key]; !ok {
				return fmt.Errorf("%s.%s = %v should not be there", path, key, g[key])
			}
		}
		for key, value := range w {
			if _, ok := g[key]; !ok {
				return fmt.Errorf("%s.%s = %v is missing", path, key, value)
			}
			if err := difference(path+"."+key, g[key], value); err != nil {
				return err
			}
		}
		return nil
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Errorf("%s: %v instead of %v", path, got, want)
		}
		for i := range w {
			if err := difference(fmt.Sprintf("%s[%d]", path, i), g[i], w[i]); err != nil {
				return err
			}
		}
		return nil
	case json.Number:
		g, ok := got.(json.Number)
		if ok && g != w {
			a, errA := g.Float64()
			b, errB := w.Float64()
			ok = errA == nil && errB == nil && a == b && strings.ContainsAny(string(g+w), ".eE")
		}
		if !ok {
			return fmt.Errorf("%s: %v instead of %v", path, got, want)
		}
		return nil
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("%s: %v instead of %v", path, got, want)
	}
	return nil
}

// equal compares what came back with what was sent.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	if err := difference("", tree(g), tree(w)); err != nil {
		t.Errorf("%s: %v\n got %s\nsent %s", what, err, g, w)
	}
}

func ptr[T any](v T) *T { return &v }
