// SPDX-License-Identifier: Apache-2.0

// Package lbmetrics shows the numbers of the load balancer to Prometheus: on Caddy's page /metrics,
// by its handler metrics, and by its OTLP push. It registers one collector with the registry of
// each configuration. The numbers belong to the process: they continue over reloads, and the
// collector reads them when it is asked, never from the app of its own configuration. It holds no
// numbers.
package lbmetrics

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

func init() {
	caddy.RegisterModule(new(Metrics))
}

const (
	defaultNames = 100
	maxNames     = 1000
)

// Metrics configures the metrics of the app passthrough. They are on by default.
type Metrics struct {
	// Off leaves the metrics out. Names are counted even so, for the admin endpoint and the status
	// page.
	Off bool `json:"off,omitempty"`

	// HAProxyNames shows them by the names of HAProxy's exporter as well, such as
	// haproxy_frontend_current_sessions, for dashboards and alerts that were made for it.
	HAProxyNames bool `json:"haproxy_names,omitempty"`

	// Names is the number of server names, the most frequent ones, that are counted one by one; the
	// others are counted together. 0 counts no names, and keeps them off the admin endpoint and the
	// status page too. Default: 100.
	Names *int `json:"names,omitempty"`

	// JA4 counts the JA4 fingerprints of hellos, as many as names. They cost some time for each
	// hello.
	JA4 bool `json:"ja4,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Metrics) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.metrics",
		New: func() caddy.Module { return new(Metrics) },
	}
}

// Provision registers the collector.
func (m *Metrics) Provision(ctx caddy.Context) error {
	if m.Names == nil {
		m.Names = new(defaultNames)
	}
	if *m.Names < 0 || *m.Names > maxNames {
		return fmt.Errorf("names %d: expected a whole number from 0 to %d", *m.Names, maxNames)
	}
	registry := ctx.GetMetricsRegistry()
	if m.Off || registry == nil {
		return nil
	}
	return registry.Register(newCollector(m.HAProxyNames))
}

// Activate applies the options to the process: the configuration runs.
func (m *Metrics) Activate() {
	names := *m.Names
	frontend.ServerNames.Limit(names)
	if !m.JA4 {
		names = 0
	}
	frontend.Fingerprints.Limit(names)
}

// UnmarshalCaddyfile sets up the metrics. Syntax:
//
//	metrics {
//		off
//		haproxy_names
//		names <number>
//		ja4
//	}
func (m *Metrics) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the option's name
	return options.Table{
		"off":           options.Flag(&m.Off),
		"haproxy_names": options.Flag(&m.HAProxyNames),
		"ja4":           options.Flag(&m.JA4),
		"names":         options.Optional(&m.Names, func(p *int) options.Option { return options.Int(p, 0, maxNames) }),
	}.ParseBlock(d)
}

// Interface guards
var (
	_ caddy.Module          = (*Metrics)(nil)
	_ caddy.Provisioner     = (*Metrics)(nil)
	_ caddyfile.Unmarshaler = (*Metrics)(nil)
)
