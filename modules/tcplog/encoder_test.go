// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"bytes"
	"net"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-passthrough/caddy-passthrough/modules/logformat"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// encoder returns the encoder of a Caddyfile.
func encoder(t *testing.T, text string) *Encoder {
	t.Helper()
	e := new(Encoder)
	if err := e.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err != nil {
		t.Fatal(err)
	}
	if err := e.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestHAProxysLine compares with lines of HAProxy.
func TestHAProxysLine(t *testing.T) {
	accepted := time.Date(2026, 11, 2, 9, 3, 4, 110_900_000, time.Local)
	served := Record{
		Frontend: "f0", Backend: "ba", Server: "A", Client: AddrOf(client), Accepted: accepted,
		HelloWait: 300 * time.Millisecond, Queue: 0, Connect: 0, Duration: 301 * time.Millisecond, Out: 2,
		ActConn: 1, FEConn: 1, End: Complete, EndedBy: relay.Server,
	}
	with := func(change func(r *Record)) Record {
		r := served
		change(&r)
		return r
	}
	for _, c := range []struct {
		name string
		r    Record
		want string
	}{
		{"served", served, "192.0.2.7:50123 [02/Nov/2026:09:03:04.110] f0 ba/A 301/0/301 2 -- 1/1/0/0/0 0/0\n"},
		{"no server was chosen", with(func(r *Record) {
			r.Backend, r.Server, r.HelloWait, r.Queue, r.Connect, r.Duration, r.Out, r.End = "", "", NotReached, NotReached, NotReached, 200*time.Millisecond, 0, ClientLeft
		}), "192.0.2.7:50123 [02/Nov/2026:09:03:04.110] f0 f0/<NOSRV> -1/-1/200 0 CR 1/1/0/0/0 0/0\n"},
		{"redispatched after a wait in two queues", with(func(r *Record) {
			r.HelloWait, r.Queue, r.Connect, r.Duration = 0, 20*time.Millisecond, 3*time.Millisecond, 2*time.Second
			r.Retries, r.Redispatched, r.ServerQueue, r.BackendQueue, r.BEConn, r.SrvConn = 3, true, 2, 1, 5, 4
		}), "192.0.2.7:50123 [02/Nov/2026:09:03:04.110] f0 ba/A 21/3/2000 2 -- 1/1/5/4/+3 2/1\n"},
		{"redispatched after a second", with(func(r *Record) {
			r.HelloWait, r.Queue, r.Connect, r.Duration = 0, 20*time.Millisecond, 1003*time.Millisecond, 2*time.Second
			r.Retries, r.Redispatched, r.Moved = 1, true, time.Second
		}), "192.0.2.7:50123 [02/Nov/2026:09:03:04.110] f0 ba/A 1021/3/2000 2 -- 1/1/0/0/+1 0/0\n"},
		{"IPv6", with(func(r *Record) { r.Client = AddrOf(local) }), "2001:db8::1:443 [02/Nov/2026:09:03:04.110] f0 ba/A 301/0/301 2 -- 1/1/0/0/0 0/0\n"},
		{"a Unix socket", with(func(r *Record) { r.Client = AddrOf(&net.UnixAddr{Name: "@", Net: "unix"}) }), "unix:1 [02/Nov/2026:09:03:04.110] f0 ba/A 301/0/301 2 -- 1/1/0/0/0 0/0\n"},
	} {
		for text, prefix := range map[string]string{"tcplog": "", "tcplog {\n priority\n}": "<6>"} {
			var line bytes.Buffer
			writeTo(zap.New(zapcore.NewCore(encoder(t, text), zapcore.AddSync(&line), zapcore.DebugLevel)), &c.r)
			if got := line.String(); got != prefix+c.want {
				t.Errorf("%s:\n%swant\n%s", c.name, got, prefix+c.want)
			}
		}
	}
}

// TestFormatsOfTheEncoder writes lines by the formats of a log.
func TestFormatsOfTheEncoder(t *testing.T) {
	format := func(text string) *logformat.Format {
		f, err := logformat.Parse(new(sample.Loader), text, logformat.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	o := &Options{Format: format("%ci %B %[var(txn.a)] %lc"), StructuredData: format(`[a@1 b="%[var(txn.b)]"]`), ErrorFormat: format("failed %ts %[var(txn.a)]"), Steps: AtEnd}
	in := &sample.Input{Final: true, Var: func(name string) (sample.Value, bool) { return sample.Text("of " + name + "\n"), true }}
	r := New("tls", client, local)
	r.Out, r.Values = 7, o.Values(in, false)
	failed := r
	failed.Listener, failed.End = "edge", HeaderInvalid
	for _, c := range []struct {
		block string
		o     *Options
		r     Record
		want  string
	}{
		{"tcplog", o, r, "192.0.2.7 7 of txn.a#0A 0\n192.0.2.7 7 of txn.a#0A 1\n"},
		{"tcplog {\n structured_data\n}", o, r, "<6>\x1f[a@1 b=\"of txn.b#0A\"]\x1f192.0.2.7 7 of txn.a#0A 0\n<6>\x1f[a@1 b=\"of txn.b#0A\"]\x1f192.0.2.7 7 of txn.a#0A 1\n"},
		{"tcplog", o, failed, "failed PR of txn.a#0A\nfailed PR of txn.a#0A\n"},
	} {
		var lines bytes.Buffer
		log := Open(nil, zap.New(zapcore.NewCore(encoder(t, c.block), zapcore.AddSync(&lines), zapcore.DebugLevel))).With(c.o)
		log.Write(&c.r)
		log.Write(&c.r)
		log.queue.flush(time.Now().Add(time.Minute))
		if got := lines.String(); got != c.want {
			t.Errorf("%s:\n%q want\n%q", c.block, got, c.want)
		}
	}
}

func TestOtherEntries(t *testing.T) {
	var line bytes.Buffer
	logger := zap.New(zapcore.NewCore(encoder(t, "tcplog {\n priority\n}"), zapcore.AddSync(&line), zapcore.DebugLevel)).Named("passthrough")
	logger.Info("reloaded")
	logger.With(zap.String("backend", "web")).Warn("server is down", zap.String("server", "s1"), zap.Duration("after", time.Second))
	logger.Error("new\nline", zap.String("name", "a\n\x1b[31m"))
	const want = "<6>passthrough: reloaded\n" +
		`<4>passthrough: server is down {"backend":"web","server":"s1","after":1}` + "\n" +
		`<3>passthrough: new\nline ` + `{"name":"a\n\u001b[31m"}` + "\n"
	if got := line.String(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
