// What nobody should send on the bus: envelopes of wrong types and versions, requests sent twice,
// answers to requests of others. The right ones in between must get what is theirs.
package interop

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const (
	commandAnswers = "edgex/response/core-command"
	manyBytes      = 1 << 20
)

// shout publishes bytes as they are.
func (b *bus) shout(topic, text string) {
	b.t.Helper()
	b.wait(b.mqtt.Publish(topic, 1, false, []byte(text)))
}

// strangeEnvelopes has everything around a payload that is wrong or unusual.
func strangeEnvelopes(payload string) []string {
	id := uuid()
	list := []string{"", "null", "7", "\"x\"", "[]", "{}", "\xff\xfe", payload,
		strings.Repeat(`{"payload":`, 2000) + "1" + strings.Repeat("}", 2000),
		fmt.Sprintf(`{"apiVersion":"v3","requestID":%q,"payload":"%s"}`, id, strings.Repeat("A", manyBytes)),
		fmt.Sprintf(`{"apiVersion":"v3","requestID":%q,"contentType":"application/json","payload":%s,"queryParams":{"a":1}}`, id, payload),
		fmt.Sprintf(`{"apiVersion":"v3","requestID":%q,"contentType":"application/json","payload":%s,"queryParams":[]}`, id, payload),
		fmt.Sprintf(`{"apiVersion":"v3","requestID":7,"contentType":"application/json","payload":%s}`, payload),
		fmt.Sprintf(`{"apiVersion":"v3","requestID":%q,"errorCode":"1","payload":%s}`, id, payload),
		fmt.Sprintf(`{"apiVersion":"v3","requestID":%q,"errorCode":1,"contentType":"application/json","payload":%s}`, id, payload),
	}
	for _, contentType := range []string{"", "text/plain", "application/cbor", "application/xml", "application/json; charset=utf-8", "APPLICATION/JSON", "\n"} {
		for _, version := range []string{"v3", "v2", "", "4"} {
			e, _ := json.Marshal(object{"apiVersion": version, "requestID": uuid(), "correlationID": "x", "contentType": contentType,
				"payload": json.RawMessage(payload)})
			list = append(list, string(e))
		}
	}
	for _, id := range []string{"", "a/b", "+", "#", "..", strings.Repeat("x", 70000), "\x00", "ü"} {
		e, _ := json.Marshal(object{"apiVersion": "v3", "requestID": id, "contentType": "application/json", "payload": json.RawMessage(payload)})
		list = append(list, string(e))
	}
	return list
}

func TestStrangeEnvelopes(t *testing.T) {
	inBothShapes(t, func(t *testing.T, p *platform) {
		key, name := namesOf(p)
		key, name = key+"-5", name+" e"
		d := booted(t, p, key, name)
		d.stop() // the service in Go is strict, it may not hear this
		b := connect(t, p)
		dev, prof, svc := p.enc(name), p.enc(d.devices[0].ProfileName), p.enc("device-virtual")
		event := sampleEvent(name, "Level")
		event.ProfileName = d.devices[0].ProfileName
		for i := range event.Readings {
			event.Readings[i].ProfileName = event.ProfileName
		}
		payload, _ := json.Marshal(addEvent{"v3", uuid(), event})
		validation, _ := json.Marshal(object{"apiVersion": "v3", "requestId": uuid(), "device": d.devices[0]})
		announced, _ := json.Marshal(object{"apiVersion": "v3", "type": "device", "action": "add", "source": "core-metadata",
			"owner": "device-virtual", "details": d.devices[0], "timestamp": origin})
		for topic, payload := range map[string]string{
			"edgex/events/device/" + p.enc(key) + "/" + prof + "/" + dev + "/Level":     string(payload),
			"edgex/core/command/request/Random-Integer-Device/Int8/get":                 "null",
			"edgex/core/command/request/Random-Integer-Device/Int8/set":                 `{"Int8":"1"}`,
			"edgex/core/command/request/Random-Integer-Device/Int8/jump":                "null",
			"edgex/core/command/request/Level":                                          "null",
			"edgex/core/commandquery/request/all":                                       "null",
			"edgex/device/command/request/" + svc + "/Random-Integer-Device/Int8/get":   "null",
			"edgex/device/command/request/" + svc + "/Random-Integer-Device/Int8/set":   `{"Int8":"1"}`,
			"edgex/" + svc + "/validate/device":                                         string(validation),
			"edgex/system-events/core-metadata/device/add/" + svc + "/" + prof:          string(announced),
			"edgex/system-events/core-metadata/device/delete/" + svc + "/" + prof:       string(announced),
			"edgex/system-events/core-metadata/deviceprofile/delete/core-metadata/lost": string(announced),
			"edgex/response/" + p.enc(key) + "/" + uuid():                               "null",
			"edgex/response/core-metadata/" + uuid():                                    "null",
		} {
			for _, text := range strangeEnvelopes(payload) {
				b.shout(topic, text)
			}
		}
		if err := d.boot(); err != nil {
			t.Fatal(err)
		}
		d.works()
		d.halt()
	})
}

