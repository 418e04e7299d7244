// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// connectionWith returns a connection of f whose client has sent some bytes, without a socket.
func connectionWith(t *testing.T, f *Frontend, sent []byte) (c *connection, conn *hellotest.Conn) {
	t.Helper()
	conn = new(hellotest.Conn)
	c = newConnection(f, client{Conn: conn, accepted: time.Now(), logger: zap.NewNop()})
	c.gone = make(chan struct{})
	f.conns.Add(1)
	c.hello.Feed(sent)
	t.Cleanup(func() {
		if !c.ended {
			c.end(&ending{clientClosed: true})
		}
	})
	return c, conn
}

// compiled returns rules from JSON.
func compiled(t *testing.T, config string) *rules.Config {
	t.Helper()
	ruleset := &rules.Config{BeforeHeader: true} // so that it has every action
	if err := json.Unmarshal([]byte(config), ruleset); err != nil {
		t.Fatal(err)
	}
	if err := frontendtest.Provision(t, ruleset.Provision); err != nil {
		t.Fatal(err)
	}
	return ruleset
}

// visibleEnding is the visible part of an ending.
type visibleEnding struct {
	End   tcplog.End
	By    relay.Side
	Error string
	Verb  Verb
	Alert byte
}

func (e *ending) outside() (t visibleEnding) {
	if e != nil {
		t = visibleEnding{End: e.end, By: e.by, Verb: e.verb, Alert: e.alert}
		if e.err != nil {
			t.Error = e.err.Error()
		}
	}
	return t
}

// Inspection ends only clients that have left. Other bytes than a hello are left to route, which
// applies on and tries no rule.
func TestInspectedAndRouted(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	app := newAppOf(t, map[string]string{"web": `{"servers": []}`, "sorry": `{"servers": []}`})
	web, sorry := app.Backends["web"], app.Backends["sorry"]
	refused := func(err string, v Verb, alert byte) visibleEnding {
		return visibleEnding{tcplog.Refused, relay.Proxy, err, v, alert}
	}
	for name, c := range map[string]struct {
		sent    []byte
		outcome clienthello.Outcome
		actions Actions
		router  Router
		want    visibleEnding
		backend *balancer.Backend
	}{
		"a hello":                 {sent: hello, outcome: clienthello.Found, router: Router{Default: web}, backend: web},
		"no route":                {sent: hello, outcome: clienthello.Found, want: visibleEnding{tcplog.NoBackend, relay.Proxy, errNoRoute.Error(), Reject, 112}},
		"no route, reset":         {sent: hello, outcome: clienthello.Found, actions: Actions{NoMatch: {Verb: Reset}}, want: visibleEnding{tcplog.NoBackend, relay.Proxy, errNoRoute.Error(), Reset, 112}},
		"no route, another":       {sent: hello, outcome: clienthello.Found, actions: Actions{NoMatch: {Verb: UseBackend, Backend: sorry}}, backend: sorry},
		"a route that refuses":    {sent: hello, outcome: clienthello.Found, router: Router{Default: web, routes: []*Route{{number: 1, Target: Refuse(Drop)}}, others: []int{0}}, want: refused("rule 1: drop", Drop, 49)},
		"left":                    {outcome: clienthello.ClientLeft, router: Router{Default: web}, want: visibleEnding{End: tcplog.ClientLeft, By: relay.Client}},
		"not in time":             {sent: hello[:50], outcome: clienthello.Timeout, router: Router{Default: web}, want: refused("on timeout: reject", Reject, 0)},
		"not in time, drop":       {outcome: clienthello.Timeout, actions: Actions{Timeout: {Verb: Drop}}, router: Router{Default: web}, want: refused("on timeout: drop", Drop, 0)},
		"not in time, another":    {outcome: clienthello.Timeout, actions: Actions{Timeout: {Verb: UseBackend, Backend: sorry}}, router: Router{Default: web}, backend: sorry},
		"not TLS":                 {sent: []byte("SSH-2.0-x\r\n"), outcome: clienthello.NotTLS, actions: Actions{NotTLS: {Verb: Close}}, router: Router{Default: web}, want: refused("", Close, 0)},
		"too large: of the hello": {sent: []byte{22, 3, 1, 1, 0, 1, 2, 0, 0, 3, 3}, outcome: clienthello.TooLarge, router: Router{Default: web}, want: refused("", Reject, 50)},
	} {
		f, _ := frontendTo(app, "none", Config{MaxHello: 65536, Actions: c.actions})
		router := c.router
		f.Router = &router
		conn, _ := connectionWith(t, f, c.sent)
		if c.outcome == clienthello.Timeout {
			conn.hello.Expire()
		}
		end := conn.inspected(c.outcome)
		if left := c.outcome == clienthello.ClientLeft; (end != nil) != left {
			t.Errorf("%s: inspected: %+v", name, end)
		}
		var backend *balancer.Backend
		if end == nil {
			backend, end = conn.route()
		}
		got := end.outside()
		if c.want.Error == "" && c.want.End == tcplog.Refused { // the text is clienthello's
			if got.Error == "" {
				t.Errorf("%s: no error", name)
			}
			got.Error = ""
		}
		if diff := cmp.Diff(c.want, got); diff != "" || backend != c.backend {
			t.Errorf("%s: backend %v, -want +got\n%s", name, backend, diff)
		}
	}
}

