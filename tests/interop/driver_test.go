package interop

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// A service made with our SDK, as clients and core services in other languages see it.

const deviceCommand = "/device/name/{name}/{command}"

// The event of an answer or a message that came as CBOR; unknown members are refused.
type cborEventAnswer struct {
	APIVersion string `cbor:"apiVersion"`
	RequestID  string `cbor:"requestId"`
	StatusCode int    `cbor:"statusCode"`
	Event      struct {
		APIVersion  string         `cbor:"apiVersion"`
		ID          string         `cbor:"id"`
		DeviceName  string         `cbor:"deviceName"`
		ProfileName string         `cbor:"profileName"`
		SourceName  string         `cbor:"sourceName"`
		Origin      int64          `cbor:"origin"`
		Tags        map[string]any `cbor:"tags"`
		Readings    []struct {
			ID           string         `cbor:"id"`
			Origin       int64          `cbor:"origin"`
			DeviceName   string         `cbor:"deviceName"`
			ResourceName string         `cbor:"resourceName"`
			ProfileName  string         `cbor:"profileName"`
			ValueType    string         `cbor:"valueType"`
			Units        string         `cbor:"units"`
			Tags         map[string]any `cbor:"tags"`
			BinaryValue  []byte         `cbor:"binaryValue"`
			MediaType    string         `cbor:"mediaType"`
		} `cbor:"readings"`
	} `cbor:"event"`
}

func decodeCBOR(t *testing.T, data []byte) cborEventAnswer {
	t.Helper()
	mode, err := cbor.DecOptions{ExtraReturnErrors: cbor.ExtraDecErrorUnknownField}.DecMode()
	if err != nil {
		t.Fatal(err)
	}
	var answer cborEventAnswer
	if err = mode.Unmarshal(data, &answer); err != nil {
		t.Fatalf("%v in %x", err, data[:min(200, len(data))])
	}
	if len(answer.Event.Readings) != 1 || len(answer.Event.Readings[0].BinaryValue) == 0 || answer.Event.Origin < origin {
		t.Fatalf("%.500v", answer)
	}
	return answer
}

func inBothShapes(t *testing.T, test func(*testing.T, *platform)) {
	t.Run("plain", func(t *testing.T) { test(t, plain) })
	t.Run("escaped", func(t *testing.T) { test(t, escaped) })
}

func TestEventsOfOurDevices(t *testing.T) {
	inBothShapes(t, func(t *testing.T, p *platform) {
		b := connect(t, p)
		in := b.subscribe("edgex/events/device/" + p.enc("device-virtual") + "/#")
		p.driver.call(t, 200, &oneEvent{}, "GET", deviceCommand+"?ds-pushevent=true", nil, "Random-Float-Device", "Float32")
		resp, _ := p.driver.exchange(t, "GET", deviceCommand+"?ds-pushevent=true", nil, "Random-Binary-Device", "Binary")
		equal(t, "pushed picture", resp.StatusCode, 200)
		seen := map[string]bool{}
		for n := 0; len(seen) < 2; n++ {
			if n > 100 {
				t.Fatalf("of JSON and CBOR only %v came", seen)
			}
			topic, e := b.next(in)
			levels := strings.Split(topic, "/")
			equal(t, "levels", len(levels), 7)
			names := levels[4:]
			seen[e.ContentType] = true
			if e.ContentType == "application/cbor" {
				got := decodeCBOR(t, e.bytesOf(t)).Event
				equal(t, topic, names, []string{p.enc(got.ProfileName), p.enc(got.DeviceName), p.enc(got.SourceName)})
				continue
			}
			var request addEvent
			if err := same(e.bytesOf(t), &request); err != nil {
				t.Fatalf("%v in %s", err, e.Payload)
			}
			got := request.Event
			equal(t, topic, names, []string{p.enc(got.ProfileName), p.enc(got.DeviceName), p.enc(got.SourceName)})
			for i := range got.Readings {
				got.Readings[i].ID = "" // not kept
			}
			stored(t, p, got)
		}
	})
}