// The same request twice gets an answer each time, and both times the right one.
func TestRequestsSentTwice(t *testing.T) {
	inBothShapes(t, func(t *testing.T, p *platform) {
		key, name := namesOf(p)
		d := booted(t, p, key+"-6", name+" f")
		b := connect(t, p)
		id := uuid()
		in := b.subscribe(commandAnswers + "/" + id)
		request := envelope{RequestID: id, CorrelationID: uuid(), ContentType: "application/json"}
		for range 2 {
			b.publish("edgex/core/command/request/"+p.enc(name+" f")+"/Level/get", request)
		}
		for range 2 {
			_, answer := b.next(in)
			var got oneEvent
			if err := same(answer.bytesOf(t), &got); err != nil || got.RequestID != id || got.Event.DeviceName != name+" f" {
				t.Errorf("%v: %+v", err, got)
			}
		}
		b.publish("edgex/core/command/request/"+p.enc(name+" f")+"/Level/get", request) // long after it was answered
		b.next(in)

		// An event that comes twice is there, and what follows it too.
		e := d.send(name+" f", "Level", "1e+00")
		stored(t, p, e)
		payload, _ := json.Marshal(addEvent{"v3", uuid(), e})
		b.publish(d.eventTopic(name+" f", "Level"), envelope{ContentType: "application/json", Payload: payload})
		stored(t, p, d.send(name+" f", "Level", "2e+00"))
		stored(t, p, e)
		d.halt()
	})
}

// Answers nobody waits for, before, between and after the right ones.
func TestAnswersToOthers(t *testing.T) {
	inBothShapes(t, func(t *testing.T, p *platform) {
		key, name := namesOf(p)
		d := booted(t, p, key+"-7", name+" g")
		stranger := connect(t, p)
		at := "edgex/response/" + p.enc(d.key) + "/"
		refusal := func(id string) envelope {
			return envelope{RequestID: id, ErrorCode: 1, ContentType: "text/plain", Payload: text("forged")}
		}
		d.service.interfere(func(id string) {
			other := uuid()
			stranger.publish(at+other, refusal(other))
			stranger.publish(at+other+"/"+id, refusal(id))
			stranger.publish("edgex/response/core-metadata/"+id, refusal(id))
			stranger.publish("edgex/response/someone/"+id, refusal(id))
		})
		for i := range 5 {
			codes, err := p.metadata.tell("PATCH", "/device", "device", object{"name": name + " g", "description": fmt.Sprint(i)})
			equal(t, "validated", []any{codes, err}, []any{[]int{200}, nil})
			p.command.call(t, 200, &oneEvent{}, "GET", deviceCommand, nil, name+" g", "Level")
			answer := stranger.ask("edgex/core/command/request/"+p.enc(name+" g")+"/Level/get", commandAnswers, envelope{})
			equal(t, "answered", answer.ErrorCode, 0)
			stranger.publish(at+answer.RequestID, refusal(answer.RequestID)) // too late
		}
		d.service.interfere(nil)
		d.works()
		d.halt()
	})
}
