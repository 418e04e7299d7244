// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bufio"
	"fmt"
	"maps"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// metrics is a page of metrics.
type metrics struct {
	text   string
	values map[string]float64 // by the series as it is written
	types  map[string]string  // by the name
}

// parseMetrics parses a page in Prometheus' text format.
func parseMetrics(t testing.TB, text string) metrics {
	t.Helper()
	m := metrics{text, make(map[string]float64), make(map[string]string)}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if words := strings.Fields(line); strings.HasPrefix(line, "# TYPE ") {
			m.types[words[2]] = words[3]
		}
		if line == "" || line[0] == '#' {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		v, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		m.values[line[:at]] = v
	}
	return m
}

// scrape returns the metrics of the process.
func (p *process) scrape(t testing.TB) metrics {
	t.Helper()
	status, text := p.ask(t, "GET", "/metrics", "")
	if status != 200 {
		t.Fatalf("/metrics: %d", status)
	}
	return parseMetrics(t, text)
}

// isCounter reports whether a series may only rise.
func (m *metrics) isCounter(series string) bool {
	name, _, _ := strings.Cut(series, "{")
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, suffix); ok && m.types[base] == "histogram" {
			return true
		}
	}
	return m.types[name] == "counter"
}

// awaitValues waits until series have values.
func (p *process) awaitValues(t testing.TB, want map[string]float64) metrics {
	t.Helper()
	for over := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		m := p.scrape(t)
		wrong := ""
		for _, series := range slices.Sorted(maps.Keys(want)) {
			if got, ok := m.values[series]; !ok || got != want[series] {
				wrong += fmt.Sprintf("%s: %v, want %v\n", series, got, want[series])
			}
		}
		if wrong == "" {
			return m
		}
		if time.Now().After(over) {
			t.Fatal(wrong)
		}
	}
}

// checkMetrics lets Prometheus' own tool check a page.
func checkMetrics(t *testing.T, text string) {
	t.Helper()
	cmd := exec.Command(programs.Need(t, "promtool"), "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	out, _ := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "caddy_passthrough_") || !strings.Contains(line, "caddy_") && !strings.HasPrefix(line, "go_") {
			t.Errorf("promtool: %s", line)
		}
	}
}

// metered is a process with a frontend that is always there and one that reloads remove and bring
// back, as they do a server.
type metered struct {
	*process
	always, sometimes, origin string
	connections               float64
}

func startMetered(t *testing.T) *metered {
	m := &metered{always: freeAddress(t), sometimes: freeAddress(t), origin: listen(t, greetAndEcho)}
	m.process = start(t, m.config(0), "")
	return m
}

func (m *metered) config(n int) string {
	config := fmt.Sprintf("passthrough {\n metrics {\n names 10\n }\n backend web {\n server s1 %s\n timeouts server 1m\n }\n frontend always {\n bind %s\n default_backend web\n inspect_delay 60s\n }\n", m.origin, m.always)
	if n%2 == 0 {
		config += fmt.Sprintf("backend other {\n server s2 %s\n }\n frontend sometimes {\n bind %s {\n name extra\n }\n default_backend other\n inspect_delay 60s\n }\n", m.origin, m.sometimes)
	}
	return config + "}"
}

// connect makes a connection with a name, and waits until both sides have closed.
func (m *metered) connect(t *testing.T, address, name string) {
	t.Helper()
	c := dial(t, address)
	if _, err := c.Write(hellotest.Hello(t, name)); err != nil {
		t.Fatal(err)
	}
	read(t, c, make([]byte, 2))
	_ = c.CloseWrite()
	_, _ = bufio.NewReader(c).ReadByte()
	_ = c.Close()
	m.connections++
}

