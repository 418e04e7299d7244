// SPDX-License-Identifier: Apache-2.0

package lbmetrics

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

var update = flag.Bool("update", false, "write the tables of docs/metrics.md")

var kinds = map[prometheus.ValueType]string{prometheus.CounterValue: "counter", prometheus.GaugeValue: "gauge", prometheus.UntypedValue: "histogram"}

// namesTable documents the metrics with names of our own.
func namesTable() string {
	b := new(strings.Builder)
	b.WriteString("\n| `" + prefix + "…` | type | labels | |\n|---|---|---|---|\n")
	for _, m := range ours {
		labels := ""
		if len(m.labels) > 0 {
			labels = "`" + strings.Join(m.labels, "`, `") + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", strings.TrimPrefix(m.name, prefix), kinds[m.kind], labels, strings.TrimSuffix(m.help, "."))
	}
	return b.String() + "\n"
}

// haproxyTable documents those with HAProxy's names.
func haproxyTable() string {
	rows := slices.Clone(haproxyRows)
	slices.SortFunc(rows, func(a, b haproxyRow) int { return strings.Compare(a.name, b.name) })
	b := new(strings.Builder)
	b.WriteString("\n| HAProxy's | `" + prefix + "…` | |\n|---|---|---|\n")
	for _, r := range rows {
		name := ""
		if r.ours != "" {
			name = "`" + r.ours + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", r.name, name, r.note)
	}
	return b.String() + "\n"
}

// docs/metrics.md has every metric, and HAProxy's name of each.
func TestDocument(t *testing.T) {
	t.Parallel()
	const file = "../../docs/metrics.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for name, table := range map[string]string{"names": namesTable(), "haproxy": haproxyTable()} {
		begin, end := "<!-- "+name+": go test ./modules/lbmetrics -update writes them -->\n", "<!-- end of "+name+" -->"
		before, rest, found := strings.Cut(want, begin)
		_, after, ended := strings.Cut(rest, end)
		if !found || !ended {
			t.Fatalf("no %q in %s", begin, file)
		}
		want = before + begin + table + end + after
	}
	switch {
	case want == string(text):
	case *update:
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not up to date: go test ./modules/lbmetrics -update writes it", file)
	}
}

// Each metric of ours that stands beside one of HAProxy's exists.
func TestHAProxyRowsNameOurs(t *testing.T) {
	t.Parallel()
	for _, r := range haproxyRows {
		if r.ours != "" && !slices.ContainsFunc(ours, func(m *metric) bool { return m.name == prefix+r.ours }) {
			t.Errorf("%s: there is no %s", r.name, r.ours)
		}
		if r.ours == "" && r.note == "" && !slices.Contains(plain, r.name) {
			t.Errorf("%s: expected a metric of ours, or a note", r.name)
		}
	}
}

// plain are metrics of HAProxy that need no explanation.
var plain = []string{
	"haproxy_backend_check_last_change_seconds", "haproxy_backend_last_session_seconds", "haproxy_backend_loadbalanced_total",
	"haproxy_backend_max_sessions", "haproxy_backend_max_queue", "haproxy_backend_connection_attempts_total", "haproxy_listener_limit_sessions",
	"haproxy_process_limit_connection_rate", "haproxy_process_limit_session_rate", "haproxy_process_nb_thread_groups", "haproxy_process_nbproc", "haproxy_process_nbthread",
	"haproxy_process_relative_process_id", "haproxy_process_start_time_seconds", "haproxy_process_uptime_seconds",
	"haproxy_server_active", "haproxy_server_agent_duration_seconds", "haproxy_server_agent_status", "haproxy_server_backup",
	"haproxy_server_connection_attempts_total", "haproxy_server_max_queue", "haproxy_server_queue_limit",
}
