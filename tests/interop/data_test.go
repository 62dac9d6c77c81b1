package interop

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

const (
	postEvent = "/event/{service}/{profile}/{device}/{source}"
	origin    = int64(1754470001123456789) // not a number a double can hold
)

func text(v string) json.RawMessage {
	b, _ := json.Marshal(v)
	return b
}

// sampleReadings has one of each kind, as they must come back: order, exact origins, exact texts.
func sampleReadings(device string) []reading {
	rows := []struct{ resource, valueType, value string }{
		{"Bool", "Bool", "true"}, {"Text", "String", "<ä & \"b\">\n日本\u2028"}, {"Empty", "String", ""},
		{"U8", "Uint8", "255"}, {"U64", "Uint64", "18446744073709551615"}, {"I64", "Int64", "-9223372036854775808"},
		{"F32", "Float32", "1.234e+01"}, {"F64", "Float64", "-1.7976931348623157e+308"}, {"F0", "Float64", "0e+00"},
		{"NaN", "Float64", "NaN"}, {"Inf", "Float32", "-Inf"},
		{"Ints", "Int32Array", "[1, -2, 3]"}, {"Texts", "StringArray", `["a","b, c"]`},
		{"Floats", "Float64Array", "[1.1e+00, 2e+00]"}, {"Bools", "BoolArray", "[true, false]"},
	}
	var list []reading
	for i, row := range rows {
		list = append(list, reading{Origin: origin - int64(i), DeviceName: device, ResourceName: row.resource,
			ProfileName: "p/1", ValueType: row.valueType, Value: text(row.value)})
	}
	list[0].Units, list[0].Tags = "on/off", object{"t": object{"u": 1.5}}
	null := json.RawMessage("null")
	more := []reading{
		{ValueType: "Int16", ResourceName: "Null", Value: null, BinaryValue: null, ObjectValue: null},
		{ValueType: "Binary", ResourceName: "Image", MediaType: "image/png",
			BinaryValue: text(base64.StdEncoding.EncodeToString(picture))},
		{ValueType: "Object", ResourceName: "Object",
			ObjectValue: json.RawMessage(`{"a":[1,9223372036854775807,"x",null],"b":{"c":1.5}}`)},
		{ValueType: "ObjectArray", ResourceName: "Objects", ObjectValue: json.RawMessage(`[{"a":1},{"a":2}]`)},
	}
	for i, r := range more {
		r.Origin, r.DeviceName, r.ProfileName = origin-100-int64(i), device, "p/1"
		list = append(list, r)
	}
	return list
}

func sampleEvent(device, source string) event {
	return event{APIVersion: "v3", ID: uuid(), DeviceName: device, ProfileName: "p/1", SourceName: source,
		Origin: origin, Readings: sampleReadings(device), Tags: object{"gateway": "g", "n": json.Number("9223372036854775807")}}
}

func post(t *testing.T, d *peer, e event) {
	t.Helper()
	request := addEvent{"v3", uuid(), e}
	var made withID
	d.call(t, 201, &made, "POST", postEvent, request, "svc/1", e.ProfileName, e.DeviceName, e.SourceName)
	if made.ID != e.ID || made.RequestID != request.RequestID {
		t.Errorf("%+v for %s", made, e.ID)
	}
}

func TestEventJSON(t *testing.T) {
	d := plain.data
	for _, name := range []string{"json device", "json/" + strange} {
		sent := sampleEvent(name, "Source/ü")
		post(t, d, sent)
		var list events
		d.call(t, 200, &list, "GET", "/event/device/name/{name}", nil, name)
		if list.TotalCount != 1 || len(list.Events) != 1 {
			t.Fatalf("%+v", list)
		}
		equal(t, "event", list.Events[0], sent)
		var got oneEvent
		d.call(t, 200, &got, "GET", "/event/id/{id}", nil, sent.ID)
		equal(t, "event by id", got.Event, sent)
		var count counted
		d.call(t, 200, &count, "GET", "/event/count/device/name/{name}", nil, name)
		equal(t, "count", count.Count, 1)
		d.call(t, 200, &count, "GET", "/reading/count/device/name/{name}", nil, name)
		equal(t, "count of readings", count.Count, len(sent.Readings))
		d.call(t, 200, &base{}, "DELETE", "/event/id/{id}", nil, sent.ID)
		d.refused(t, 404, "no event with id", "DELETE", "/event/id/{id}", nil, sent.ID)
		d.refused(t, 404, "no event with id", "GET", "/event/id/{id}", nil, sent.ID)
	}
	d.refused(t, 400, "UUID", "GET", "/event/id/{id}", nil, "x")
	d.refused(t, 400, "UUID", "DELETE", "/event/id/{id}", nil, "x")
	e := sampleEvent("json device", "s")
	d.refused(t, 400, "mismatches", "POST", postEvent, addEvent{"v3", uuid(), e}, "svc", e.ProfileName, "other", e.SourceName)
	e.Readings[3].Value = text("256")
	d.refused(t, 400, "does not match the Uint8 valueType", "POST", postEvent, addEvent{"v3", uuid(), e}, "svc", e.ProfileName, e.DeviceName, e.SourceName)
	d.refused(t, 400, "", "POST", postEvent, raw{"application/json", []byte(`{"apiVersion":`)}, "svc", "p", "d", "s")
	d.refused(t, 400, "", "POST", postEvent, raw{"application/cbor", []byte{0xa1, 0x65}}, "svc", "p", "d", "s")
}

