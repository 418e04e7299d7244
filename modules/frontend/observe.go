// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"slices"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// outcomes is the number of outcomes of an inspection, with one more for none.
const outcomes = int(clienthello.ClientLeft) + 2

// Tally counts the connections of a frontend that have ended.
type Tally struct {
	In, Out  int64
	Outcomes [outcomes]uint64 // by clienthello.Outcome; the last one: not inspected

	HelloBytes          tally.Histogram // with the layout tally.Bytes
	HelloWait, Duration tally.Histogram // in seconds, with the layout tally.Seconds

	Hellos HelloCounts

	Refused map[Refusal]uint64
}

// Refusal says which rule has refused a connection.
type Refusal struct {
	// Reason is connection, session, content, routing or response for a rule, or an outcome of the
	// option on.
	Reason string
	// Rule is the number of the rule in its list, from 1; 0: none.
	Rule int
}

// ServerNames counts the names that clients ask for.
var ServerNames tally.Names

// Fingerprints counts the JA4 fingerprints of their hellos.
var Fingerprints tally.Names

// merge adds the counts of another lane.
func (t *Tally) merge(o *Tally) {
	t.In += o.In
	t.Out += o.Out
	for n := range t.Outcomes {
		t.Outcomes[n] += o.Outcomes[n]
	}
	t.HelloBytes.Add(&o.HelloBytes)
	t.HelloWait.Add(&o.HelloWait)
	t.Duration.Add(&o.Duration)
	t.Hellos.Add(&o.Hellos)
	for why, n := range o.Refused {
		if t.Refused == nil {
			t.Refused = make(map[Refusal]uint64)
		}
		t.Refused[why] += n
	}
}

// countHello counts a complete hello.
func (f *Frontend) countHello(h *clienthello.Hello) {
	var ja4 string
	if Fingerprints.Counts() {
		ja4 = h.JA4()
	}
	l := tally.Enter()
	defer l.Leave()
	t := f.ends.tally.In(l)
	t.HelloBytes.Observe(&tally.Bytes, float64(h.Len()))
	t.Hellos.count(h)
	if ja4 != "" {
		Fingerprints.Add(l, ja4)
	}
}

// count counts a connection that has ended. It allocates nothing and does not block.
func (e *ending) count(r *tcplog.Record, server *pool.Server, counts *endCounts) {
	counts.by[e.end].Add(1)
	if e.end == tcplog.PassedOn {
		return
	}
	facts := r.Facts()
	l := tally.Enter()
	defer l.Leave()
	e.countFrontend(counts.tally.In(l), r, &facts)
	if e.traffic != nil {
		t := e.traffic.In(l)
		e.countTraffic(&t.Traffic, r, &facts)
		if facts.Queue > 0 {
			t.QueueSeconds.Observe(&tally.Seconds, facts.Queue.Seconds())
		}
		if facts.Connect >= 0 {
			t.ConnectSeconds.Observe(&tally.Seconds, facts.Connect.Seconds())
		}
		if server != nil {
			e.countTraffic(server.Traffic().In(l), r, &facts)
		}
	}
	if e.end != tcplog.OverLimit { // many would leave nothing else to see
		recentEnds.In(l).add(e, r, &facts)
	}
	if facts.Outcome == clienthello.Found && !facts.Uninspected && ServerNames.Counts() {
		e.countName(l, facts.ServerName, r)
	}
}

func (e *ending) countFrontend(t *Tally, r *tcplog.Record, facts *tcplog.Facts) {
	t.In += r.In
	t.Out += r.Out
	t.Duration.Observe(&tally.Seconds, r.Duration.Seconds())
	if facts.Uninspected {
		t.Outcomes[outcomes-1]++
	} else {
		t.Outcomes[facts.Outcome]++
	}
	if facts.HelloWait >= 0 {
		t.HelloWait.Observe(&tally.Seconds, facts.HelloWait.Seconds())
	}
	if e.refusal.Reason != "" {
		if t.Refused == nil {
			t.Refused = make(map[Refusal]uint64)
		}
		t.Refused[e.refusal]++
	}
}

// countTraffic counts the connection for its backend or its server.
func (e *ending) countTraffic(t *pool.Traffic, r *tcplog.Record, facts *tcplog.Facts) {
	t.Connections++
	t.In += r.In
	t.Out += r.Out
	k := kinds[e.end]
	t.ConnectErrors += k.connectError
	t.ResponseErrors += k.responseError
	t.ClientAborts += k.clientAbort
	t.ServerAborts += k.serverAbort
	t.Queue.Observe(max(facts.Queue, 0))
	t.Connect.Observe(max(facts.Connect, 0))
	t.Total.Observe(r.Duration)
}

