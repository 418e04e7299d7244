// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package frontend

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// withTable adds a table of the frontend f to an app, and returns it.
func withTable(t testing.TB, app *balancer.App, name string) *tables.Table {
	t.Helper()
	config := &stick.Table{Type: "ip", Store: []string{"conn_cnt", "conn_cur", "sess_cnt", "bytes_in_cnt", "bytes_out_cnt", "gpc0"}}
	if err := app.AddTable(name, config); err != nil {
		t.Fatal(err)
	}
	app.Table(name).Clear([]byte{127, 0, 0, 1}) // it is the process's
	app.Table(name).Clear([]byte{198, 51, 100, 7})
	return app.Table(name)
}

// counts are the values of an entry, and its number of holders.
type counts struct{ conns, current, sessions, in, out, gpc0, uses int64 }

// countsOf returns the counts of an address.
func countsOf(t testing.TB, of *tables.Table, address string) (c counts) {
	t.Helper()
	of.View(netip.MustParseAddr(address).AsSlice(), func(row tables.Row) {
		for data, to := range map[tables.Data]*int64{
			tables.ConnCount: &c.conns, tables.ConnCurrent: &c.current, tables.SessCount: &c.sessions, tables.BytesIn: &c.in, tables.BytesOut: &c.out, tables.GPC0: &c.gpc0,
		} {
			*to, _ = row.Get(data, 0)
		}
		c.uses = int64(row.Uses())
	})
	return c
}

const (
	trackAddress = `{"rules": [{"action": "track", "key": "src"}]}`
	trackAndWait = `{"inspect_delay": "1h", "rules": [{"action": "track", "key": "src"}, {"action": "sc_inc_gpc0"}, ` +
		`{"action": "accept", "match": [{"acl": [{"any": [{"fetch": "req.ssl_hello_type", "values": ["1"]}]}]}]}, {"action": "reset", "match": [{"acl": [{"any": [{"fetch": "req.len", "values": ["gt", "3"]}]}]}]}]}`
)

