// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"errors"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/policies"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// TestBrokenEarly ends sessions in several ways. Passive checks count only an error that the
// server caused before its first byte: later bytes may have been lost on the way.
func TestBrokenEarly(t *testing.T) {
	reset := relay.Result{By: relay.Server, Cause: relay.Reset}
	for _, c := range []struct {
		name     string
		answered bool
		result   relay.Result
		errors   int64
	}{
		{"reset by the server", false, reset, 1},
		{"reset by the server after its first byte", true, relay.Result{By: relay.Server, Cause: relay.Reset, Out: 1}, 0},
		{"the same, and the byte was lost", true, reset, 0},
		{"reset by the client", false, relay.Result{By: relay.Client, Cause: relay.Reset}, 0},
		{"silent server", false, relay.Result{By: relay.Server, Cause: relay.Timeout}, 0},
		{"closed by the server", false, relay.Result{By: relay.Server, Cause: relay.Closed}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var registry pool.Registry
			p, err := registry.Open(pool.Config{Backend: "b", Policy: new(policies.First), Servers: []pool.ServerConfig{
				{Name: "s", Weight: 1, HealthConfig: pool.HealthConfig{Observe: pool.ObserveAnswer, ErrorLimit: 100}},
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			p.Activate()
			s := new(session)
			if _, err := p.Acquire(t.Context(), &pool.Request{NextLease: &s.lease}); err != nil {
				t.Fatal(err)
			}
			from := &connection{shared: &sessionConfig{feconn: new(connCount), beconn: new(connCount), log: tcplog.Open(nil, zap.NewNop())}}
			liveConns.toSession(from)
			s.begin(from)
			c.result.Answered = c.answered
			s.Ended(c.result)
			b, _ := registry.Backend("b")
			if got := b.Servers[0].Errors; got != c.errors || b.Servers[0].Sessions != 0 {
				t.Errorf("%d errors, want %d; %d sessions", got, c.errors, b.Servers[0].Sessions)
			}
		})
	}
}

// The reason for which a session was ended takes precedence over the resulting error.
func TestSessionEndingReason(t *testing.T) {
	log := tcplog.Open(nil, zap.NewNop())
	for _, c := range []struct {
		result relay.Result
		end    tcplog.End
		err    string
	}{
		{relay.Result{By: relay.Client, Cause: relay.Closed, In: 1, Out: 2}, tcplog.Complete, ""},
		{relay.Result{By: relay.Proxy, Cause: relay.Ended, Reason: "drained", Err: errors.New("closed"), In: 3, Out: 4}, tcplog.Killed, "drained"},
		{relay.Result{By: relay.Client, Cause: relay.Reset, Err: errors.New("broken pipe")}, tcplog.ClientReset, "broken pipe"},
	} {
		r := tcplog.New("tls", nil, nil)
		end := sessionEnding(c.result, &r)
		end.conclude(&r, nil, time.Now(), log, new(endCounts))
		if r.End != c.end || r.EndedBy != c.result.By || r.Error != c.err || r.In != c.result.In || r.Out != c.result.Out {
			t.Errorf("%+v gave %+v", c.result, r)
		}
	}
}
