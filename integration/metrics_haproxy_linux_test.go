// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// exported is a program that shows metrics by HAProxy's names.
type exported struct {
	tls    string // the address of its frontend
	second string // its other one
	page   func() string
}

// metricsConfig returns a haproxy.cfg, with frontends at the addresses.
func metricsConfig(e *exported, origin, resetting, refusing string) string {
	return fmt.Sprintf(`defaults
	mode tcp
	timeout connect 1s
	timeout client 20s
	timeout server 20s
frontend tls
	bind %s
	bind %s name second
	maxconn 77
	tcp-request connection reject if { src 127.0.0.2 }
	tcp-request inspect-delay 20s
	tcp-request content accept if { req.ssl_hello_type 1 }
	tcp-request content reject
	use_backend dead if { req.ssl_sni dead.example.test }
	use_backend moves if { req.ssl_sni moves.example.test }
	use_backend resets if { req.ssl_sni resets.example.test }
	default_backend web
backend web
	stick-table type ip size 1k store conn_cur
	server s1 %[3]s check maxconn 9
	server s2 %[5]s check
	server s3 %[3]s disabled
	server s4 %[3]s backup weight 5
backend dead
	retries 0
	server d1 %[5]s
backend moves
	option redispatch 1
	retries 2
	server m1 %[5]s
	server m2 %[3]s
backend resets
	server r1 %[4]s
`, e.tls, e.second, origin, resetting, refusing)
}

// startExported starts HAProxy and our program with the same file.
func startExported(t *testing.T) (theirs, ours *exported) {
	t.Helper()
	origin := listen(t, greetAndEcho)
	resetting := listen(t, func(c *net.TCPConn) {
		if skipHello(c) == nil {
			_, _ = c.Write([]byte("hi"))
			_, _ = c.Read(make([]byte, 1))
			_ = c.SetLinger(0)
		}
	})
	refusing := programs.Refusing(t).String()
	theirs, ours = new(exported), new(exported)
	for _, e := range []*exported{theirs, ours} {
		e.tls, e.second = freeAddress(t), freeAddress(t)
	}
	dir, page := t.TempDir(), freeAddress(t)
	file := filepath.Join(dir, "haproxy.cfg")
	text := metricsConfig(theirs, origin, resetting, refusing) +
		"frontend page\n\tmode http\n\ttimeout client 20s\n\tbind " + page + "\n\thttp-request use-service prometheus-exporter if { path /metrics }\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	startHAProxy(t, programs.Need(t, "haproxy"), file)
	theirs.page = func() string {
		answer, err := http.Get("http://" + page + "/metrics")
		if err != nil {
			return ""
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		return string(text)
	}
	file = filepath.Join(dir, "ours.cfg")
	if err := os.WriteFile(file, []byte(metricsConfig(ours, origin, resetting, refusing)), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &process{dir: dir, admin: freeAddress(t)}
	adapt := command(t, dir, "adapt", "--config", file, "--adapter", "haproxy")
	adapted, err := adapt.Output()
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(adapted, &config); err != nil {
		t.Fatal(err)
	}
	config["admin"] = map[string]any{"listen": p.admin}
	config["apps"].(map[string]any)["passthrough"].(map[string]any)["metrics"] = map[string]any{"haproxy_names": true}
	adapted, _ = json.Marshal(config)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), adapted, 0o600); err != nil {
		t.Fatal(err)
	}
	p.run(t, "config.json", 0)
	ours.page = func() string { return p.scrape(t).text }
	return theirs, ours
}

// drive makes the same connections to a program.
func (e *exported) drive(t *testing.T) {
	t.Helper()
	sends := func(address, name string) *net.TCPConn {
		c := dial(t, address)
		_, _ = c.Write(hellotest.Hello(t, name))
		return c
	}
	closes := func(c *net.TCPConn) {
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	}
	for range 5 {
		c := sends(e.tls, "www.example.test")
		read(t, c, make([]byte, 2))
		_, _ = c.Write([]byte("some more"))
		closes(c)
	}
	closes(sends(e.second, "www.example.test"))
	c := dial(t, e.tls)
	_, _ = c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	closes(c)
	d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	if c, err := d.Dial("tcp", e.tls); err == nil { // else it was refused before Dial has returned
		_ = c.Close()
	}
	closes(sends(e.tls, "dead.example.test"))
	closes(sends(e.tls, "dead.example.test"))
	for range 2 {
		closes(sends(e.tls, "moves.example.test"))
	}
	c = sends(e.tls, "resets.example.test")
	read(t, c, make([]byte, 2))
	_, _ = c.Write([]byte("x"))
	_, _ = io.Copy(io.Discard, c)
	_ = c.Close()
	c = sends(e.tls, "www.example.test")
	read(t, c, make([]byte, 2))
	_ = c.SetLinger(0)
	_ = c.Close()
	c = dial(t, e.tls)
	_, _ = c.Write(hellotest.Hello(t, "www.example.test")[:100])
	time.Sleep(50 * time.Millisecond) // the proxy has read them
	_ = c.SetLinger(0)
	_ = c.Close()
}

