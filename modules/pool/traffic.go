// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
)

// Traffic counts the connections of a server, or of a backend, since the process began. The pool's
// user counts it, when each connection ends.
type Traffic struct {
	// Connections is the number of connections that have ended.
	Connections uint64
	// In and Out are the bytes that clients and servers sent.
	In, Out int64
	// ConnectErrors is the number of connections that failed to connect to a server, with all their
	// retries; ResponseErrors that of sessions that the server broke.
	ConnectErrors, ResponseErrors uint64
	// ClientAborts and ServerAborts are the numbers of sessions that one side broke, or left idle.
	ClientAborts, ServerAborts uint64

	Queue, Connect, Total Times

	// Alerts are the numbers of sessions that the server refused by a fatal TLS alert, by its
	// description.
	Alerts map[byte]uint64
}

// CountAlert counts a session that the server refused by an alert.
func (t *Traffic) CountAlert(description byte) {
	if t.Alerts == nil {
		t.Alerts = make(map[byte]uint64)
	}
	t.Alerts[description]++
}

// BackendTraffic is the Traffic of a backend, and more of its times.
type BackendTraffic struct {
	Traffic
	QueueSeconds, ConnectSeconds, FirstByteSeconds tally.Histogram
}

// Add adds the counts of another lane.
func (t *Traffic) Add(o *Traffic) {
	t.Connections += o.Connections
	t.In += o.In
	t.Out += o.Out
	t.ConnectErrors += o.ConnectErrors
	t.ResponseErrors += o.ResponseErrors
	t.ClientAborts += o.ClientAborts
	t.ServerAborts += o.ServerAborts
	t.Queue.add(&o.Queue)
	t.Connect.add(&o.Connect)
	t.Total.add(&o.Total)
	for alert, n := range o.Alerts {
		if t.Alerts == nil {
			t.Alerts = make(map[byte]uint64)
		}
		t.Alerts[alert] += n
	}
}

// Add adds the counts of another lane.
func (t *BackendTraffic) Add(o *BackendTraffic) {
	t.Traffic.Add(&o.Traffic)
	t.QueueSeconds.Add(&o.QueueSeconds)
	t.ConnectSeconds.Add(&o.ConnectSeconds)
	t.FirstByteSeconds.Add(&o.FirstByteSeconds)
}

// timesWindow is the number of times, the last ones of a lane, that an average is about. HAProxy
// has about as many.
const timesWindow = 512

// Times holds the average of the last times of a kind, and the highest of all.
type Times struct {
	sum time.Duration // of n times; each further one replaces an average one
	n   int64
	max time.Duration
}

// Observe adds a time.
func (t *Times) Observe(d time.Duration) {
	t.max = max(t.max, d)
	if t.n < timesWindow {
		t.n++
		t.sum += d
		return
	}
	t.sum += d - t.sum/timesWindow
}

// add joins the times of two lanes.
func (t *Times) add(o *Times) {
	t.sum += o.sum
	t.n += o.n
	t.max = max(t.max, o.max)
}

// Average returns the average of the last times; 0 without any.
func (t *Times) Average() time.Duration {
	if t.n == 0 {
		return 0
	}
	return t.sum / time.Duration(t.n)
}

// Max returns the highest time; 0 without any.
func (t *Times) Max() time.Duration { return t.max }