// TestMetrics lets counters rise over 50 reloads, half of which remove a frontend, a backend and a
// server. They never fall, and agree with the connections that clients made.
func TestMetrics(t *testing.T) {
	t.Parallel()
	m := startMetered(t)
	const reloads = 50
	last := make(map[string]float64)
	size := float64(len(hellotest.Hello(t, "name0.example.test")))
	for n := range reloads {
		m.connect(t, m.always, fmt.Sprintf("name%d.example.test", n%7))
		if n%2 == 0 {
			m.connect(t, m.sometimes, "sometimes.example")
		}
		if err := m.reload(t, m.config(n+1), ""); err != nil {
			t.Fatal(err)
		}
		now := m.scrape(t)
		for series, v := range now.values {
			if !strings.HasPrefix(series, "caddy_passthrough_") || !now.isCounter(series) {
				continue
			}
			if v < last[series] {
				t.Errorf("after reload %d %s falls from %v to %v", n+1, series, last[series], v)
			}
			last[series] = v
		}
	}
	page := m.awaitValues(t, map[string]float64{
		`caddy_passthrough_frontend_connections_total{frontend="always"}`:                           reloads,
		`caddy_passthrough_frontend_connections_total{frontend="sometimes"}`:                        reloads / 2,
		`caddy_passthrough_frontend_ended_total{end="complete",frontend="always",termination="--"}`: reloads,
		`caddy_passthrough_frontend_hellos_total{frontend="always",outcome="hello"}`:                reloads,
		`caddy_passthrough_frontend_in_bytes_total{frontend="always"}`:                              reloads * size,
		`caddy_passthrough_frontend_session_seconds_count{frontend="always"}`:                       reloads,
		`caddy_passthrough_listener_connections_total{frontend="sometimes",listener="extra"}`:       reloads / 2,
		`caddy_passthrough_backend_connections_total{backend="other"}`:                              reloads / 2,
		`caddy_passthrough_server_connections_total{backend="web",server="s1"}`:                     reloads,
		`caddy_passthrough_server_connections_total{backend="other",server="s2"}`:                   reloads / 2,
		`caddy_passthrough_server_in_bytes_total{backend="web",server="s1"}`:                        reloads * size,
		`caddy_passthrough_sni_connections_total{name="name0.example.test"}`:                        8,
		`caddy_passthrough_sni_connections_total{name="sometimes.example"}`:                         reloads / 2,
		`caddy_passthrough_sni_connections_total{name="other"}`:                                     0,
		`caddy_passthrough_log_lines_total`:                                                         reloads + reloads/2,
		`caddy_passthrough_frontend_connections{frontend="always"}`:                                 0,
		`caddy_passthrough_connections`:                                                             0,
	})
	checkMetrics(t, page.text)
}

// TestMetricsOff leaves them out.
func TestMetricsOff(t *testing.T) {
	t.Parallel()
	p := start(t, "passthrough {\n metrics {\n off\n }\n backend web {\n server s1 127.0.0.1:1\n }\n}", "")
	if text := p.scrape(t).text; strings.Contains(text, "caddy_passthrough_") || !strings.Contains(text, "caddy_") {
		t.Errorf("metrics: %.500s", text)
	}
}