// kinds says which ends are failures, and of what kind, as HAProxy counts them: 1 or 0.
var kinds = [tcplog.EndCount]struct{ connectError, responseError, clientAbort, serverAbort uint64 }{
	tcplog.ConnectFailed:     {connectError: 1},
	tcplog.ConnectTimeout:    {connectError: 1},
	tcplog.NoAddress:         {connectError: 1},
	tcplog.NoServer:          {connectError: 1},
	tcplog.NoResources:       {connectError: 1},
	tcplog.Unresolved:        {connectError: 1},
	tcplog.QueueTimeout:      {connectError: 1},
	tcplog.QueueFull:         {connectError: 1},
	tcplog.ServerReset:       {responseError: 1, serverAbort: 1},
	tcplog.ServerTimeout:     {serverAbort: 1},
	tcplog.ClientReset:       {clientAbort: 1},
	tcplog.ClientTimeout:     {clientAbort: 1},
	tcplog.ClientLeftQueue:   {clientAbort: 1},
	tcplog.ClientLeftConnect: {clientAbort: 1},
}

// Metrics are the numbers of a frontend.
type Metrics struct {
	// Connections is the number of open ones, Highest the highest number so far, Waiting that of
	// bytes of incomplete hellos.
	Connections, Highest, UnfinishedHellos int64
	// Accepted is the number of connections accepted, Sessions that of those which the rules about
	// the peer's address let through. Rate is the number of those in the last second, MaxRate the
	// highest that was ever returned.
	Accepted, Sessions int64
	Rate, MaxRate      int
	Ended              [tcplog.EndCount]int64
	OverLimit          map[string]int64 // by limits.Reason
	Tally
	// MaxConn and SessionRate are the limits now; 0: none. Running reports whether a configuration
	// has the frontend.
	MaxConn, SessionRate int
	Running              bool
	State                State
	// ConnRate is the number of connections accepted in the last second, MaxConnRate the highest that
	// was ever returned.
	ConnRate, MaxConnRate int
}

// RefusedFor returns the number of connections that were refused for some reasons.
func (m *Metrics) RefusedFor(reasons ...string) (sum uint64) {
	for why, n := range m.Refused {
		if slices.Contains(reasons, why.Reason) {
			sum += n
		}
	}
	return sum
}

// EndedBy returns the number of connections that ended in some ways.
func (m *Metrics) EndedBy(ends ...tcplog.End) (sum int64) {
	for _, end := range ends {
		sum += m.Ended[end]
	}
	return sum
}

// AllMetrics returns the numbers of all frontends that AllCounts returns.
func AllMetrics() map[string]*Metrics {
	all := make(map[string]*Metrics)
	for name, counts := range frontendEnds.all() {
		if isNamed(name) {
			all[name] = metricsOf(name, counts)
		}
	}
	return all
}

func metricsOf(name string, counts *endCounts) *Metrics {
	m := &Metrics{Accepted: counts.accepted.Load(), Sessions: counts.sessions.Load()}
	if c := frontendConns.lookup(name); c != nil {
		m.Connections, m.Highest, m.Rate = c.Load(), c.highest.Load(), c.rate.PerSecond(time.Now())
	}
	m.ConnRate = counts.accepts.PerSecond(time.Now())
	m.MaxRate, m.MaxConnRate = counts.maxRate.note(m.Rate), counts.maxConnRate.note(m.ConnRate)
	for end := range counts.by {
		m.Ended[end] = counts.by[end].Load()
	}
	if l := frontendLimits.lookup(name); l != nil {
		m.OverLimit, m.UnfinishedHellos = l.refusals.Counts(), l.hellos.Load()
	}
	if a := activeFrontends.lookup(name); a != nil {
		if f := a.current(); f != nil {
			m.MaxConn, m.SessionRate, m.Running, m.State = f.maxConn(), f.sessionRate(), true, f.state()
		}
	}
	counts.tally.Each(m.merge)
	return m
}

// Load is the number of connections in a backend, the highest so far, and the number of those that
// came in the last second, with the highest that was ever returned.
type Load struct {
	Connections, Highest int64
	Rate, MaxRate        int
}

// BackendLoad returns the load of a backend, which counts connections without a server too.
func BackendLoad(name string) (l Load) {
	if c := backendConns.lookup(name); c != nil {
		rate := c.rate.PerSecond(time.Now())
		l = Load{c.Load(), c.highest.Load(), rate, c.maxRate.note(rate)}
	}
	return l
}
