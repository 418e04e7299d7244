// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"io"
	"maps"
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

// scrapeText gets a page of metrics.
func scrapeText(t *testing.T, address string) string {
	t.Helper()
	answer, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || answer.Header.Get("X-From") != "m" {
		t.Fatalf("%s, %v, %v", answer.Status, answer.Header, err)
	}
	return string(text)
}

// scrape returns the values of HAProxy's metrics at an address, by name and labels in order.
func scrape(t *testing.T, address string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	for line := range strings.Lines(scrapeText(t, address)) {
		series, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || !strings.HasPrefix(series, "haproxy_") {
			continue
		}
		name, labels, _ := strings.Cut(strings.TrimSuffix(series, "}"), "{")
		all := strings.Split(labels, ",")
		// These are beside proxy, for the dashboards of another exporter.
		all = slices.DeleteFunc(all, func(label string) bool {
			return strings.HasPrefix(label, "frontend=") || strings.HasPrefix(label, "backend=")
		})
		slices.Sort(all)
		found[name+"{"+strings.Join(all, ",")+"}"] = value
	}
	return found
}

// exporterConfig returns a configuration with HAProxy's exporter at an address.
func exporterConfig(exporter, tls, server, dead string) string {
	return fmt.Sprintf(`defaults
	mode tcp
	retries 1
	timeout connect 1s
	timeout client 5s
	timeout server 5s
frontend m
	mode http
	bind %s
	http-request deny if { path /denied }
	http-request use-service prometheus-exporter if { path /metrics } or { path /denied }
	http-response set-header X-From m
frontend tls
	bind %s
	tcp-request inspect-delay 5s
	tcp-request content reject if { req.ssl_sni bad.example.test }
	tcp-request content accept if { req.ssl_hello_type 1 }
	use_backend dead if { req.ssl_sni dead.example.test }
	default_backend web
backend web
	server s1 %s
	server s2 %[3]s backup
backend dead
	server d1 %[4]s
`, exporter, tls, server, dead)
}

// equalMetrics matches the metrics that have the same value in both programs after the same
// traffic.
var equalMetrics = regexp.MustCompile(`^haproxy_(` +
	`frontend_(sessions_total|connections_total|bytes_in_total|bytes_out_total|requests_denied_total|current_sessions|denied_connections_total|denied_sessions_total)` +
	`|backend_(bytes_in_total|bytes_out_total|connection_errors_total|response_errors_total|retry_warnings_total|redispatch_warnings_total|current_queue|active_servers|backup_servers|status)` +
	`|server_(bytes_in_total|bytes_out_total|connection_errors_total|retry_warnings_total|current_queue|current_sessions|weight|status)){`)

// TestExporter scrapes HAProxy and this program with the same haproxy.cfg after the same traffic:
// whatever HAProxy shows of the sections in mode tcp is shown here, and counts are equal.
func TestExporter(t *testing.T) {
	t.Parallel()
	haproxy := programs.Need(t, "haproxy")
	server, dead := listen(t, greetAndEcho), programs.Refusing(t).String()
	exporters, frontends := [2]string{freeAddress(t), freeAddress(t)}, [2]string{freeAddress(t), freeAddress(t)}
	dir := runHAProxyConfig(t, map[string]string{"haproxy.cfg": exporterConfig(exporters[0], frontends[0], server, dead)})
	theirs := filepath.Join(dir, "theirs.cfg")
	if err := os.WriteFile(theirs, []byte(exporterConfig(exporters[1], frontends[1], server, dead)), 0o600); err != nil {
		t.Fatal(err)
	}
	startHAProxy(t, haproxy, theirs)
	awaitListener(t, exporters[1])
	for _, name := range []string{"www", "dead", "bad", "www"} {
		for _, address := range frontends {
			c := dial(t, address)
			if _, err := c.Write(hellotest.Hello(t, name+".example.test")); err != nil {
				t.Fatal(err)
			}
			if name == "www" {
				read(t, c, make([]byte, 2))
			}
			_ = c.CloseWrite()
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}
	answer, err := http.Get("http://" + exporters[0] + "/denied")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden {
		t.Errorf("a rule before the exporter: %s", answer.Status)
	}
	compareMetrics(t, exporters)
}

// compareMetrics waits until both programs have counted the ends of all connections.
func compareMetrics(t *testing.T, exporters [2]string) {
	t.Helper()
	for over := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		ours, theirs := scrape(t, exporters[0]), scrape(t, exporters[1])
		differences, compared := "", 0
		for _, series := range slices.Sorted(maps.Keys(theirs)) {
			value, shown := ours[series]
			switch {
			case strings.Contains(series, `proxy="m"`), strings.HasPrefix(series, "haproxy_process_build_info{"):
			case !shown:
				differences += "missing: " + series + "\n"
			// HAProxy counts bytes that no server got.
			case strings.Contains(series, "_bytes_in_total") && !strings.Contains(series, `proxy="web"`):
			case equalMetrics.MatchString(series):
				if compared++; value != theirs[series] {
					differences += fmt.Sprintf("%s: %s, in HAProxy %s\n", series, value, theirs[series])
				}
			}
		}
		if compared < 50 {
			t.Fatalf("only %d metrics were compared", compared)
		}
		if differences == "" {
			return
		}
		if time.Now().After(over) {
			t.Fatal(differences)
		}
	}
}
