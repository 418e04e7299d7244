// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"crypto/tls"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// Traffic holds the numbers of the connections of a backend or a server since the process began.
// Except for retries, they are counted when connections end.
type Traffic struct {
	// ConnectionsEnded is the number of connections that have ended.
	ConnectionsEnded uint64 `json:"connections_ended"`
	// BytesIn and BytesOut are the bytes of clients and servers.
	BytesIn  int64 `json:"bytes_in"`
	BytesOut int64 `json:"bytes_out"`
	// ConnectErrors is the number of connections that found no server, or failed to connect to one;
	// ResponseErrors that of sessions that the server broke.
	ConnectErrors  uint64 `json:"connect_errors"`
	ResponseErrors uint64 `json:"response_errors"`
	// ClientAborts and ServerAborts are the numbers of sessions that one side broke, or left idle.
	ClientAborts uint64 `json:"client_aborts"`
	ServerAborts uint64 `json:"server_aborts"`
	// Retries and Redispatches are the numbers of further attempts to connect.
	Retries      uint64 `json:"retries"`
	Redispatches uint64 `json:"redispatches"`
	// Times are those in the queue, to connect, and in all.
	Times Times `json:"times"`
	// Alerts are the numbers of sessions that the server refused by a fatal TLS alert.
	Alerts map[string]uint64 `json:"alerts,omitempty"`
}

// Times are the times of connections.
type Times struct {
	Queue   Time `json:"queue"`
	Connect Time `json:"connect"`
	Total   Time `json:"total"`
}

// Time is in seconds: the average of about the last 1000 connections, and the highest so far.
type Time struct {
	Average float64 `json:"average"`
	Max     float64 `json:"max"`
}

func newTime(t *pool.Times) Time { return Time{t.Average().Seconds(), t.Max().Seconds()} }

func newTraffic(t *pool.Traffic, totals pool.Totals) Traffic {
	out := Traffic{
		ConnectionsEnded: t.Connections, BytesIn: t.In, BytesOut: t.Out, ConnectErrors: t.ConnectErrors, ResponseErrors: t.ResponseErrors,
		ClientAborts: t.ClientAborts, ServerAborts: t.ServerAborts, Retries: totals.Retries, Redispatches: totals.Redispatches,
		Times: Times{newTime(&t.Queue), newTime(&t.Connect), newTime(&t.Total)},
	}
	for alert, n := range t.Alerts {
		if out.Alerts == nil {
			out.Alerts = make(map[string]uint64)
		}
		out.Alerts[tls.AlertError(alert).Error()] += n
	}
	return out
}
