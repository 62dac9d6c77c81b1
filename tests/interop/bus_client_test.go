// A client of the message bus on the MQTT library that Go programs use, and envelopes on it.
package interop

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

type bus struct {
	t    *testing.T
	mqtt mqtt.Client
	qos  byte

	lock     sync.Mutex
	handlers map[string]mqtt.MessageHandler // subscribed again when the broker comes back
}

type message struct {
	topic   string
	payload []byte
	at      time.Time
}

func connect(t *testing.T, p *platform) *bus {
	t.Helper()
	b, err := dial(t, fmt.Sprintf("tcp://127.0.0.1:%d", p.broker))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// dial waits until there is a broker, and finds it again when it was gone.
func dial(t *testing.T, url string) (*bus, error) {
	b := &bus{t: t, qos: 1, handlers: map[string]mqtt.MessageHandler{}}
	options := mqtt.NewClientOptions().AddBroker(url).SetClientID(uuid()).SetOrderMatters(true)
	options.SetConnectRetry(true).SetConnectRetryInterval(50 * time.Millisecond)
	options.SetMaxReconnectInterval(200 * time.Millisecond)
	options.SetOnConnectHandler(func(c mqtt.Client) {
		b.lock.Lock()
		defer b.lock.Unlock()
		for topic, handler := range b.handlers {
			c.Subscribe(topic, b.qos, handler)
		}
	})
	b.mqtt = mqtt.NewClient(options)
	t.Cleanup(func() { b.mqtt.Disconnect(100) })
	token := b.mqtt.Connect()
	if !token.WaitTimeout(patience) {
		return nil, fmt.Errorf("no broker at %s", url)
	}
	return b, token.Error()
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
	b.on(topic, func(_ mqtt.Client, m mqtt.Message) { in <- message{m.Topic(), m.Payload(), time.Now()} })
	return in
}

func (b *bus) serve(topic string, handle func(message)) {
	b.t.Helper()
	b.on(topic, func(_ mqtt.Client, m mqtt.Message) { go handle(message{m.Topic(), m.Payload(), time.Now()}) })
}

func (b *bus) on(topic string, handler mqtt.MessageHandler) {
	b.t.Helper()
	b.lock.Lock()
	b.handlers[topic] = handler
	b.lock.Unlock()
	b.wait(b.mqtt.Subscribe(topic, b.qos, handler))
}

func (b *bus) off(topic string) {
	b.t.Helper()
	b.lock.Lock()
	delete(b.handlers, topic)
	b.lock.Unlock()
	b.wait(b.mqtt.Unsubscribe(topic))
}

func (b *bus) publish(topic string, e envelope) {
	b.t.Helper()
	b.wait(b.begin(topic, e))
}

// try publishes where the connection may be about to break: the client may never say what became of it.
func (b *bus) try(topic string, e envelope) {
	b.t.Helper()
	b.begin(topic, e).WaitTimeout(time.Second)
}

func (b *bus) begin(topic string, e envelope) mqtt.Token {
	b.t.Helper()
	if e.Payload == nil {
		e.Payload = json.RawMessage("null")
	}
	e.APIVersion = "v3"
	text, err := json.Marshal(e)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.mqtt.Publish(topic, b.qos, false, text)
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
	defer b.off(prefix + "/" + e.RequestID)
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
