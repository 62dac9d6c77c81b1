package interop

import (
	"encoding/base64"
	"fmt"
	"math/rand"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	registryRoute = "/registry/serviceId/{serviceId}"
	legalInKeys   = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~;=./%"
)

func writeValue(t *testing.T, key string, value any) []string {
	t.Helper()
	var written keys
	plain.keeper.call(t, 200, &written, "PUT", kvRoute+"?flatten=false", object{"apiVersion": "", "requestId": "", "value": value}, key)
	return written.Response
}

func readValues(t *testing.T, key string) map[string]string {
	t.Helper()
	var got, encoded kvs
	var names keys
	plain.keeper.call(t, 200, &got, "GET", kvRoute+"?plaintext=true", nil, key)
	plain.keeper.call(t, 200, &encoded, "GET", kvRoute, nil, key)
	plain.keeper.call(t, 200, &names, "GET", kvRoute+"?keyOnly=true", nil, key)
	values := map[string]string{}
	for i, item := range got.Response {
		values[item.Key] = item.Value
		item.Value = base64.StdEncoding.EncodeToString([]byte(item.Value))
		equal(t, "encoded", encoded.Response[i], item)
		equal(t, "key", names.Response[i], item.Key)
	}
	return values
}

func TestValuesOfCoreKeeper(t *testing.T) {
	k := plain.keeper
	rows := []struct {
		sent any
		kept string
	}{
		{"", ""}, {"<ä & \"b\">\n日本\u2028", "<ä & \"b\">\n日本\u2028"}, {true, "true"}, {0.5, "0.5"}, {1234567, "1234567"},
		{[]int{1, 2}, "[1,2]"}, {object{"b": 1, "a": nil}, `{"a":null,"b":1}`}, {strings.Repeat("x", 100000), strings.Repeat("x", 100000)},
	}
	for i, row := range rows {
		key := fmt.Sprintf("rest/a-b_c~d;e=f.g%%/%d", i)
		equal(t, "written", writeValue(t, key, row.sent), []string{key})
		equal(t, "kept", readValues(t, key), object{key: row.kept})
	}
	var tree keys
	k.call(t, 200, &tree, "PUT", kvRoute+"?flatten=true", object{"value": object{"A": object{"B": 1, "C": object{}}, "D": "d"}}, "rest/tree")
	equal(t, "flattened", readValues(t, "rest/tree"), object{"rest/tree/A/B": "1", "rest/tree/D": "d"})
	k.refused(t, 400, "key only allows", "GET", kvRoute, nil, "rest/ü")
	k.refused(t, 404, "no key starting with 'res' found", "GET", kvRoute, nil, "res")
	k.refused(t, 409, "keys having the same prefix rest exist", "DELETE", kvRoute, nil, "rest")
	var gone keys
	k.call(t, 200, &gone, "DELETE", kvRoute+"?prefixMatch=true", nil, "rest/tree")
	equal(t, "gone", len(gone.Response), 2)
	k.call(t, 200, &gone, "DELETE", kvRoute, nil, "rest/a-b_c~d;e=f.g%/0")
	k.call(t, 200, &gone, "DELETE", kvRoute+"?prefixMatch=true", nil, "rest")
	equal(t, "gone", len(gone.Response), len(rows)-1)
}

func TestRegistrationsOfCoreKeeper(t *testing.T) {
	k := plain.keeper
	const id = "app-rest ü"
	fresh := func(status string) object {
		return object{"apiVersion": "v3", "requestId": uuid(), "registration": registration{ServiceID: id, Status: status, Host: "localhost",
			Port: plain.data.port, HealthCheck: healthCheck{"100ms", "/api/v3/ping", "http"}}}
	}
	k.refused(t, 404, "", "PUT", "/registry", fresh(""))
	k.refused(t, 400, "", "POST", "/registry", object{"apiVersion": "v3", "registration": object{"serviceId": id}})
	var done registered
	k.call(t, 201, &done, "POST", "/registry", fresh(""))
	equal(t, "answer", done, registered{"v3", 201, id})
	k.refused(t, 409, "registry with service id '"+id+"' already exists", "POST", "/registry", fresh(""))
	if _, err := plain.isUp(id); err != nil {
		t.Error(err)
	}
	has := func(query string) (found bool) {
		var all registrations
		k.call(t, 200, &all, "GET", "/registry/all"+query, nil)
		equal(t, "totalCount", all.TotalCount, len(all.Registrations))
		for _, r := range all.Registrations {
			found = found || r.ServiceID == id
		}
		return found
	}
	equal(t, "among all", has(""), true)
	k.nothing(t, 204, "PUT", "/registry", fresh("HALT"))
	equal(t, "halted", []bool{has(""), has("?deregistered=false"), has("?deregistered=true")}, []bool{false, false, true})
	k.refused(t, 400, "deregistered", "GET", "/registry/all?deregistered=x", nil)
	k.nothing(t, 204, "DELETE", registryRoute, nil, id)
	k.refused(t, 404, "registration not found by serviceId", "DELETE", registryRoute, nil, id)
	k.refused(t, 404, "registration not found by serviceId", "GET", registryRoute, nil, id)
}

