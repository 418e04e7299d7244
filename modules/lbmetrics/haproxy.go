// SPDX-License-Identifier: Apache-2.0

package lbmetrics

import (
	"math"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// row is a metric of HAProxy's exporter: how to compute it, and the metric of ours that shows the
// same. T is the frontend, the server and so on.
type row[T any] struct {
	name  string // after haproxy_ and the scope
	value func(*T) float64
	ours  string // its name without the prefix, for the documentation; may be empty
	note  string // on a difference
}

// scope is a group of HAProxy's metrics that have the same labels.
type scope[T any] struct {
	prefix  string
	labels  []string
	rows    []row[T]
	metrics []*metric
}

// notHere returns the value of metrics about things that this program does not have: nothing is
// ever counted, and no such limit is set.
func notHere[T any](*T) float64 { return 0 }

// unknown returns the value of metrics about which nothing is known here.
func unknown[T any](*T) float64 { return math.NaN() }

// haproxyAll are all metrics with HAProxy's names.
var haproxyAll []*metric

// haproxyRows describe them, for the documentation.
var haproxyRows []haproxyRow

type haproxyRow struct{ name, ours, note string }

// newScope makes the metrics of a scope.
func newScope[T any](prefix string, labels []string, rows []row[T]) *scope[T] {
	s := &scope[T]{prefix: prefix, labels: labels, rows: rows}
	for _, r := range rows {
		s.metrics = append(s.metrics, haproxyMetric(prefix+r.name, labels, r.ours, r.note))
	}
	return s
}

// haproxyMetric makes a metric, whose name tells its kind as in HAProxy.
func haproxyMetric(name string, labels []string, ours, note string) *metric {
	kind := prometheus.GaugeValue
	if haproxyCounter(name) {
		kind = prometheus.CounterValue
	}
	help := "As of HAProxy's exporter."
	m := newMetric(kind, name, help, labels)
	haproxyAll = append(haproxyAll, m)
	haproxyRows = append(haproxyRows, haproxyRow{name, ours, note})
	return m
}

// haproxyCounter reports whether a metric is a counter in HAProxy.
func haproxyCounter(name string) bool {
	switch name {
	case "haproxy_process_failed_resolutions", "haproxy_process_total_warnings":
		return true
	case "haproxy_process_patterns_added_total", "haproxy_process_patterns_freed_total":
		return false
	}
	return strings.HasSuffix(name, "_total")
}

// haproxyMetrics returns all of them.
func haproxyMetrics() []*metric { return haproxyAll }

// send sends the metrics of a scope.
func (s *scope[T]) send(out output, of *T, labels ...string) {
	for i, r := range s.rows {
		send(out, s.metrics[i], r.value(of), append([]string(nil), labels...)...)
	}
}

// sendHAProxy sends everything by HAProxy's names.
func sendHAProxy(out output, s *snapshot) {
	sendHAProxyProcess(out, s)
	for name, m := range s.frontends {
		sendHAProxyFrontend(out, name, m)
	}
	sendHAProxyListeners(out, s)
	for i := range s.backends {
		sendHAProxyBackend(out, &s.backends[i])
	}
	sendHAProxyTables(out)
	sendExporter(out, s)
}

// since returns the whole seconds since a time, or since the process began if it is zero.
func since(at time.Time) float64 {
	if at.IsZero() {
		at = started
	}
	return math.Floor(time.Since(at).Seconds())
}

// orNaN returns a limit, or NaN without one.
func orNaN(limit int) float64 {
	if limit == 0 {
		return math.NaN()
	}
	return float64(limit)
}
