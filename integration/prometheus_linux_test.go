// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/monitoring"
	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// prometheus is a running Prometheus.
type prometheus struct{ address string }

// startPrometheus starts a Prometheus with the rules of docs/monitoring that scrapes addresses
// often, but gives a busy machine the time to answer.
func startPrometheus(t *testing.T, scrape ...string) *prometheus {
	t.Helper()
	program, dir := programs.Need(t, "prometheus"), t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	rules, err := filepath.Abs("../docs/monitoring")
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`global:
  scrape_interval: 1500ms
  scrape_timeout: 1500ms
  evaluation_interval: 300ms
rule_files: ['%[1]s/recording.yml', '%[1]s/alerts.yml']
scrape_configs:
  - job_name: caddy
    static_configs:
      - targets: ['%[2]s']
`, rules, strings.Join(scrape, "', '"))
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &prometheus{freeAddress(t)}
	cmd := exec.Command(program, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+p.address, "--log.level=warn")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	return p
}

// ask returns the number of series that a query gives, or an error.
func (p *prometheus) ask(query string) (series int, err error) {
	answer, err := http.Get("http://" + p.address + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	var found struct {
		Error string
		Data  struct{ Result []struct{ Value [2]any } }
	}
	if err := json.NewDecoder(answer.Body).Decode(&found); err != nil {
		return 0, err
	}
	if found.Error != "" {
		return 0, fmt.Errorf("%s", found.Error)
	}
	for _, r := range found.Data.Result {
		if r.Value[1] != "NaN" {
			series++
		}
	}
	return series, nil
}

// answersAll makes traffic until each query gives a series with a number.
func (p *prometheus) answersAll(t *testing.T, queries []monitoring.Query, traffic func()) {
	t.Helper()
	over := time.Now().Add(2 * patience)
	for left := queries; len(left) > 0; {
		traffic()
		var empty []monitoring.Query
		why := ""
		for _, q := range left {
			if n, err := p.ask(q.Expr); n == 0 {
				empty = append(empty, q)
				why += fmt.Sprintf("\n%s: %s: no data, %v", q.From, q.Expr, err)
			}
		}
		if left = empty; len(left) > 0 && time.Now().After(over) {
			t.Fatal(why)
		}
	}
}

// refusesHandshakes answers hellos with a fatal alert.
func refusesHandshakes(c *net.TCPConn) {
	if skipHello(c) == nil {
		_, _ = c.Write([]byte("\x15\x03\x03\x00\x02\x02\x70")) // unrecognized_name
	}
}

// busyConfig returns a configuration in which much can go wrong, and the address of its frontend.
func busyConfig(t *testing.T) (config, address string) {
	t.Helper()
	address = freeAddress(t)
	a := newAuthority(t)
	certificate, key := a.issue(t, "web.test", 90)
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	checked := listen(t, func(c *net.TCPConn) {
		_ = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{pair}}).Handshake()
	})
	return fmt.Sprintf(`passthrough {
	maxconn 1000
	metrics {
		haproxy_names
	}
	stick_table clients {
		type ipv6
		size 100
		store conn_cnt
	}
	frontend tls {
		bind %s
		maxconn 500
		inspect_delay 300ms
		connection {
			track_sc0 remote_ip table clients
		}
		use_backend web sni web.example.test
		use_backend dead sni dead.example.test
		use_backend full sni full.example.test
		use_backend picky sni picky.example.test
		use_backend named sni named.example.test
	}
	backend web {
		server s1 %s
		check tcp {
			interval 200ms
		}
	}
	backend dead {
		retries 2
		server s1 %[3]s
		server s2 %[3]s
		check tcp {
			interval 200ms
			fall 100
		}
	}
	backend full {
		server s1 %[2]s maxconn 1
		timeouts {
			queue 300ms
		}
	}
	backend picky {
		server s1 %[4]s
	}
	backend named {
		server s1 localhost:%[5]s
	}
	backend verified {
		server s1 %[6]s
		check tls {
			server_name web.test
			ca %[7]s
			interval 200ms
		}
	}
}`, address, listen(t, greetAndEcho), programs.Refusing(t).String(), listen(t, refusesHandshakes), portOf(t, listen(t, greetAndEcho)), checked, a.ca()), address
}

// beBusy makes connections of all kinds.
func beBusy(t *testing.T, address string) {
	t.Helper()
	greeted := func(name string) net.Conn {
		c := dial(t, address)
		if _, err := c.Write(hellotest.Hello(t, name+".example.test", "h2")); err != nil {
			t.Fatal(err)
		}
		return c
	}
	held := greeted("full")
	read(t, held, make([]byte, 2))
	for _, name := range []string{"web", "dead", "picky", "named", "full", "unknown"} {
		c := greeted(name)
		if name == "web" || name == "named" {
			read(t, c, make([]byte, 2))
		} else {
			_, _ = io.Copy(io.Discard, c)
		}
		_ = c.Close()
	}
	for _, raw := range []string{"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01"} {
		_, _ = io.Copy(io.Discard, say2(t, address, raw))
	}
	_ = held.Close()
}

// say2 connects and sends bytes.
func say2(t *testing.T, address, raw string) net.Conn {
	t.Helper()
	c := dial(t, address)
	if _, err := c.Write([]byte(raw)); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestPrometheus lets Prometheus scrape a process with traffic: each query of the dashboard, of the
// recording rules, of the alerts, and of a dashboard for HAProxy gives data.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	config, address := busyConfig(t)
	p := start(t, config+sessionsTo("syslog "+listenUDP(t).LocalAddr().String()), "")
	prometheus := startPrometheus(t, p.admin)
	prometheus.answersAll(t, append(monitoring.Queries(), exporterQueries()...), func() { beBusy(t, address) })
}