// Rules that cannot be decided wait until they have enough bytes or the view is final. tryRules
// reads nothing.
func TestUndecidedRulesWait(t *testing.T) {
	const hello = `{"match": [{"acl": [{"any": [{"fetch": "req.ssl_hello_type", "values": ["1"]}]}]}], "action": `
	raw := hellotest.Hello(t, "a.example.test")
	for name, c := range map[string]struct {
		rules string
		sent  []byte
		final bool
		wait  bool
		want  visibleEnding
	}{
		"nothing yet":          {rules: `{"rules": [` + hello + `"accept"}]}`, wait: true},
		"half a hello":         {rules: `{"rules": [` + hello + `"accept"}]}`, sent: raw[:50], wait: true},
		"a hello":              {rules: `{"rules": [` + hello + `"accept"}, {"action": "close"}]}`, sent: raw},
		"half of it, for good": {rules: `{"rules": [` + hello + `"accept"}, {"action": "close"}]}`, sent: raw[:50], final: true, want: visibleEnding{tcplog.Refused, relay.Proxy, "content rule 2: close", Close, 49}},
		"a hello, refused":     {rules: `{"rules": [` + hello + `"reject"}]}`, sent: raw, want: visibleEnding{tcplog.Refused, relay.Proxy, "content rule 1: reject", Reject, 49}},
		"reset at once":        {rules: `{"rules": [{"action": "reset"}]}`, want: visibleEnding{tcplog.Refused, relay.Proxy, "content rule 1: reset", Reset, 49}},
		"no rules":             {rules: `{}`},
	} {
		ruleset := compiled(t, c.rules)
		f, _ := frontendTo(newAppOf(t, nil), "none", Config{MaxHello: 65536, Content: ruleset})
		conn, _ := connectionWith(t, f, c.sent)
		wait, end := conn.tryRules(ruleset, c.final, true)
		if diff := cmp.Diff(c.want, end.outside()); diff != "" || wait != c.wait {
			t.Errorf("%s: wait %v, want %v; -want +got\n%s", name, wait, c.wait, diff)
		}
	}
}

// The destination of a server is known without blocking, with placeholders filled in.
func TestDestination(t *testing.T) {
	hello := hellotest.Plain(hellotest.SNI("Web.test")).Raw()
	four := pool.Naming{ResolvePrefer: "ipv4"}
	for address, want := range map[string]destination{
		"192.0.2.1:443":              {at: netip.MustParseAddrPort("192.0.2.1:443")},
		"[2001:db8::1]:443":          {at: netip.MustParseAddrPort("[2001:db8::1]:443")},
		"unix//run/s":                {path: "/run/s"},
		"web.test:443":               {network: "tcp", address: "web.test:443", naming: four, resolver: resolve.Servers},
		"tcp4/web.test:443":          {network: "tcp4", address: "web.test:443", naming: four, resolver: resolve.Servers},
		"192.0.2.1:+1000":            {at: netip.MustParseAddrPort("192.0.2.1:1443"), filled: "192.0.2.1:1443"},
		"web.test:+1000":             {network: "tcp", address: "web.test:1443", naming: four, resolver: resolve.Servers, filled: "web.test:1443"},
		"{l4.client_hello.sni}:443":  {network: "tcp", address: "web.test:443", naming: four, resolver: resolve.Clients, filled: "web.test:443", byClient: true},
		"a.test:44{l4.vars.x}3":      {network: "tcp", address: "a.test:443", naming: four, resolver: resolve.Servers, filled: "a.test:443", byClient: true},
		"tcp6/{l4.client_hello.sni}": {},
	} {
		c := dialing(t, hello)
		got, err := c.destination(new(balancer.Backend), &pool.Server{ServerConfig: pool.ServerConfig{Address: address, Naming: four}})
		if want.resolver == nil && !want.at.IsValid() && want.path == "" {
			if !errors.Is(err, errNoAddress) {
				t.Errorf("%s: %+v, %v", address, got, err)
			}
			continue
		}
		if (got.checkAddress != nil) != got.byClient {
			t.Errorf("%s: what is refused is looked at: %v", address, got.checkAddress != nil)
		}
		got.checkAddress = nil
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(destination{}), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }), cmp.Comparer(func(a, b *resolve.Resolver) bool { return a == b })); diff != "" || err != nil {
			t.Errorf("%s: %v, -want +got\n%s", address, err, diff)
		}
	}
}