// cborEvent is the same event with Go's own types, so that the bytes are bytes.
func cborEvent(e event) object {
	var list []object
	for _, r := range e.Readings {
		m := object{"origin": r.Origin, "deviceName": r.DeviceName, "resourceName": r.ResourceName,
			"profileName": r.ProfileName, "valueType": r.ValueType}
		if r.Units != "" {
			m["units"], m["tags"] = r.Units, r.Tags
		}
		switch {
		case string(r.Value) == "null":
			m["value"], m["binaryValue"], m["objectValue"] = nil, nil, nil
		case r.ValueType == "Binary":
			m["binaryValue"], m["mediaType"] = picture, r.MediaType
		case r.ObjectValue != nil:
			var v any
			_ = json.Unmarshal(r.ObjectValue, &v)
			m["objectValue"] = v
		default:
			var v string
			_ = json.Unmarshal(r.Value, &v)
			m["value"] = v
		}
		list = append(list, m)
	}
	return object{"apiVersion": "v3", "requestId": uuid(), "event": object{"apiVersion": "v3", "id": e.ID,
		"deviceName": e.DeviceName, "profileName": e.ProfileName, "sourceName": e.SourceName, "origin": e.Origin,
		"readings": list, "tags": object{"gateway": "g", "n": int64(9223372036854775807)}}}
}

func TestEventCBOR(t *testing.T) {
	d := plain.data
	for i, options := range []cbor.EncOptions{{}, cbor.CanonicalEncOptions(), cbor.CoreDetEncOptions()} {
		sent := sampleEvent(fmt.Sprintf("cbor device %d", i), "all")
		sent.Readings[17].ObjectValue = json.RawMessage(`{"a":[1,0.5,"x",null],"b":{"c":1.5}}`)
		mode, err := options.EncMode()
		if err != nil {
			t.Fatal(err)
		}
		data, err := mode.Marshal(cborEvent(sent))
		if err != nil {
			t.Fatal(err)
		}
		d.call(t, 201, &withID{}, "POST", postEvent, raw{"Application/CBOR", data}, "svc/1", "p/1", sent.DeviceName, "all")
		var got oneEvent
		d.call(t, 200, &got, "GET", "/event/id/{id}", nil, sent.ID)
		equal(t, "event sent as CBOR", got.Event, sent)
	}
}

