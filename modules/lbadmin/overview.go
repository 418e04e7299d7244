// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// Overview sums up the state of the process.
type Overview struct {
	Process   Process       `json:"process"`
	Frontends FrontendCount `json:"frontends"`
	Backends  BackendCount  `json:"backends"`
	Servers   ServerCount   `json:"servers"`
	// Rate is the number of sessions of all frontends in the last second, SessionsTotal that of those
	// so far.
	Rate          int   `json:"rate"`
	SessionsTotal int64 `json:"sessions_total"`
	// BytesIn and BytesOut are the bytes of clients and servers, counted when connections end.
	BytesIn  int64 `json:"bytes_in"`
	BytesOut int64 `json:"bytes_out"`
	// Queue is the number of connections that wait for a server.
	Queue int64 `json:"queue"`
}

// FrontendCount counts frontends by their state.
type FrontendCount struct {
	Total int `json:"total"`
	Open  int `json:"open"`
}

// BackendCount counts backends. Down is the number of those without a usable server.
type BackendCount struct {
	Total int `json:"total"`
	Down  int `json:"down"`
}

// ServerCount counts servers by their state. Up is the number of those that are neither down, nor
// in drain or maint.
type ServerCount struct {
	Total int `json:"total"`
	Up    int `json:"up"`
	Down  int `json:"down"`
	Drain int `json:"drain"`
	Maint int `json:"maint"`
}

func newOverview() Overview {
	o := Overview{Process: newProcess()}
	for _, f := range control.Frontends() {
		o.Frontends.Total++
		if f.Running && f.State != frontend.Stopped {
			o.Frontends.Open++
		}
		o.Rate += f.Rate
		o.SessionsTotal += f.Sessions
		o.BytesIn += f.In
		o.BytesOut += f.Out
	}
	for _, b := range control.Backends() {
		o.Backends.Total++
		if b.Down {
			o.Backends.Down++
		}
		o.Queue += int64(b.Queue)
		for i := range b.Servers {
			o.Servers.count(&b.Servers[i])
			o.Queue += b.Servers[i].Queued
		}
	}
	return o
}

func (c *ServerCount) count(s *pool.ServerStatus) {
	c.Total++
	switch s.State() {
	case "maint":
		c.Maint++
	case "down":
		c.Down++
	case "drain":
		c.Drain++
	default:
		c.Up++
	}
}