// A claim releases its lease once or hands it over.
func TestClaimReleasesLeaseOnce(t *testing.T) {
	app := newAppOf(t, map[string]string{"claimed": `{"servers": [{"name": "s1", "address": "127.0.0.1:1"}]}`})
	b := app.Backends["claimed"]
	server := b.Pool().Servers()[0]
	take := func() *claim {
		k := &claim{session: new(session)}
		k.Backend = b
		lease, err := k.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		k.setLease(lease)
		return k
	}
	k := take()
	near, far := net.Pipe()
	k.conn = near
	k.release(pool.ConnectFailed)
	k.release(pool.ConnectFailed)
	if k.close() != server || server.Sessions() != 0 || server.Failed() != 1 {
		t.Errorf("%d sessions and %d failures, want none and one", server.Sessions(), server.Failed())
	}
	if _, err := far.Read(make([]byte, 1)); err == nil {
		t.Error("the connection to the server is open")
	}
	k = take()
	lease := k.handOverLease()
	k.release(pool.ConnectFailed)
	if server.Sessions() != 1 || server.Failed() != 1 {
		t.Errorf("%d sessions and %d failures after the lease has been handed over, want one of each", server.Sessions(), server.Failed())
	}
	lease.Release(pool.Served)
	if (*claim)(nil).close() != nil {
		t.Error("a connection that has tried none has a server")
	}
}

// After a failed attempt, checkRetry returns an ending only if no retry follows, and has released
// the lease then.
func TestCheckRetryReleasesLease(t *testing.T) {
	for name, c := range map[string]struct {
		end      tcplog.End
		retries  int
		over     bool
		failures uint64
	}{
		"a retry is left":           {tcplog.ConnectFailed, 1, false, 0},
		"none is left":              {tcplog.ConnectTimeout, 0, true, 1},
		"none is left, not its":     {tcplog.NoResources, 0, true, 0},
		"no address":                {tcplog.NoAddress, 1, true, 0},
		"no name, a retry is left":  {tcplog.Unresolved, 1, false, 0},
		"no name, no retry is left": {tcplog.Unresolved, 0, true, 0},
	} {
		config, _ := json.Marshal(map[string]any{"retries": c.retries, "servers": []any{map[string]any{"name": "s1", "address": "127.0.0.1:1"}}})
		app := newAppOf(t, map[string]string{"again": string(config)})
		f, _ := frontendTo(app, "again", Config{})
		conn, _ := connectionWith(t, f, nil)
		k := &claim{session: new(session)}
		k.Backend = app.Backends["again"]
		before := k.Backend.Pool().Servers()[0].Failed()
		lease, err := k.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		k.setLease(lease)
		end := &ending{end: c.end, by: relay.Server, err: errNoRoute, unserved: true}
		over := conn.checkRetry(k, end, outcomeOf(c.end))
		if (over != nil) != c.over || over != nil && over != end || (k.lease == nil) != c.over || k.server.Failed()-before != c.failures || conn.record.Retries != k.Retries {
			t.Errorf("%s: over: %+v, lease held: %v, %d failures, %d retries", name, over, k.lease != nil, k.server.Failed()-before, conn.record.Retries)
		}
		k.release(pool.NotTried)
	}
}

// A connection ends once, with one line, and the client sees its ending. A panic is an ending,
// too.
func TestConnectionEndsOnce(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	alert := string([]byte{21, 3, 1, 0, 2, 2, 80})
	for name, c := range map[string]struct {
		end     *ending // nil: it panics
		sent    []byte
		killed  bool
		letters string
		error   string
		client  string
	}{
		"rejected":           {end: internalFailure(errNoRoute), sent: hello, letters: "IR", error: errNoRoute.Error(), client: alert},
		"rejected, not TLS":  {end: internalFailure(errNoRoute), sent: []byte("GET / HTTP/1.1\r\n"), letters: "IR", error: errNoRoute.Error()},
		"closed":             {end: &ending{end: tcplog.Refused, verb: Close, alert: 80}, sent: hello, letters: "PR"},
		"told already":       {end: &ending{end: tcplog.Refused, alert: 80, clientClosed: true}, sent: hello, letters: "PR"},
		"killed meanwhile":   {end: &ending{end: tcplog.Refused, verb: Close}, killed: true, letters: "KR", error: errShutdown.Error()},
		"panic":              {sent: hello, letters: "ID", error: "panic: what"},
		"panic, when killed": {sent: hello, killed: true, letters: "ID", error: "panic: what"},
	} {
		app := newAppOf(t, nil)
		f, logged := frontendTo(app, "none", Config{Name: "ending", MaxHello: 65536})
		c1, client := connectionWith(t, f, c.sent)
		if c.killed {
			c1.kill(errShutdown)
		}
		func() {
			defer c1.recovered()
			if c.end == nil {
				panic("what")
			}
			c1.end(c.end)
		}()
		lines := linesOf(t, f, logged)
		if len(lines) != 1 {
			t.Fatalf("%s: logged %v", name, lines)
		}
		fields := lines[0].ContextMap()
		if fields["termination"] != c.letters || fields["error"] != c.error {
			t.Errorf("%s: logged as %v", name, fields)
		}
		if got := string(client.Sent); got != c.client {
			t.Errorf("%s: the client got %x, want %x", name, got, c.client)
		}
		if c1.hello != nil || f.conns.Load() != 0 || strings.Contains(name, "panic") != (logged.FilterMessage("panic").Len() == 1) {
			t.Errorf("%s: the hello is kept: %v; %d connections; %d lines", name, c1.hello != nil, f.conns.Load(), logged.Len())
		}
	}
}
