// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/certificates"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4acl"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// A server of TLS reads what the hello of a search says.
func TestBrowserHello(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a.example.com", strings.Repeat("a", 63) + ".example"} {
		got := inspected(t, browserHello(name))
		if string(got.Hello().ServerName()) != name {
			t.Errorf("got name %q", got.Hello().ServerName())
		}
		var asked *tls.ClientHelloInfo
		conn := &reading{rest: browserHello(name)}
		_ = tls.Server(conn, &tls.Config{GetConfigForClient: func(i *tls.ClientHelloInfo) (*tls.Config, error) {
			asked = i
			return nil, context.Canceled
		}}).Handshake()
		if asked == nil || asked.ServerName != name || !slices.Equal(asked.SupportedProtos, []string{"h2", "http/1.1"}) || !slices.Contains(asked.SupportedVersions, tls.VersionTLS13) {
			t.Errorf("crypto/tls read %+v", asked)
		}
	}
}

// reading is a connection that has some bytes to read.
type reading struct {
	hellotest.Conn
	rest []byte
}

func (r *reading) Read(b []byte) (int, error) {
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// presents is a checker whose handshakes show a certificate.
type presents struct{ *certificates.Seen }

func (c presents) Check(_ context.Context, t pool.Target) pool.Result {
	t.Subject.Seen = c.Seen
	return pool.Result{Code: pool.Layer6OK}
}

type firstServer struct{}

func (*firstServer) Pick(v pool.View, _ *pool.Request) *pool.Server { return v.Servers[0] }

// present runs the checks of a backend whose server has a certificate for names.
func present(t *testing.T, backend string, names ...string) {
	t.Helper()
	s := pool.ServerConfig{Name: "s", Address: "127.0.0.1:1", Weight: 1}
	s.Check = &pool.Check{
		Checker: presents{&certificates.Seen{Chain: []*certificates.Certificate{{Names: names, Fingerprint: strings.Join(names, " ")}}}},
		Target:  pool.Target{Timeout: time.Second}, Interval: 20 * time.Millisecond, Rise: 1, Fall: 1,
	}
	p, err := balancer.Registry().Open(pool.Config{Backend: backend, Policy: new(firstServer), Servers: []pool.ServerConfig{s}})
	if err != nil {
		t.Fatal(err)
	}
	p.Activate()
	t.Cleanup(p.Close)
}

// asks returns a route for names of the matcher client_hello.
func asks(t *testing.T, target Target, sni ...string) *Route {
	t.Helper()
	m := &l4clienthello.Matcher{SNI: sni}
	if err := frontendtest.Provision(t, m.Provision); err != nil {
		t.Fatal(err)
	}
	return &Route{Name: "names", Condition: rules.Condition{Sets: []rules.Set{{Hello: m}}}, Target: target}
}

// asksACL returns a route for names as HAProxy's ACLs compare them.
func asksACL(t *testing.T, target Target, criterion string) *Route {
	t.Helper()
	m := new(l4acl.Matcher)
	if err := json.Unmarshal([]byte(`[{"any": [`+criterion+`]}]`), m); err != nil {
		t.Fatal(err)
	}
	if err := frontendtest.Provision(t, m.Provision); err != nil {
		t.Fatal(err)
	}
	return &Route{Name: "acl", Condition: rules.Condition{Sets: []rules.Set{{ACL: m}}}, Target: target}
}

// awaitConflicts waits until the conflicts of a frontend are such ones.
func awaitConflicts(t *testing.T, frontend string, want []string) {
	t.Helper()
	var got []string
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		got = nil
		for _, k := range CertificateConflicts() {
			if k.Frontend == frontend {
				got = append(got, k.Backend+" keeps "+k.Kept+", "+k.To()+" has "+strings.Join(k.Names, " "))
			}
		}
		if slices.Equal(got, want) {
			return
		}
	}
	t.Errorf("-want +got\n%s", cmp.Diff(want, got))
}

// TestCertificateConflicts shows that names of a certificate are found which any kind of rule
// routes elsewhere, and that each conflict is logged.
func TestCertificateConflicts(t *testing.T) {
	const none = `{"servers": []}`
	app := newAppOf(t, map[string]string{"conflict-a": none, "conflict-b": none, "conflict-c": none, "conflict-d": none, "conflict-local": `{"site": "local"}`})
	to := func(name string) Target { return To(app.Backends["conflict-"+name]) }
	core, logged := observer.New(zap.WarnLevel)
	router := &Router{Logger: zap.New(core), Default: app.Backends["conflict-d"]}
	for _, route := range []*Route{
		asks(t, to("a"), "a.example.com"),
		asks(t, to("b"), "b.example.com", "b.example.org"),
		asksACL(t, to("c"), `{"fetch": "req.ssl_sni", "ignore_case": true, "values": ["c.example.com"]}`),
		asksACL(t, to("c"), `{"fetch": "src", "values": ["192.0.2.1"]}`),
		asks(t, to("local"), "local.example.com"),
		asks(t, Refuse(Reject), "refused.example.com"),
		asks(t, Refuse(Next), "next.example.com"),
	} {
		if err := router.Add(route); err != nil {
			t.Fatal(err)
		}
	}
	f := New(Config{Name: "conflicts", App: app, Logger: zap.New(core), Router: router, InspectDelay: time.Second, OwnNames: []string{"own.example.com"}})
	f.setActive()
	present(t, "conflict-a", "*.example.com")
	want := []string{
		"conflict-a keeps a.example.com, sites of Caddy has local.example.com next.example.com",
		"conflict-a keeps a.example.com, conflict-b has b.example.com",
		"conflict-a keeps a.example.com, conflict-c has c.example.com",
		"conflict-a keeps a.example.com, conflict-d has *.example.com own.example.com",
	}
	awaitConflicts(t, "conflicts", want)
	present(t, "conflict-b", "b.example.com", "b.example.org", "elsewhere.example.net")
	awaitConflicts(t, "conflicts", append(want, "conflict-b keeps b.example.com, conflict-d has elsewhere.example.net"))
	for deadline := time.Now().Add(time.Minute); logged.Len() < 5; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d conflicts are logged", logged.Len())
		}
	}
	fields := logged.All()[0].ContextMap()
	if fields["backend"] != "conflict-a" || fields["routed_to"] != "sites of Caddy" || fields["frontend"] != "conflicts" {
		t.Errorf("got %v", fields)
	}
	conflicts.current()
	conflicts.logNew()
	if n := logged.Len(); n != 5 {
		t.Errorf("%d lines after another search, expected 5", n)
	}
}

// TestNoConflicts shows that a search without certificates, or without frontends, finds nothing.
func TestNoConflicts(t *testing.T) {
	if got := new(certificateConflicts).current(); got != nil {
		t.Errorf("got %v", got)
	}
	logConflict(&certificates.Conflict{Frontend: "no such frontend"}) // must not panic
}