func TestCommandsOfOurDevices(t *testing.T) {
	inBothShapes(t, func(t *testing.T, p *platform) {
		rows := []struct{ device, resource, set, get string }{
			{"Random-Integer-Device", "Int8", "-128", "-128"},
			{"Random-Integer-Device", "Int64", "-9223372036854775808", "-9223372036854775808"},
			{"Random-Integer-Device", "Int32Array", "[1,-2,3]", "[1, -2, 3]"},
			{"Random-UnsignedInteger-Device", "Uint64", "18446744073709551615", "18446744073709551615"},
			{"Random-UnsignedInteger-Device", "Uint8Array", "[1, 255]", "[1, 255]"},
			{"Random-Boolean-Device", "Bool", "true", "true"},
			{"Random-Boolean-Device", "BoolArray", "[true,false]", "[true, false]"},
			{"Random-Float-Device", "Float32", "12.34", "1.234e+01"},
			{"Random-Float-Device", "Float64", "100", "1e+02"},
			{"Random-Float-Device", "Float64Array", "[-0.5,0]", "[-5e-01, 0e+00]"},
		}
		for _, via := range []*peer{p.driver, p.command} {
			for _, row := range rows {
				via.call(t, 200, &base{}, "PUT", deviceCommand, object{row.resource: row.set}, row.device, row.resource)
				var got oneEvent
				via.call(t, 200, &got, "GET", deviceCommand, nil, row.device, row.resource)
				e := got.Event
				equal(t, row.resource, e.Readings[0].Value, text(row.get))
				equal(t, "names", []string{e.DeviceName, e.SourceName, e.Readings[0].ResourceName}, []string{row.device, row.resource, row.resource})
				if e.Origin < origin || e.Readings[0].Origin > e.Origin {
					t.Errorf("origins %d %d", e.Origin, e.Readings[0].Origin)
				}
			}
			for _, value := range []any{7, 1000000, json.Number("1234567")} {
				via.call(t, 200, &base{}, "PUT", deviceCommand, object{"Int32": value}, "Random-Integer-Device", "Int32")
			}
			sent := object{"a": []any{json.Number("9223372036854775807"), nil}}
			via.call(t, 200, &base{}, "PUT", deviceCommand, object{"Object": sent}, "Fixed-Object-Device", "Object")
			var got oneEvent
			via.call(t, 200, &got, "GET", deviceCommand, nil, "Fixed-Object-Device", "Object")
			equal(t, "object", got.Event.Readings[0].ObjectValue, sent)
			via.refused(t, 400, "", "PUT", deviceCommand, object{"Int8": "128"}, "Random-Integer-Device", "Int8")
			via.refused(t, 404, "nobody not found", "GET", deviceCommand, nil, "Random-Integer-Device", "nobody")
			via.refused(t, 404, "lost", "GET", deviceCommand, nil, "lost", "Int8")
			via.refused(t, 405, "write-only", "GET", deviceCommand, nil, "Random-Integer-Device", "EnableRandomization_Int8")
			via.refused(t, 405, "read-only", "PUT", deviceCommand, object{"Binary": "x"}, "Random-Binary-Device", "Binary")
		}
		resp, body := p.driver.exchange(t, "GET", deviceCommand, nil, "Random-Binary-Device", "Binary")
		equal(t, "Content-Type", resp.Header.Get("Content-Type"), "application/cbor")
		decodeCBOR(t, body)
		resp, body = p.driver.exchange(t, "GET", deviceCommand+"?ds-returnevent=false", nil, "Random-Integer-Device", "Int8")
		equal(t, "without an event", []int{resp.StatusCode, len(body)}, []int{200, 0})
	})
}