// An operator starts core-keeper with -o: the file's common configuration is there again.
func TestCommonConfigurationIsOverwritten(t *testing.T) {
	p := plain
	const name = commonConfig + "device-services/Device/MaxCmdOps"
	restart := func(args ...string) string {
		t.Helper()
		if err := p.end("core-keeper", syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		g := p.program("core-keeper")
		before := g.args
		g.args = append(append([]string{}, before...), args...)
		log := filepath.Join(p.dir, "core-keeper.log")
		old, _ := os.ReadFile(log)
		err := p.begin("core-keeper")
		g.args = before
		if err == nil {
			err = p.ready()
		}
		if err != nil {
			t.Fatal(err)
		}
		said, _ := os.ReadFile(log)
		return string(said[len(old):])
	}
	equal(t, "changed", writeValue(t, name, "7"), []string{name})
	restart()
	equal(t, "kept", readValues(t, name), object{name: "7"})
	if said := restart("-o"); strings.Contains(said, "overwrite") || !strings.Contains(said, "common configuration written") {
		t.Error(said)
	}
	equal(t, "the file's", readValues(t, name), object{name: "12800"})
}

// ---- what nobody should send --------------------------------------------------------------------

func TestKeysOfAnyBytes(t *testing.T) {
	k := plain.keeper
	random := rand.New(rand.NewSource(1))
	for range 300 {
		name := make([]byte, 1+random.Intn(20))
		legal := true
		for i := range name {
			name[i] = byte(random.Intn(256))
			if random.Intn(4) > 0 {
				name[i] = legalInKeys[random.Intn(len(legalInKeys))]
			}
			legal = legal && strings.IndexByte(legalInKeys, name[i]) >= 0
		}
		key := string(name)
		resp, body := k.exchange(t, "PUT", kvRoute, object{"value": key}, "bytes/"+key)
		if want := map[bool]int{true: 200, false: 400}[legal]; resp.StatusCode != want {
			t.Fatalf("key %q: %d instead of %d: %s", key, resp.StatusCode, want, body)
		}
		if legal {
			equal(t, key, readValues(t, "bytes/"+key)["bytes/"+key], key)
		}
	}
	for _, value := range []string{"\xff\xfe", "\"\\ud800\"", "\"\x01\"", "1e999", "{\"a\":}", "\"\x00\"", "nul", strings.Repeat("[", 5000)} {
		resp, body := k.exchange(t, "PUT", kvRoute, raw{"application/json", []byte(`{"value":` + value + `}`)}, "bytes/value")
		if resp.StatusCode != 400 && value != "\"\\ud800\"" {
			t.Errorf("value %.20q: %d %s", value, resp.StatusCode, body)
		}
	}
	k.call(t, 200, &keys{}, "DELETE", kvRoute+"?prefixMatch=true", nil, "bytes")
}

func TestTreesHaveBounds(t *testing.T) {
	k := plain.keeper
	wide := func(n int) object {
		tree := object{}
		for i := range n {
			tree[fmt.Sprintf("k%d", i)] = i
		}
		return object{"value": tree}
	}
	deep := any("x")
	for range 70 {
		deep = object{"d": deep}
	}
	code := func(body any, key string) int {
		resp, _ := k.exchange(t, "PUT", kvRoute+"?flatten=true", body, key)
		return resp.StatusCode
	}
	equal(t, "too many", code(wide(10001), "bound/wide"), 413)
	equal(t, "too deep", code(object{"value": deep}, "bound/deep"), 400)
	equal(t, "key too long", code(object{"value": "x"}, "bound/"+strings.Repeat("k", 1024)), 400)
	equal(t, "value too long", code(object{"value": strings.Repeat("v", 256*1024+1)}, "bound/value"), 413)
	k.refused(t, 404, "", "GET", kvRoute, nil, "bound") // nothing was half done
	equal(t, "as many as may be", code(wide(10000), "bound/wide"), 200)
	var all keys
	k.call(t, 200, &all, "GET", kvRoute+"?keyOnly=true", nil, "bound")
	equal(t, "keys", len(all.Response), 10000)
	k.call(t, 200, &all, "DELETE", kvRoute+"?prefixMatch=true", nil, "bound")
	equal(t, "removed", len(all.Response), 10000)
}

// Hosts that take the call and never answer must delay nobody, neither clients nor other checks.
func TestRegistrationsThatNeverAnswer(t *testing.T) {
	k := plain.keeper
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var calls atomic.Int32
	go func() {
		for {
			if _, err := listener.Accept(); err != nil {
				return
			}
			calls.Add(1)
		}
	}()
	enter := func(id string, port int) {
		k.call(t, 201, &registered{}, "POST", "/registry", object{"apiVersion": "v3", "registration": registration{ServiceID: id,
			Host: "127.0.0.1", Port: port, HealthCheck: healthCheck{"200ms", "/api/v3/ping", "http"}}})
	}
	const silent = 50
	for i := range silent {
		enter(fmt.Sprintf("silent-%d", i), listener.Addr().(*net.TCPAddr).Port)
	}
	eventually(t, "they are asked", func() bool { return calls.Load() > silent })
	began := time.Now()
	enter("lively", plain.data.port)
	if _, err := plain.isUp("lively"); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the lively one was up after %v", took)
	}
	eventually(t, "the silent ones are down", func() bool {
		var got oneRegistration
		k.call(t, 200, &got, "GET", registryRoute, nil, "silent-0")
		return got.Registration.Status == "DOWN"
	})
	for i := range silent {
		k.nothing(t, 204, "DELETE", registryRoute, nil, fmt.Sprintf("silent-%d", i))
	}
	k.nothing(t, 204, "DELETE", registryRoute, nil, "lively")
}