// TestTrackedIsReleased ends tracked connections in all kinds of ways, on both paths: afterwards
// none counts as a current one, and no entry is held.
func TestTrackedIsReleased(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	header := []byte("PROXY TCP4 198.51.100.7 192.0.2.1 50676 443\r\n")
	proxied := HeaderPolicy{{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}
	const web = `{"servers": [{"name": "s1", "address": "SERVER"}]}`
	early := Config{Connection: compiled(t, trackAddress)}
	session := Config{Session: compiled(t, trackAddress)}
	for name, c := range map[string]struct {
		backend string
		config  Config
		content string
		does    []clientDoes
		full    bool
		from    string
		want    counts
	}{
		"served":                {config: early, does: []clientDoes{sends(hello), finishes}, want: counts{conns: 1, sessions: 1, in: int64(len(hello)), out: 10}},
		"served, session":       {config: session, does: []clientDoes{sends(hello[:60]), pauses, sends(hello[60:]), finishes}, want: counts{conns: 1, sessions: 1, in: int64(len(hello)), out: 10}},
		"served, content":       {content: trackAndWait, does: []clientDoes{pauses, sends(hello[:60]), pauses, sends(hello[60:]), finishes}, want: counts{conns: 1, in: int64(len(hello)), out: 10, gpc0: 3}},
		"served, of the header": {config: Config{AcceptProxy: proxied, Session: session.Session}, from: "198.51.100.7", does: []clientDoes{sends(slices.Concat(header, hello)), finishes}, want: counts{conns: 1, sessions: 1, in: int64(len(hello)), out: 10}},
		"served, of the peer":   {config: Config{AcceptProxy: proxied, Connection: early.Connection}, does: []clientDoes{sends(slices.Concat(header, hello)), finishes}, want: counts{conns: 1, sessions: 1, in: int64(len(hello)), out: 10}},
		"refused early":         {config: Config{Connection: compiled(t, `{"rules": [{"action": "track", "key": "src"}, {"action": "reset", "match": [{"acl": [{"any": [{"fetch": "sc0_conn_cur", "values": ["1"]}]}]}]}]}`)}, does: []clientDoes{pauses}, want: counts{conns: 1}},
		"refused by session":    {config: Config{Connection: early.Connection, Session: compiled(t, `{"rules": [{"action": "close"}]}`)}, does: []clientDoes{pauses}, want: counts{conns: 1}},
		"refused by content":    {content: trackAndWait, does: []clientDoes{pauses, sends([]byte("quit")), pauses}, want: counts{conns: 1, gpc0: 2, in: 4}},
		"refused by a backend":  {config: early, backend: `{"servers": [{"name": "s1", "address": "SERVER"}], "content": {"rules": [{"action": "close"}]}}`, does: []clientDoes{sends(hello)}, want: counts{conns: 1, sessions: 1, in: int64(len(hello))}},
		"refused answer":        {config: early, backend: `{"servers": [{"name": "s1", "address": "SERVER"}], "response": {"rules": [{"action": "sc_inc_gpc0"}, {"action": "close", "match": [{"acl": [{"any": [{"fetch": "sc0_conn_cur", "values": ["1"]}]}]}]}]}}`, does: []clientDoes{sends(hello), finishes}, want: counts{conns: 1, sessions: 1, in: int64(len(hello)), gpc0: 1}},
		"left":                  {config: early, does: []clientDoes{sends(hello[:60]), pauses, breaks}, want: counts{conns: 1, sessions: 1, in: 60}},
		"not in time":           {config: Config{Connection: early.Connection, InspectDelay: 50 * time.Millisecond}, want: counts{conns: 1, sessions: 1}},
		"no server":             {config: early, backend: `{"servers": []}`, does: []clientDoes{sends(hello)}, want: counts{conns: 1, sessions: 1, in: int64(len(hello))}},
		"connect fails":         {config: early, backend: `{"servers": [{"name": "s1", "address": "REFUSING"}], "retries": 0}`, does: []clientDoes{sends(hello)}, want: counts{conns: 1, sessions: 1, in: int64(len(hello))}},
		"queued":                {config: early, backend: `{"servers": [{"name": "s1", "address": "SERVER", "maxconn": 1}], "timeouts": {"queue": "50ms"}}`, does: []clientDoes{sends(hello)}, full: true, want: counts{conns: 1, sessions: 1, in: int64(len(hello))}},
		"header missing":        {config: Config{AcceptProxy: proxied, Connection: early.Connection}, does: []clientDoes{sends(hello)}, want: counts{conns: 1}},
		"two rulesets":          {config: early, content: trackAndWait, does: []clientDoes{pauses, sends(hello), finishes}, want: counts{conns: 1, sessions: 1, in: int64(len(hello)), out: 10, gpc0: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			server := answeringOnce(t)
			backend := strings.NewReplacer("SERVER", server, "REFUSING", programs.Refusing(t).String()).Replace(cmp.Or(c.backend, web))
			for way, serve := range ways {
				app := newAppOf(t, map[string]string{"web": backend})
				of := withTable(t, app, "f")
				release := func() {}
				if c.full {
					lease, err := app.Backends["web"].Pool().Acquire(t.Context(), new(pool.Request))
					if err != nil {
						t.Fatal(err)
					}
					release = func() { lease.Release(pool.Served) }
				}
				c.config.MaxHello, c.config.InspectDelay = 65536, cmp.Or(c.config.InspectDelay, time.Hour)
				if c.content != "" {
					c.config.Content = compiled(t, c.content)
				}
				f, _ := frontendTo(app, "web", c.config)
				calls(t, f, serve, c.does)
				release()
				if got := countsOf(t, of, cmp.Or(c.from, "127.0.0.1")); got != c.want {
					t.Errorf("%s: %+v, want %+v", way, got, c.want)
				}
			}
		})
	}
}

// Connections that are passed on are not tracked afterwards, and neither are those that the process
// ends.
func TestTrackedIsReleasedElsewhere(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	for way, serve := range ways {
		app := newAppOf(t, map[string]string{"web": `{"servers": [{"name": "s1", "address": "` + answeringOnce(t) + `"}]}`})
		of := withTable(t, app, "f")
		config := Config{Actions: allNext, Session: compiled(t, trackAddress), MaxHello: 65536, InspectDelay: time.Hour}
		f, _ := frontendTo(app, "", config)
		passesOn(t, f, way, []clientDoes{sends(hello)})
		if got, want := countsOf(t, of, "127.0.0.1"), (counts{conns: 1, sessions: 1, in: int64(len(hello))}); got != want {
			t.Errorf("%s, passed on: %+v", way, got)
		}
		f, _ = frontendTo(app, "web", config)
		client, socket := accepted(t)
		if err := serve(f, socket); err != nil {
			t.Fatal(err)
		}
		sends(hello)(t, client)
		for countsOf(t, of, "127.0.0.1").current == 0 || liveConns.count() == 0 {
			time.Sleep(time.Millisecond)
		}
		pauses(t, client)
		liveConns.mu.Lock()
		for c := range liveConns.onGoroutine {
			go c.kill(errShutdown)
		}
		liveConns.mu.Unlock()
		relay.EndAll("the test")
		awaitNoConnections(t)
		client.Close()
		if got := countsOf(t, of, "127.0.0.1"); got.conns != 2 || got.current != 0 || got.uses != 0 {
			t.Errorf("%s, ended by the process: %+v", way, got)
		}
	}
}

// A panic releases what the connection tracks.
func TestTrackedPanic(t *testing.T) {
	app := newAppOf(t, map[string]string{"web": `{"servers": []}`})
	of := withTable(t, app, "f")
	for way, serve := range ways {
		f, _ := frontendTo(app, "web", Config{Session: compiled(t, trackAddress), MaxHello: 65536, InspectDelay: time.Hour})
		f.Router = nil
		calls(t, f, serve, []clientDoes{sends(hellotest.Hello(t, "a.example.test"))})
		if got := countsOf(t, of, "127.0.0.1"); got.current != 0 || got.uses != 0 {
			t.Errorf("%s: %+v", way, got)
		}
	}
}

// A session that runs adds its bytes to the entry while it lasts, and holds its entry over a reload
// that replaces the table.
func TestTrackedWhileItLasts(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	echo := programs.Listen(t, time.Minute, func(c *net.TCPConn) {
		buf := make([]byte, 4096)
		for n, err := c.Read(buf); err == nil; n, err = c.Read(buf) {
			_, _ = c.Write(buf[:n])
		}
	})
	for way, serve := range ways {
		awaitNoConnections(t)
		app := newAppOf(t, map[string]string{"web": `{"servers": [{"name": "s1", "address": "` + echo + `"}]}`})
		of := withTable(t, app, "f")
		f, _ := frontendTo(app, "web", Config{Session: compiled(t, trackAddress), MaxHello: 65536, InspectDelay: time.Hour})
		client, socket := accepted(t)
		if err := serve(f, socket); err != nil {
			t.Fatal(err)
		}
		sends(hello)(t, client)
		n := int64(len(hello))
		for until := time.Now().Add(time.Minute); countsOf(t, of, "127.0.0.1") != (counts{conns: 1, current: 1, sessions: 1, in: n, out: n, uses: 1}); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(until) {
				t.Fatalf("%s: %+v", way, countsOf(t, of, "127.0.0.1"))
			}
		}
		other := &stick.Table{Type: "string", Store: []string{"conn_cur"}}
		next := newAppOf(t, map[string]string{"web": `{"servers": []}`})
		if err := next.AddTable("f", other); err != nil {
			t.Fatal(err)
		}
		other.Activate()
		if app.Table("f") == of {
			t.Fatalf("%s: the table was not replaced", way)
		}
		client.Close()
		awaitNoConnections(t)
		if got, want := countsOf(t, of, "127.0.0.1"), (counts{conns: 1, sessions: 1, in: n, out: n}); got != want {
			t.Errorf("%s: %+v, want %+v", way, got, want)
		}
		_ = next.Cleanup()
		_ = app.Cleanup()
	}
	if meter.timer != nil || len(meter.sessions) > 0 {
		t.Error("the byteMeter runs without sessions")
	}
}

// A connection without rules that track allocates nothing for it.
func TestUntracked(t *testing.T) {
	c := new(connection)
	if n := testing.AllocsPerRun(100, func() {
		c.tracked.countSession()
		c.tracked.release(1, 2)
		if !c.Tracked(0).IsZero() {
			t.Error("something is tracked")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

var _ rules.Tracker = (*connection)(nil)
