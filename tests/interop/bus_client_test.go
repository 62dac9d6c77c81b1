// A client of the message bus on the MQTT library that Go programs use, and envelopes on it.
package interop

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

type bus struct {
	t    *testing.T
	mqtt mqtt.Client
}

type message struct {
	topic   string
	payload []byte
}

func connect(t *testing.T, p *platform) *bus {
	t.Helper()
	options := mqtt.NewClientOptions().AddBroker(fmt.Sprintf("tcp://127.0.0.1:%d", p.broker))
	options.SetClientID(uuid()).SetOrderMatters(true)
	b := &bus{t, mqtt.NewClient(options)}
	b.wait(b.mqtt.Connect())
	t.Cleanup(func() { b.mqtt.Disconnect(100) })
	return b
}

func (b *bus) wait(token mqtt.Token) {
	b.t.Helper()
	if !token.WaitTimeout(patience) || token.Error() != nil {
		b.t.Fatalf("mqtt: %v", token.Error())
	}
}

// subscribe returns once the broker has acknowledged; what comes is in the channel.
func (b *bus) subscribe(topic string) <-chan message {
	b.t.Helper()
	in := make(chan message, 256)
	b.wait(b.mqtt.Subscribe(topic, 1, func(_ mqtt.Client, m mqtt.Message) {
		in <- message{m.Topic(), m.Payload()}
	}))
	return in
}

func (b *bus) serve(topic string, handle func(message)) {
	b.t.Helper()
	b.wait(b.mqtt.Subscribe(topic, 1, func(_ mqtt.Client, m mqtt.Message) {
		go handle(message{m.Topic(), m.Payload()})
	}))
}

func (b *bus) publish(topic string, e envelope) {
	b.t.Helper()
	if e.Payload == nil {
		e.Payload = json.RawMessage("null")
	}
	e.APIVersion = "v3"
	text, err := json.Marshal(e)
	if err != nil {
		b.t.Fatal(err)
	}
	b.wait(b.mqtt.Publish(topic, 1, false, text))
}

// next waits for a message; its envelope must have exactly the members the wire has.
func (b *bus) next(in <-chan message) (string, envelope) {
	b.t.Helper()
	select {
	case m := <-in:
		var e envelope
		if err := same(m.payload, &e); err != nil {
			b.t.Errorf("%s: %v in %.1000s", m.topic, err, m.payload)
		}
		if e.APIVersion != "v3" {
			b.t.Errorf("%s: apiVersion %q", m.topic, e.APIVersion)
		}
		return m.topic, e
	case <-time.After(patience):
		b.t.Fatal("no message came")
		return "", envelope{}
	}
}

// ask sends a request and returns the envelope that answers it on prefix/<requestID>.
func (b *bus) ask(topic, prefix string, e envelope) envelope {
	b.t.Helper()
	e.RequestID, e.CorrelationID, e.ContentType = uuid(), uuid(), "application/json"
	in := b.subscribe(prefix + "/" + e.RequestID)
	defer func() { b.wait(b.mqtt.Unsubscribe(prefix + "/" + e.RequestID)) }()
	b.publish(topic, e)
	_, answer := b.next(in)
	if answer.RequestID != e.RequestID {
		b.t.Errorf("%s: requestID %q came back as %q", topic, e.RequestID, answer.RequestID)
	}
	return answer
}

// bytesOf gives the bytes of a payload: a native JSON value, or base64 of what contentType says.
func (e *envelope) bytesOf(t *testing.T) []byte {
	t.Helper()
	if len(e.Payload) == 0 || e.Payload[0] != '"' {
		return e.Payload
	}
	var text string
	_ = json.Unmarshal(e.Payload, &text)
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatalf("payload is no base64: %.200s", text)
	}
	return data
}

func (e *envelope) text() string {
	var text string
	_ = json.Unmarshal(e.Payload, &text)
	return text
}

// level writes a name as a level of a topic when EnableNameFieldEscape is on.
func level(name string) string {
	return strings.NewReplacer("+", "%2B", "-", "%2D", ".", "%2E", "_", "%5F", "~", "%7E").Replace(url.PathEscape(name))
}