func TestReadings(t *testing.T) {
	d := plain.data
	const device, resource = "read/device", "R/1"
	for i := int64(0); i < 5; i++ {
		e := event{APIVersion: "v3", ID: uuid(), DeviceName: device, ProfileName: "p", SourceName: "s", Origin: origin + i}
		for j, value := range []string{strconv.FormatInt(i, 10), "x"} {
			e.Readings = append(e.Readings, reading{Origin: origin + i, DeviceName: device, ProfileName: "p",
				ResourceName: []string{resource, "other"}[j], ValueType: []string{"Int32", "String"}[j], Value: text(value)})
		}
		post(t, d, e)
	}
	from, to := strconv.FormatInt(origin+1, 10), strconv.FormatInt(origin+3, 10)
	for path, names := range map[string][]string{
		"/reading/device/name/{device}/resourceName/{resource}/start/{start}/end/{end}": {device, resource, from, to},
		"/reading/resourceName/{resource}/start/{start}/end/{end}":                      {resource, from, to},
	} {
		var list readings
		d.call(t, 200, &list, "GET", path, nil, names...)
		if list.TotalCount != 3 || len(list.Readings) != 3 || list.Readings[0].Origin != origin+3 {
			t.Errorf("%s: %+v", path, list)
		}
		d.call(t, 200, &list, "GET", path+"?offset=1&limit=1&numeric=true", nil, names...)
		if len(list.Readings) != 1 || string(list.Readings[0].Value) != "2" {
			t.Errorf("%s: %+v", path, list)
		}
		d.call(t, 200, &list, "GET", path+"?offset=-1", nil, names...)
		if list.TotalCount != 0 || len(list.Readings) != 3 {
			t.Errorf("%s without total: %+v", path, list)
		}
		d.refused(t, 416, "bounds", "GET", path+"?offset=9", nil, names...)
	}
	for path, names := range map[string][]string{
		"/reading/device/name/{device}/resourceName/{resource}": {device, resource},
		"/reading/resourceName/{resource}":                      {resource},
	} {
		var list readings
		d.call(t, 200, &list, "GET", path, nil, names...)
		equal(t, path, list.TotalCount, 5)
		d.refused(t, 400, "limit", "GET", path+"?limit=-2", nil, names...)
	}
	timed := map[string][]string{"/reading/start/{start}/end/{end}": {from, to}, "/reading/device/name/{name}": {device},
		"/reading/device/name/{device}/start/{start}/end/{end}": {device, from, to}}
	for path, names := range timed {
		d.call(t, 200, &readings{}, "GET", path, nil, names...)
		d.refused(t, 400, "", "GET", path+"?limit=x", nil, names...)
	}
	var list readings
	d.call(t, 200, &list, "GET", "/reading/device/name/{device}/start/{start}/end/{end}", object{"resourceNames": []string{"other"}}, device, from, to)
	if list.TotalCount != 3 || list.Readings[0].ResourceName != "other" {
		t.Errorf("by resource names: %+v", list)
	}
	d.refused(t, 400, "resourceNames", "GET", "/reading/device/name/{device}/start/{start}/end/{end}", object{"resourceNames": 1}, device, from, to)
	d.refused(t, 400, "less than", "GET", "/reading/start/{start}/end/{end}", nil, to, from)
	d.refused(t, 400, "integer", "GET", "/event/start/{start}/end/{end}", nil, "x", to)
	var span events
	d.call(t, 200, &span, "GET", "/event/start/{start}/end/{end}", nil, from, to)
	d.call(t, 200, &events{}, "GET", "/event/all?limit=3", nil)
	d.refused(t, 400, "offset", "GET", "/event/all?offset=-2", nil)
	d.refused(t, 400, "limit", "GET", "/event/device/name/{name}?limit=1025", nil, device)
	d.call(t, 200, &readings{}, "GET", "/reading/all?limit=0", nil)
	d.refused(t, 400, "aggregate", "GET", "/reading/all?aggregateFunc=median", nil)
	d.call(t, 200, &counted{}, "GET", "/event/count", nil)
	d.call(t, 200, &counted{}, "GET", "/reading/count", nil)
	for f, want := range map[string]string{"min": `"Int64" 0`, "MAX": `"Int64" 4`, "sum": `"Int64" 10`, "avg": `"Float64" 2`, "count": `"Uint64" 5`} {
		var a aggregate
		d.call(t, 200, &a, "GET", "/reading/device/name/{device}/resourceName/{resource}?aggregateFunc="+f, nil, device, resource)
		if len(a.Readings) != 1 {
			t.Fatalf("%s: %+v", f, a)
		}
		if got := fmt.Sprintf("%q %s", a.Readings[0].ValueType, a.Readings[0].Value); got != want || a.Func != f {
			t.Errorf("%s: %s instead of %s", f, got, want)
		}
	}
	d.call(t, 202, &base{}, "DELETE", "/event/device/name/{name}", nil, device)
	if !within(func() bool {
		var count counted
		d.call(t, 200, &count, "GET", "/event/count/device/name/{name}", nil, device)
		return count.Count == 0
	}) {
		t.Error("the events of a device stay after DELETE")
	}
	d.call(t, 202, &base{}, "DELETE", "/event/age/{age}", nil, strconv.FormatInt(1<<62, 10))
	d.refused(t, 400, "age format parsing failed", "DELETE", "/event/age/{age}", nil, "x")
}