// differing are metrics of which both programs may have other values, by the reason.
var differing = map[string]*regexp.Regexp{
	"times, and times since the start": regexp.MustCompile(`_(seconds|seconds_total)\{|^haproxy_process_(uptime|start_time)_seconds$`),
	"the process's own":                regexp.MustCompile(`^haproxy_process_(?:max|hard|current|jobs|listeners|pool|idle|bytes_out|connections_total|requests_total|nbthread)`),
	"bytes that no server got":         regexp.MustCompile(`^haproxy_(?:frontend_(?:req_)?bytes_in_total|(?:backend|server)_(?:req_)?bytes_in_total\{proxy="dead")`),
	"a tenth of maxconn, or fullconn":  regexp.MustCompile(`^haproxy_backend_limit_sessions`),
	"rates, which may be low":          regexp.MustCompile(`_session_rate\{|_rate_max\{`),
	"connections that have not left":   regexp.MustCompile(`^haproxy_(?:frontend|listener|backend|server)_max_sessions`),
	"about idle connections of HTTP":   regexp.MustCompile(`^haproxy_server_need_connections_current`),
	"unknown here":                     regexp.MustCompile(`^haproxy_process_patterns|^haproxy_listener_.*(?:_denied_|_errors_|bytes_)`),
}

// ofPage are series of HAProxy's page itself, and others that only it can have.
var ofPage = regexp.MustCompile(`proxy="page"|^haproxy_process_(?:build_info|node)\{`)

// sorted returns a series with its labels in order, without those that are only here, beside proxy.
func sorted(series string) (name string, labels []string) {
	name, rest, _ := strings.Cut(strings.TrimSuffix(series, "}"), "{")
	if rest != "" {
		labels = strings.Split(rest, ",")
	}
	labels = slices.DeleteFunc(labels, func(label string) bool {
		return strings.HasPrefix(label, "frontend=") || strings.HasPrefix(label, "backend=")
	})
	slices.Sort(labels)
	return name, labels
}

// sameOrder returns a page's series with sorted labels.
func (m *metrics) sameOrder() map[string]float64 {
	all := make(map[string]float64)
	for series, v := range m.values {
		name, labels := sorted(series)
		if len(labels) > 0 {
			name += "{" + strings.Join(labels, ",") + "}"
		}
		all[name] = v
	}
	return all
}

// differences returns how ours differs from HAProxy's page, a line each: series that are missing,
// types, and values of those that must agree.
func differences(theirs, ours metrics) (all []string) {
	want, got := theirs.sameOrder(), ours.sameOrder()
	for _, series := range slices.Sorted(maps.Keys(want)) {
		v, found := got[series]
		name, _, _ := strings.Cut(series, "{")
		switch {
		case ofPage.MatchString(series):
		case !found:
			all = append(all, series+": missing")
		case ours.types[name] != theirs.types[name]:
			all = append(all, fmt.Sprintf("%s: %s, want %s", series, ours.types[name], theirs.types[name]))
		case v != want[series] && !(math.IsNaN(v) && math.IsNaN(want[series])) && !differs(series):
			all = append(all, fmt.Sprintf("%s: %v, want %v", series, v, want[series]))
		}
	}
	return all
}

func differs(series string) bool {
	for _, names := range differing {
		if names.MatchString(series) {
			return true
		}
	}
	return false
}

// TestMetricsByHAProxyNames makes the same connections to HAProxy and to our program, with the same
// haproxy.cfg: all metrics of its exporter are there, with their types and labels, and the numbers
// agree.
func TestMetricsByHAProxyNames(t *testing.T) {
	t.Parallel()
	theirs, ours := startExported(t)
	checked := regexp.MustCompile(`(?m)^haproxy_backend_active_servers\{(?:backend="web",)?proxy="web"\} 1$`)
	for _, e := range []*exported{theirs, ours} { // the check of s2 has failed
		for over := time.Now().Add(patience); !checked.MatchString(e.page()); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(over) {
				t.Fatalf("s2 is not down:\n%s", e.page())
			}
		}
		e.drive(t)
	}
	for over := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		its := parseMetrics(t, theirs.page())
		wrong := differences(its, parseMetrics(t, ours.page()))
		if len(its.values) > 0 && len(wrong) == 0 {
			t.Logf("%d series agree", len(its.values))
			return
		}
		if time.Now().After(over) {
			t.Fatalf("%d differences from HAProxy:\n%s", len(wrong), strings.Join(wrong, "\n"))
		}
	}
}
