// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// probe returns a connection like a real one, whose client sends some bytes.
func probe(c net.Conn, sent []byte) frontend.Probe {
	return frontend.Probe{
		Sent:   sent,
		Source: c.RemoteAddr().(*net.TCPAddr).AddrPort(), Destination: c.LocalAddr().(*net.TCPAddr).AddrPort(),
	}
}

// explainedAs compares an explanation with the log line of a connection that sent the same.
func explainedAs(t rapid.TB, x *frontend.Explanation, line map[string]any) {
	t.Helper()
	if line["backend"] != x.Backend && (line["backend"] != nil || x.Backend != "") {
		t.Errorf("explained: backend %q, but logged as %v\n%+v", x.Backend, line, x.Steps)
	}
	if !x.Ends {
		if line["termination"] == "PR" {
			t.Errorf("explained: backend %q, but refused: %v\n%+v", x.Backend, line, x.Steps)
		}
		return
	}
	if line["end"] != x.End.String() || x.Reason != "" && line["error"] != x.Reason {
		t.Errorf("explained: %s, %s, but logged as %v\n%+v", x.End, x.Reason, line, x.Steps)
	}
}

// newFrontend returns a frontend with a router, and its log.
func newFrontend(config frontend.Config) (*frontend.Frontend, *observer.ObservedLogs) {
	core, logged := observer.New(zapcore.DebugLevel)
	config.Name, config.Logger = "f", zap.New(core)
	return frontend.New(config), logged
}

// Explanations agree with real connections: the same backend, or the same failure, whatever the
// rules.
func TestExplanationIsWhatHappens(t *testing.T) {
	samples := allSpecimens(t)
	dir := t.TempDir()
	app, ctx := newApp(t, allBackends...)
	rapid.Check(t, func(rt *rapid.T) {
		specs := rapid.SliceOfN(rapid.Custom(drawSpec), 1, 8).Draw(rt, "rules")
		r, err := newRouter(ctx, app, jsonRules(rt, dir, specs), app.Backends["fallback"])
		if err != nil {
			rt.Skip(err)
		}
		f, logged := newFrontend(frontend.Config{App: app, Router: r, InspectDelay: DefaultInspectDelay})
		s := rapid.SampledFrom(samples).Draw(rt, "client")
		client, server := frontendtest.Connected(t)
		x := f.Explain(probe(server, s.raw))
		if _, err := client.Write(s.raw); err != nil {
			rt.Fatal(err)
		}
		go func() {
			f.ServeRouted(layer4.WrapConnection(server, nil, zap.NewNop()))
			server.Close()
		}()
		_, _ = io.ReadAll(client)
		client.Close()
		await(t, "the log line", func() bool { return logged.Len() > 0 })
		explainedAs(rt, x, logged.All()[0].ContextMap())
		if rule, want, err := firstMatch(specs, &s); err == nil && x.Backend != want {
			rt.Fatalf("explained: %q, but rule %d names %q", x.Backend, rule+1, want)
		} else {
			checkSteps(rt, x, rule, len(specs))
			checkCounts(rt, f.Choices(), rule, want, err != nil)
		}
	})
}

// checkSteps checks that the steps name the rule that decides, and those before it: none matches.
func checkSteps(t *rapid.T, x *frontend.Explanation, decides, rules int) {
	last := decides
	if decides < 0 {
		last = rules - 1
	}
	for number := range last + 1 {
		found := false
		for _, s := range x.Steps {
			if s.List != "rule" || s.Number != number+1 {
				continue
			}
			found = true
			if matches := s.Verdict == sample.Pass || s.Err != nil; matches != (number == decides) {
				t.Fatalf("rule %d decides, but rule %d: %+v", decides+1, number+1, s)
			}
		}
		if !found {
			t.Fatalf("rule %d decides, but no step is about rule %d: %+v", decides+1, number+1, x.Steps)
		}
	}
}

