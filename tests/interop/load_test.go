// Many devices of one service, published through the broker at a steady rate: core-data must store
// each event. A short round belongs to the tests; `./edgex bench interop` asks for a long one.
package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

type load struct {
	devices, seconds int
	rate             float64 // events of a device in a second
}

// wanted is what INTEROP_LOAD says: "DEVICES RATE SECONDS".
func wanted(t *testing.T) (l load, bench bool) {
	text, bench := os.LookupEnv("INTEROP_LOAD")
	if !bench {
		return load{devices: 200, rate: 5, seconds: 4}, false
	}
	if n, err := fmt.Sscan(text, &l.devices, &l.rate, &l.seconds); n != 3 || l.devices < 1 || l.rate <= 0 || l.seconds < 1 {
		t.Fatalf("INTEROP_LOAD=%q: %v", text, err)
	}
	return l, true
}

// cpu is the time a program has used, memory what it holds.
func (p *platform) cpu(name string) time.Duration {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.program(name).cmd.Process.Pid))
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

func (p *platform) memory(name string) (kb int) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.program(name).cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	_, _ = fmt.Sscan(rest, &kb)
	return kb
}

func (p *platform) kept() (bytes int64) {
	_ = filepath.Walk(filepath.Join(p.dir, "data", "core-data"), func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}

func percentile(times []time.Duration, part float64) float64 {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return float64(times[int(part*float64(len(times)-1))].Microseconds()) / 1000
}

// ages measures, of a sample of the events, how long they are on their way.
type ages struct {
	broker, stored []time.Duration
	sample         chan event
	done           chan bool
}

// watch follows one device at the broker, which is what the wire alone takes, and asks core-data for
// events until it has them.
func watch(d *devicePeer, device string) *ages {
	a := &ages{sample: make(chan event, 1), done: make(chan bool)}
	in := connect(d.t, d.p).subscribe(d.eventTopic(device, "Level"))
	go func() {
		defer close(a.done)
		for e := range a.sample {
			for {
				code, err := d.p.data.fetch(&oneEvent{}, "GET", "/event/id/{id}", nil, e.ID)
				age := time.Since(time.Unix(0, e.Origin))
				if err == nil && code == 200 {
					a.stored = append(a.stored, age)
				} else if err == nil && age < patience {
					time.Sleep(time.Millisecond)
					continue
				}
				break
			}
		}
		for {
			select {
			case m := <-in:
				a.broker = append(a.broker, m.at.Sub(time.Unix(0, originOf(m))))
			default:
				return
			}
		}
	}()
	return a
}

func originOf(m message) int64 {
	var e envelope
	var request addEvent
	_ = same(m.payload, &e)
	_ = same(e.Payload, &request)
	return request.Event.Origin
}

func TestEveryEventIsStored(t *testing.T) {
	l, bench := wanted(t)
	p := plain
	d := newDevicePeer(t, p, "device-go-load", "Load 0")
	d.devices = d.devices[:1]
	if err := d.boot(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for len(d.devices) < l.devices { // each is validated by the service, in the time of one request
		var some []any
		for i := len(d.devices); i < l.devices && len(some) < 20; i++ {
			d.devices = append(d.devices, deviceOf(fmt.Sprintf("Load %d", i), d.key, d.profiles[0].Name))
			some = append(some, d.devices[i])
		}
		if err := d.bring("POST", "/device", "device", some, 201); err != nil {
			t.Fatal(err)
		}
	}
	eachAdded := time.Since(began) / time.Duration(max(1, l.devices-1))

	a := watch(d, "Load 0")
	total := int(float64(l.devices*l.seconds) * l.rate)
	programs := []string{"mosquitto", "core-data"}
	before := map[string]time.Duration{}
	for _, name := range programs {
		before[name] = p.cpu(name)
	}
	bytes := p.kept()
	began = time.Now()
	for i := range total {
		due := began.Add(time.Duration(float64(i) / (float64(l.devices) * l.rate) * float64(time.Second)))
		time.Sleep(time.Until(due)) // the rate is what is tested
		e := d.send(d.devices[i%l.devices].Name, "Level", fmt.Sprintf("%de+00", i%10))
		select {
		case a.sample <- e:
		default: // the sample before is still on its way
		}
	}
	took := time.Since(began)
	used := func(name string) float64 { return 100 * (p.cpu(name) - before[name]).Seconds() / took.Seconds() }
	broker, data := used("mosquitto"), used("core-data")
	close(a.sample)
	<-a.done

	want := total / l.devices
	missing := 0
	for i, one := range d.devices {
		n := counted{Count: -1}
		expected := int64(want)
		if i < total%l.devices {
			expected++
		}
		within(func() bool {
			p.data.call(t, 200, &n, "GET", "/event/count/device/name/{name}", nil, one.Name)
			return n.Count == expected || missing > 0 // after the first loss there is no waiting any more
		})
		missing += int(expected - n.Count)
	}
	equal(t, "missing", missing, 0)
	line := fmt.Sprintf("devices=%d rate=%g seconds=%.1f events=%d missing=%d add_device_ms=%.2f stored_p50_ms=%.2f stored_p99_ms=%.2f "+
		"broker_p50_ms=%.2f broker_p99_ms=%.2f samples=%d core_data_cpu_percent=%.1f mosquitto_cpu_percent=%.1f core_data_kb=%d bytes_per_event=%.1f",
		l.devices, l.rate, took.Seconds(), total, missing, float64(eachAdded.Microseconds())/1000, percentile(a.stored, 0.5), percentile(a.stored, 0.99),
		percentile(a.broker, 0.5), percentile(a.broker, 0.99), len(a.stored), data, broker, p.memory("core-data"),
		float64(p.kept()-bytes)/float64(total))
	if bench {
		fmt.Println("bench interop", line)
	} else {
		t.Log(line)
	}
	d.halt()
}
