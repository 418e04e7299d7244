// SPDX-License-Identifier: Apache-2.0

package lbmetrics

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
)

const prefix = "caddy_passthrough_"

// metric is a metric of the collector.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string
	also       string // one more label, with the value of the first one; or empty
	desc       *prometheus.Desc
}

// ours are all metrics with names of our own.
var ours []*metric

func newMetric(kind prometheus.ValueType, name, help string, labels []string) *metric {
	m := &metric{name: name, help: help, kind: kind, labels: labels, also: exporterLabel(name)}
	if m.also != "" {
		labels = append(slices.Clone(labels), m.also)
	}
	m.desc = prometheus.NewDesc(name, help, labels, nil)
	return m
}

func add(kind prometheus.ValueType, name, help string, labels []string) *metric {
	m := newMetric(kind, prefix+name, help, labels)
	ours = append(ours, m)
	return m
}

// counter adds a counter.
func counter(name, help string, labels ...string) *metric {
	return add(prometheus.CounterValue, name, help, labels)
}

// gauge adds a gauge.
func gauge(name, help string, labels ...string) *metric {
	return add(prometheus.GaugeValue, name, help, labels)
}

// histogram adds a histogram.
func histogram(name, help string, labels ...string) *metric {
	return add(prometheus.UntypedValue, name, help, labels)
}

// output is where a collection goes.
type output chan<- prometheus.Metric

// number is a type of values.
type number interface {
	~int | ~int32 | ~int64 | ~uint64 | ~float64
}

// send sends a value. Labels may hold any bytes.
func send[N number](out output, m *metric, v N, labels ...string) {
	if m.also != "" {
		labels = append(slices.Clone(labels), labels[0])
	}
	out <- prometheus.MustNewConstMetric(m.desc, m.kind, float64(v), clean(labels)...)
}

// sendIf sends 1 if a condition holds, else 0.
func sendIf(out output, m *metric, holds bool, labels ...string) {
	v := 0
	if holds {
		v = 1
	}
	send(out, m, v, labels...)
}

// sendLimit sends a limit, unless it is 0.
func sendLimit[N number](out output, m *metric, limit N, labels ...string) {
	if limit > 0 {
		send(out, m, limit, labels...)
	}
}

// sendTime sends a time in seconds since 1970, unless it is zero.
func sendTime(out output, m *metric, at time.Time, labels ...string) {
	if !at.IsZero() {
		send(out, m, float64(at.UnixNano())/1e9, labels...)
	}
}

// sendState sends a value for each state, 1 for the current one.
func sendState(out output, m *metric, states []string, current string, labels ...string) {
	for _, state := range states {
		sendIf(out, m, state == current, append(slices.Clone(labels), state)...)
	}
}

// clean returns labels in which bytes that are not printable ASCII are escaped, as in the log:
// clients choose some of them.
func clean(labels []string) []string {
	for i := range labels {
		labels[i] = printable.Text(labels[i])
	}
	return labels
}
