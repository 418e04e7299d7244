// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// Probe describes a connection that is only imagined.
type Probe struct {
	// Sent has the bytes that the client sends before it waits.
	Sent []byte
	// Source is the client's address, Destination the one that it connects to. Those that are not
	// valid are unknown.
	Source, Destination netip.AddrPort
	// DualStack says that the listener accepts both versions of IP.
	DualStack bool
}

// Explanation says what a frontend would do with the connection of a probe, and why.
type Explanation struct {
	Frontend string
	State    State
	Hello    HelloFacts
	Steps    []ExplainedStep

	// Backend is the name of the backend; empty: none. Site is the http server of a backend that has
	// one.
	Backend, Site string
	// Policy picks the server. See pool.Forecast.
	Policy string
	pool.Forecast

	// Ends reports that the connection gets no server, End how it ends then, and Reason why. That it
	// leaves the frontend, by the verb Next, is an end, too.
	Ends   bool
	End    tcplog.End
	Verb   Verb
	Reason string
	// Notes are conditions of the explanation.
	Notes []string
}

// HelloFacts are facts of what the client sends.
type HelloFacts struct {
	Outcome     clienthello.Outcome
	Uninspected bool // nothing looks at it
	Err         error
	Size        int
	HasName     bool
	Name        string
	Version     uint16
	ALPN        []string
	JA4         string
	ECH         bool
	PostQuantum bool
}

// ExplainedStep is a step with what it compared.
type ExplainedStep struct {
	rules.Step
	// When is the condition, or "".
	When     string
	Compared []sample.Comparison
}

// trial passes an imagined connection through the stages of a real one. Nothing counts it.
type trial struct {
	*Explanation
	c    *connection
	list string // of the rules that are tried
	vars map[string]sample.Value
}

// isTrial reports whether the connection is only imagined.
func (c *connection) isTrial() bool { return c.viewState.Observe != nil }

// Explain says what the frontend of the configuration that runs would do with a connection. The
// error is ErrNoFrontend.
func Explain(name string, p Probe) (*Explanation, error) {
	f, err := running(name)
	if err != nil {
		return nil, err
	}
	return f.Explain(p), nil
}

// Explain says what the frontend would do with a connection, as far as that is certain. It passes
// the connection through the same stages as a real one, but changes nothing: no count, no entry of
// a stick table, no shared variable.
func (f *Frontend) Explain(p Probe) *Explanation {
	x := &trial{Explanation: &Explanation{Frontend: f.Name, State: f.state()}, vars: make(map[string]sample.Value)}
	x.begin(f, p)
	defer x.c.forget()
	x.run()
	return x.Explanation
}

// begin sets up the connection.
func (x *trial) begin(f *Frontend, p Probe) {
	c := new(connection)
	c.viewState.Observe, c.viewState.Trace = x.observe, new(sample.Trace)
	x.c = c
	conn := &trialConn{rest: p.Sent, Probe: p}
	c.begin(f, client{Conn: conn, accepted: time.Now(), logger: zap.NewNop(), header: f.AcceptProxy.stateFor(conn.RemoteAddr())})
	if c.header.awaits() {
		c.header.mode = headerDone
		x.note("the source sends a PROXY header first; the addresses given are those in it")
	}
	if !p.Source.IsValid() {
		x.note("no source address is given: conditions about it do not match")
	}
	c.rulesView(false)
	c.viewState.SetVar, c.viewState.Var, c.viewState.Tracker = x.setVar, x.variable, x
}

func (x *trial) note(format string, values ...any) {
	x.Notes = append(x.Notes, fmt.Sprintf(format, values...))
}

// run passes the connection through the stages. A matcher of another plugin may panic.
func (x *trial) run() {
	defer func() {
		if p := recover(); p != nil {
			x.c.f.Logger.Error("panic", zap.Any("value", p), zap.ByteString("stack", debug.Stack()))
			x.conclude(internalFailure(fmt.Errorf("panic: %v", p)))
		}
	}()
	backend, end := x.toBackend()
	if end == nil {
		end = x.toServer(backend)
	}
	x.noteHello()
	x.conclude(end)
}

// toBackend passes the connection through the stages until it has a backend.
func (x *trial) toBackend() (*balancer.Backend, *ending) {
	c := x.c
	x.list = "connection"
	if end := c.screen(c.f.Connection); end != nil {
		return nil, end
	}
	x.list = "session"
	if end := c.screen(c.f.Session); end != nil {
		return nil, end
	}
	c.tracked.countSession()
	x.list = "content"
	if end := c.inspect(); end != nil {
		return nil, end
	}
	if end := c.refuseHeader(); end != nil {
		return nil, end
	}
	backend, end := c.route()
	x.addNames()
	return backend, end
}

// toServer passes the connection through the stages of a backend, and of the one that on no_server
// names.
func (x *trial) toServer(b *balancer.Backend) *ending {
	end := x.throughBackend(b)
	if end == nil || !end.unserved {
		return end
	}
	standIn, end := x.c.refuse(NoServer, end)
	if standIn == nil || standIn == b {
		return end
	}
	return x.throughBackend(standIn)
}

// throughBackend passes the connection through the stages of a backend.
func (x *trial) throughBackend(b *balancer.Backend) *ending {
	c := x.c
	c.backend, c.record.Backend = b, b.Name()
	x.Backend, x.Policy, x.Forecast = b.Name(), b.Policy(), pool.Forecast{}
	x.list = fmt.Sprintf("content of backend %s", b.Name())
	if end := c.applyBackendRules(b); end != nil {
		return end
	}
	if x.Site = b.Site; x.Site != "" {
		return nil
	}
	server, end := c.assignedServer(b)
	if end != nil {
		return end
	}
	r := &pool.Request{Source: c.sourceForHash(), Connection: c, Server: server, Persistent: b.Persist, Forced: c.forced}
	if x.Forecast = b.Pool().Forecast(r); x.Err != nil {
		return &ending{end: tcplog.NoServer, err: x.Err, unserved: true}
	}
	if b.Response != nil && len(b.Response.Rules) > 0 {
		x.note("rules about the server's answer may still refuse it")
	}
	return nil
}

// conclude notes how the connection ends; nil: it goes on.
func (x *trial) conclude(end *ending) {
	if end == nil {
		return
	}
	x.Ends, x.End, x.Verb = true, end.end, end.verb
	if end.end == tcplog.NoServer && errors.Is(end.err, pool.ErrQueueFull) {
		x.End = tcplog.QueueFull
	}
	if end.err != nil {
		x.Reason = end.err.Error()
	}
}

// setVar sets a variable of the connection. Those that all connections share are set for it alone.
func (x *trial) setVar(name string, v sample.Value) { x.vars[name] = v.Clone() }

func (x *trial) variable(name string) (sample.Value, bool) {
	if v, set := x.vars[name]; set {
		return v, v.Kind() != sample.None
	}
	return x.c.variable(name)
}

// Track implements rules.Tracker: the counter tracks a copy of the entry.
func (x *trial) Track(counter int, t *tables.Table, key []byte) {
	x.c.Track(counter, t.Scratch(key), key)
}