// checkCounts checks that the rule that decided has counted the one connection, and no other; none
// if a matcher failed.
func checkCounts(t *rapid.T, all []frontend.Choice, decided int, backend string, failed bool) {
	want := fmt.Sprintf("[rule %d %s 1]", decided+1, backend)
	switch {
	case failed:
		want = "[]"
	case decided < 0 || backend == "fallback": // which a template without a backend leads to
		want = "[default_backend 0 fallback 1]"
	}
	got := []string{}
	for _, c := range all {
		for _, to := range c.To {
			if to.Total > 0 {
				got = append(got, fmt.Sprint(c.List, " ", c.Number, " ", to.Backend, " ", to.Total))
			}
		}
	}
	if fmt.Sprint(got) != want {
		t.Fatalf("counted by %v, want %s", got, want)
	}
}

// Stories whose clients send all at once are explained as they happen.
func TestExplanationOfStories(t *testing.T) {
	t.Parallel()
	told := 0
	for _, s := range stories(t) {
		if len(s.client) > 1 || len(s.client) == 1 && strings.HasPrefix(s.client[0].send, "\x00") || strings.HasPrefix(s.name, "no delay") {
			continue
		}
		told++
		t.Run(s.name, func(t *testing.T) {
			content := "null"
			if s.backend != "" {
				content = s.backend
			}
			app, ctx := frontendtest.App(t, map[string]string{
				"a": `{"servers": [{"name": "s", "address": "127.0.0.1:1"}]}`,
				"b": fmt.Sprintf(`{"servers": [{"name": "s", "address": "127.0.0.1:1"}], "content": %s}`, content),
			})
			h, err := parseFrontend(s.ours + "\ndefault_backend b")
			if err != nil {
				t.Fatal(err)
			}
			provisioned(t, ctx, app, h)
			_, server := frontendtest.Connected(t)
			var sent []byte
			if len(s.client) == 1 {
				sent = []byte(s.client[0].send)
			}
			x := h.frontend.Explain(probe(server, sent))
			got := x.Backend
			if x.Ends {
				got = ""
			}
			if got != s.greeted || s.outcome != "none" && x.Hello.Outcome.String() != s.outcome {
				t.Errorf("explained as %+v, want %q and outcome %s", x, s.greeted, s.outcome)
			}
			if s.letters == "cR" && x.End != tcplog.ClientTimeoutHello {
				t.Errorf("explained as %s", x.End)
			}
		})
	}
	if told < 15 {
		t.Errorf("only %d stories", told)
	}
}

// FuzzExplain explains any bytes by a frontend that looks at them in many ways: it ends or has a
// backend, twice the same.
func FuzzExplain(f *testing.F) {
	const block = `content {
	inspect_delay 1m
	set_var sess.sni req.ssl_sni,lower
	set_var proc.first req.payload(0,4)
	close acl req.payload(0,4) -m bin 00000000
	accept acl req.ssl_hello_type 1
	close acl req.len gt 300
}
use_backend r0 sni_regexp ^x
use_backend r1 alpn h2 http/1.1
use_backend r2 tls sni y.test
use_backend_format %[req.ssl_sni,field(1,.)]
default_backend fallback`
	app, ctx := newApp(f, allBackends...)
	h, err := parseFrontend(block)
	if err != nil {
		f.Fatal(err)
	}
	h.setDefaults()
	h.logger = zap.NewNop()
	if err := h.provision(ctx, app); err != nil {
		f.Fatal(err)
	}
	hello := hellotest.Hello(f, "r3.test", "h2")
	for _, n := range []int{0, 1, 5, 50, len(hello)} {
		f.Add(hello[:n])
	}
	f.Add([]byte("SSH-2.0-x\r\n"))
	f.Add(make([]byte, 400))
	f.Fuzz(func(t *testing.T, sent []byte) {
		x, again := h.frontend.Explain(frontend.Probe{Sent: sent}), h.frontend.Explain(frontend.Probe{Sent: sent})
		if x.Ends == (x.Backend != "" && x.Server != nil) || x.Backend != again.Backend || x.Reason != again.Reason || len(x.Steps) != len(again.Steps) {
			t.Errorf("%+v, then %+v", x, again)
		}
		if x.Ends && x.Reason == "" && x.End.String() == "" {
			t.Errorf("it ends for no reason: %+v", x)
		}
	})
}