func TestCommandsOfOurDevicesOverTheBus(t *testing.T) {
	inBothShapes(t, func(t *testing.T, p *platform) {
		b := connect(t, p)
		const integers = "Random-Integer-Device"
		ways := map[string]string{
			"edgex/core/command/request/":                                   "edgex/response/core-command",
			"edgex/device/command/request/" + p.enc("device-virtual") + "/": "edgex/response/" + p.enc("device-virtual"),
		}
		for topic, prefix := range ways {
			answer := b.ask(topic+p.enc(integers)+"/Int16/set", prefix, envelope{Payload: json.RawMessage(`{"Int16":"-7"}`)})
			equal(t, "set", []any{answer.ErrorCode, answer.Payload}, []any{0, nil})
			answer = b.ask(topic+p.enc(integers)+"/Int16/get", prefix, envelope{})
			var got oneEvent
			if err := same(answer.bytesOf(t), &got); err != nil {
				t.Fatalf("%v in %s", err, answer.Payload)
			}
			equal(t, "value", got.Event.Readings[0].Value, text("-7"))
			equal(t, "requestId", got.RequestID, answer.RequestID)
			answer = b.ask(topic+p.enc("Random-Binary-Device")+"/Binary/get", prefix, envelope{})
			equal(t, "contentType", answer.ContentType, "application/cbor")
			decodeCBOR(t, answer.bytesOf(t))
			answer = b.ask(topic+p.enc(integers)+"/nobody/get", prefix, envelope{})
			if answer.ErrorCode != 1 || answer.ContentType != "text/plain" || !strings.Contains(answer.text(), "nobody") {
				t.Errorf("%+v %s", answer, answer.Payload)
			}
			answer = b.ask(topic+p.enc(integers)+"/Int16/get", prefix, envelope{QueryParams: map[string]string{"ds-returnevent": "false"}})
			equal(t, "without an event", []any{answer.ErrorCode, answer.Payload}, []any{0, nil})
		}
	})
}

// A device is validated, appears at its driver, is locked and goes, by announcements alone.
func TestLifeOfADevice(t *testing.T) {
	inBothShapes(t, func(t *testing.T, p *platform) {
		name := "born here"
		if p.escape {
			name = "born/" + strange
		}
		d := sampleDevice(name, "device-virtual", "Random-Integer-Device")
		d.AutoEvents = nil
		p.metadata.batch(t, "POST", "/device", "device", 201, d)
		code := func() int {
			resp, _ := p.driver.exchange(t, "GET", deviceCommand, nil, name, "Int8")
			return resp.StatusCode
		}
		if !within(func() bool { return code() == 200 }) {
			t.Fatal("the driver does not hear of its new device")
		}
		p.metadata.batch(t, "PATCH", "/device", "device", 200, object{"name": name, "adminState": "LOCKED"})
		if !within(func() bool { return code() == 423 }) {
			t.Error("the driver does not hear of the lock")
		}
		p.command.refused(t, 423, "locked", "PUT", deviceCommand, object{"Int8": "1"}, name, "Int8")
		p.metadata.call(t, 200, &base{}, "DELETE", "/device/name/{name}", nil, name)
		if !within(func() bool { return code() == 404 }) {
			t.Error("the driver does not hear that its device is gone")
		}
	})
}

// Looking for devices and making profiles of them is not what device-virtual can do; it says so.
func TestDiscoveryOfADriverWithoutIt(t *testing.T) {
	inBothShapes(t, func(t *testing.T, p *platform) {
		d := p.driver
		d.refused(t, 503, "device discovery disabled", "POST", "/discovery", nil)
		d.refused(t, 501, "cannot discover", "DELETE", "/discovery", nil)
		d.refused(t, 501, "cannot discover", "DELETE", "/discovery/requestId/{id}", nil, uuid())
		d.refused(t, 501, "cannot make profiles", "POST", "/profilescan",
			object{"apiVersion": "v3", "requestId": uuid(), "deviceName": "Random-Integer-Device", "options": object{"a": 1}})
		d.refused(t, 501, "cannot make profiles", "DELETE", "/profilescan/device/name/{name}", nil, "Random-Integer-Device")
	})
}