// TestMetricsOfStages reads gauges while connections wait: for their hello, for a server, and as a
// session; and counters of those that fail.
func TestMetricsOfStages(t *testing.T) {
	t.Parallel()
	address, origin := freeAddress(t), listen(t, greetAndEcho)
	config := fmt.Sprintf("passthrough {\n backend web {\n server s1 %s maxconn 1\n }\n backend dead {\n retries 2\n redispatch off\n server d1 %s\n timeouts connect 5ms\n }\n"+
		" frontend tls {\n bind %s\n inspect_delay 60s\n use_backend dead sni dead.example.test\n default_backend web\n }\n}",
		origin, programs.Refusing(t), address)
	p := start(t, config, "")
	silent := dial(t, address)
	sends := func(b []byte) *net.TCPConn {
		c := dial(t, address)
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		return c
	}
	session := sends(hellotest.Hello(t, "a.example.test"))
	read(t, session, make([]byte, 2))
	queued := sends(hellotest.Hello(t, "b.example.test"))
	sends(hellotest.Hello(t, "dead.example.test"))
	sends([]byte("GET / HTTP/1.1\r\n\r\n"))
	p.awaitValues(t, map[string]float64{
		`caddy_passthrough_frontend_connections{frontend="tls"}`:                                       3,
		`caddy_passthrough_relay_parked_connections`:                                                   1,
		`caddy_passthrough_relay_sessions{mode="engine"}`:                                              1,
		`caddy_passthrough_backend_queue{backend="web"}`:                                               1,
		`caddy_passthrough_backend_connections{backend="web"}`:                                         2,
		`caddy_passthrough_server_connections{backend="web",server="s1"}`:                              1,
		`caddy_passthrough_server_connections_limit{backend="web",server="s1"}`:                        1,
		`caddy_passthrough_backend_retries_total{backend="dead"}`:                                      2,
		`caddy_passthrough_backend_connect_errors_total{backend="dead"}`:                               1,
		`caddy_passthrough_server_connect_errors_total{backend="dead",server="d1"}`:                    3,
		`caddy_passthrough_frontend_ended_total{end="connect_failed",frontend="tls",termination="SC"}`: 1,
		`caddy_passthrough_frontend_refused_total{frontend="tls",reason="not_tls",rule=""}`:            1,
		`caddy_passthrough_frontend_hellos_total{frontend="tls",outcome="not_tls"}`:                    1,
	})
	_ = session.Close()
	read(t, queued, make([]byte, 2))
	_ = queued.Close()
	_ = silent.Close()
	p.awaitValues(t, map[string]float64{
		`caddy_passthrough_backend_queue_seconds_count{backend="web"}`:                              1,
		`caddy_passthrough_backend_queue{backend="web"}`:                                            0,
		`caddy_passthrough_frontend_ended_total{end="client_left",frontend="tls",termination="CR"}`: 1,
		`caddy_passthrough_relay_parked_connections`:                                                0,
		`caddy_passthrough_relay_sessions{mode="engine"}`:                                           0,
	})
}

// TestMetricsOfHandshakes counts what hellos and the servers' answers to them say: their lengths,
// the time until the first byte, alerts, and fingerprints. Connections that goroutines copy count
// as those of the engine do.
func TestMetricsOfHandshakes(t *testing.T) {
	t.Parallel()
	address, throttled := freeAddress(t), freeAddress(t)
	origin := listen(t, func(c *net.TCPConn) {
		if skipHello(c) == nil {
			_, _ = c.Write([]byte{21, 3, 3, 0, 2, 2, 40})
		}
	})
	p := start(t, fmt.Sprintf("passthrough {\n metrics {\n ja4\n }\n backend web {\n server s1 %s\n }\n frontend tls {\n bind %s\n default_backend web\n }\n}\n"+
		"layer4 {\n %s {\n route {\n throttle {\n read_bytes_per_second 1000000\n }\n passthrough {\n name throttled\n default_backend web\n }\n }\n }\n}", origin, address, throttled), "")
	for _, at := range []string{address, throttled} {
		c := say(t, at, "")
		read(t, c, make([]byte, 7))
		_ = c.Close()
	}
	size := float64(len(hellotest.Hello(t, "www.example.test")))
	m := p.awaitValues(t, map[string]float64{
		`caddy_passthrough_server_alerts_total{alert="40",backend="web",server="s1"}`: 2,
		`caddy_passthrough_backend_first_byte_seconds_count{backend="web"}`:           2,
		`caddy_passthrough_frontend_hello_bytes_count{frontend="tls"}`:                1,
		`caddy_passthrough_frontend_hello_bytes_count{frontend="throttled"}`:          1,
		`caddy_passthrough_ja4_connections_total{ja4="other"}`:                        0,
	})
	if got := m.values[`caddy_passthrough_frontend_hello_bytes_sum{frontend="tls"}`]; got > size || got < size-16 {
		t.Errorf("hellos of %v bytes, want %v less the headers of records", got, size)
	}
	for series, v := range m.values {
		if strings.HasPrefix(series, `caddy_passthrough_ja4_connections_total{ja4="t1`) {
			if v != 2 {
				t.Errorf("%s: %v, want 2", series, v)
			}
			return
		}
	}
	t.Errorf("no fingerprint in\n%s", m.text)
}
