// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package frontend

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/logformat"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// lineWriter collects lines. It is safe for concurrent use.
type lineWriter struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (w *lineWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lines.Write(b)
}

// await returns the lines up to one that contains a text.
func (w *lineWriter) await(t *testing.T, text string) string {
	t.Helper()
	for over := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		w.mu.Lock()
		got := w.lines.String()
		w.mu.Unlock()
		if before, _, found := strings.Cut(got, text); found {
			return before
		}
		if time.Now().After(over) {
			t.Fatalf("%q is missing in %q", text, got)
		}
	}
}

func format(t *testing.T, text string) *logformat.Format {
	t.Helper()
	f, err := logformat.Parse(new(sample.Loader), text, logformat.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestLogSteps logs a connection in both ways at several steps.
func TestLogSteps(t *testing.T) {
	const text = "%OG %b/%s %B %fc/%bc/%sc %rc %ts %[req.ssl_sni] %{+Q}[var(txn.set)] %[fe_name] %[srv_name] %[act_conn]"
	all := [...]bool{tcplog.Accepted: true, tcplog.Connected: true, tcplog.Closed: true}
	server := programs.Listen(t, time.Minute, func(c *net.TCPConn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = c.Write([]byte("x"))
		_, _ = io.Copy(io.Discard, c)
	})
	hello := hellotest.Hello(t, "a.example.test")
	for name, serve := range ways {
		for _, c := range []struct {
			of      tcplog.Options
			content string
			silent  bool
			want    string
		}{
			{of: tcplog.Options{Steps: all}, want: "<6>txn_accept f/<NOSRV> 0 1/0/0 0 -- - \"\" f - 1\n" +
				"<6>txn_connect web/s1 0 1/1/1 0 -- a.example.test \"\" f s1 1\n<6>txn_close web/s1 1 1/0/0 0 -- a.example.test \"\" f s1 1\n"},
			{of: tcplog.Options{Steps: tcplog.AtEnd, SkipSilent: true}, want: "<6>txn_close web/s1 1 1/0/0 0 -- a.example.test \"\" f s1 1\n"},
			{of: tcplog.Options{Soon: true, Incomplete: true}, want: "<6>txn_connect web/s1 +0 1/1/1 0 -- a.example.test \"\" f s1 1\n"},
			{of: tcplog.Options{Steps: tcplog.AtEnd, SkipNormal: true}},
			{of: tcplog.Options{Steps: tcplog.AtEnd, SkipSilent: true}, silent: true},
			{of: tcplog.Options{Soon: true}, silent: true, want: "<6>txn_close f/<NOSRV> 0 1/0/0 0 CR - \"\" f - 1\n"},
			{of: tcplog.Options{Steps: tcplog.AtEnd, SeparateErrors: true}, silent: true, want: "<3>txn_close f/<NOSRV> 0 1/0/0 0 CR - \"\" f - 1\n"},
			{
				of: tcplog.Options{Steps: tcplog.AtEnd}, content: `{"rules": [{"action": "set_log_level", "value": "alert"}, {"action": "set_var", "var": "txn.set", "value": "str(x)"}]}`,
				want: "<1>txn_close web/s1 1 1/0/0 0 -- - \"x\" f s1 1\n",
			},
			{of: tcplog.Options{Steps: tcplog.AtEnd}, content: `{"rules": [{"action": "set_log_level", "value": "silent"}]}`},
		} {
			app := newAppOf(t, map[string]string{"web": fmt.Sprintf(`{"servers": [{"name": "s1", "address": %q}]}`, server)})
			var written lineWriter
			encoder := &tcplog.Encoder{Priority: true}
			if err := encoder.Provision(caddy.Context{}); err != nil {
				t.Fatal(err)
			}
			c.of.Format = format(t, text)
			config := Config{InspectDelay: time.Minute, MaxHello: 65536, Log: &c.of, Logger: zap.New(zapcore.NewCore(encoder, zapcore.AddSync(&written), zapcore.DebugLevel))}
			if c.content != "" {
				config.Content = compiled(t, c.content)
			}
			f, _ := frontendTo(app, "web", config)
			client, socket := accepted(t)
			if err := serve(f, socket); err != nil {
				t.Fatal(err)
			}
			if !c.silent {
				_, _ = client.Write(hello)
				if _, err := client.Read(make([]byte, 1)); err != nil {
					t.Fatal(name, err)
				}
			}
			_ = client.CloseWrite()
			_, _ = io.Copy(io.Discard, client)
			_ = client.Close()
			awaitNoConnections(t)
			last := tcplog.New("the last", nil, nil)
			tcplog.Open(weak.Make(app), config.Logger).Write(&last) // lines are written in this order
			got := written.await(t, "the last")
			if got = got[:strings.LastIndexByte(got, '\n')+1]; got != c.want {
				t.Errorf("%s: %+v %s\n%swant\n%s", name, c.of, c.content, got, c.want)
			}
		}
	}
}

// A connection has one number in all its lines, and the next connection the next one, whether or
// not its hello comes in parts.
func TestNumbersOfConnections(t *testing.T) {
	server := programs.Listen(t, time.Minute, func(c *net.TCPConn) { _, _ = io.Copy(c, c) })
	hello := hellotest.Hello(t, "a.example.test")
	for name, serve := range ways {
		app := newAppOf(t, map[string]string{"web": fmt.Sprintf(`{"servers": [{"name": "s1", "address": %q}]}`, server)})
		var written lineWriter
		encoder := new(tcplog.Encoder)
		if err := encoder.Provision(caddy.Context{}); err != nil {
			t.Fatal(err)
		}
		o := &tcplog.Options{Format: format(t, "%rt"), Steps: [...]bool{tcplog.Accepted: true, tcplog.Connected: true, tcplog.Closed: true}}
		f, _ := frontendTo(app, "web", Config{InspectDelay: time.Minute, MaxHello: 65536, Log: o, Logger: zap.New(zapcore.NewCore(encoder, zapcore.AddSync(&written), zapcore.DebugLevel))})
		want, before := "", numbered.Load()
		for n := range int64(2) {
			client, socket := accepted(t)
			if err := serve(f, socket); err != nil {
				t.Fatal(err)
			}
			for _, part := range [][]byte{hello[:10], hello[10:]} {
				_, _ = client.Write(part)
				time.Sleep(20 * time.Millisecond)
			}
			_ = client.CloseWrite()
			_, _ = io.Copy(io.Discard, client)
			_ = client.Close()
			awaitNoConnections(t)
			want += strings.Repeat(fmt.Sprintf("%d\n", before+n), 3)
		}
		last := tcplog.New("the last", nil, nil)
		tcplog.Open(weak.Make(app), f.Logger).Write(&last)
		if got := written.await(t, "the last"); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestServersFirstBytes logs what a server answers to the hello.
func TestServersFirstBytes(t *testing.T) {
	answers := map[string][]byte{
		"40 handshake_failure": {21, 3, 3, 0, 2, 2, 40},
		"":                     append([]byte{22, 3, 3, 0, 50, 2, 0, 0, 46, 3, 3}, make([]byte, 40)...),
	}
	hello := hellotest.Hello(t, "a.example.test")
	for name, serve := range ways {
		for alert, answer := range answers {
			server := programs.Listen(t, time.Minute, func(c *net.TCPConn) {
				_, _ = c.Read(make([]byte, 4096))
				_, _ = c.Write(answer)
			})
			app := newAppOf(t, map[string]string{"web": fmt.Sprintf(`{"servers": [{"name": "s1", "address": %q}]}`, server)})
			options := &tcplog.Options{Steps: tcplog.AtEnd, Fingerprints: tcplog.Fingerprints{JA4: true}}
			f, logged := frontendTo(app, "web", Config{InspectDelay: time.Minute, MaxHello: 65536, Log: options})
			calls(t, f, serve, []clientDoes{sends(hello), finishes})
			fields := linesOf(t, f, logged)[0].ContextMap()
			version := map[string]string{"": "1.2"}[alert]
			if fields["server_alert"] != alert || fields["server_tls_version"] != version || fields["hello_size"] != int64(len(hello)-9) || fields["ja3"] != "" || len(fields["ja4"].(string)) < 30 {
				t.Errorf("%s, %q: %v", name, alert, fields)
			}
		}
	}
}
