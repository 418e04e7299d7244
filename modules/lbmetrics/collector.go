// SPDX-License-Identifier: Apache-2.0

package lbmetrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// snapshot holds the numbers that several metrics are made of.
type snapshot struct {
	now       time.Time
	frontends map[string]*frontend.Metrics
	backends  []pool.BackendStatus
	listeners []frontend.ListenerMetrics
}

func newSnapshot() *snapshot {
	return &snapshot{time.Now(), frontend.AllMetrics(), balancer.Registry().Backends(), frontend.AllListeners()}
}

// parts send the metrics with names of our own, each those of its file.
var parts = []func(output, *snapshot){sendProcess, sendFrontends, sendBackends, sendServers, sendListeners, sendRelay, sendLogs, sendTables, sendPeers, sendNames}

// collector shows the numbers of the process. It holds none.
type collector struct {
	haproxy bool // by the names of HAProxy's exporter as well
}

func newCollector(haproxyNames bool) *collector { return &collector{haproxyNames} }

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, m := range ours {
		to <- m.desc
	}
	if c.haproxy {
		for _, m := range haproxyMetrics() {
			to <- m.desc
		}
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	s := newSnapshot()
	for _, part := range parts {
		part(to, s)
	}
	if c.haproxy {
		sendHAProxy(to, s)
	}
}
