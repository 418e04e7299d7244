// SPDX-License-Identifier: Apache-2.0

package l4rate

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"
)

func TestCaddyfile(t *testing.T) {
	for words, want := range map[string]string{
		"over 20/10s":                         `{"over":"20/10s"}`,
		"over 20/10s by remote_ip":            `{"over":"20/10s","by":"remote_ip"}`,
		"over 1/1h by remote_ip /48":          `{"over":"1/1h","by":"remote_ip","prefix":48}`,
		"":                                    "expected over",
		"20/10s":                              "expected over",
		"over":                                "expected over",
		"over 20":                             `over "20": expected a number and a period`,
		"over 20/10s by":                      "expected remote_ip after by",
		"over 20/10s by sni":                  `by "sni": expected remote_ip`,
		"over 20/10s by remote_ip /129":       `"/129": expected a number of bits`,
		"over 20/10s by remote_ip 64":         `unexpected "64"`,
		"over 20/10s /64":                     `unexpected "/64"`,
		"over 20/10s by remote_ip /64 for 5s": `unexpected "for"`,
	} {
		m := new(Matcher)
		err := m.UnmarshalCaddyfile(caddyfile.NewTestDispenser("rate " + words))
		got := string(caddyconfig.JSON(m, nil))
		if err != nil {
			got = err.Error()
		}
		if (err == nil) != strings.HasPrefix(want, "{") || !strings.Contains(got, want) {
			t.Errorf("%q:\n got %s\nwant %s", words, got, want)
		}
	}
}

func provisioned(t *testing.T, m *Matcher) *Matcher {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	if err := m.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	return m
}

// A client is over the rate from the connection after the last allowed one until it has been
// quieter.
func TestRate(t *testing.T) {
	m := provisioned(t, &Matcher{Over: "3/10s"})
	synctest.Test(t, func(t *testing.T) {
		m := provisioned(t, &Matcher{Over: "3/10s"})
		one, other := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8:0:1::1")
		for i, want := range []bool{false, false, false, true, true} {
			if got := m.MatchOnce(new(Counted), one); got != want {
				t.Errorf("connection %d: %v", i+1, got)
			}
		}
		if m.MatchOnce(new(Counted), other) {
			t.Error("another network is over the rate")
		}
		if !m.MatchOnce(new(Counted), netip.MustParseAddr("2001:db8::2")) {
			t.Error("an address of the same network is not")
		}
		time.Sleep(25 * time.Second)
		if m.MatchOnce(new(Counted), one) {
			t.Error("it is over the rate after a pause")
		}
	})
	if m.MatchOnce(new(Counted), netip.Addr{}) {
		t.Error("a client without an address is over the rate")
	}
}

// A connection counts once, however often routes ask.
func TestCountsOnce(t *testing.T) {
	m := provisioned(t, &Matcher{Over: "1/10s"})
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	connect := func() *layer4.Connection {
		return layer4.WrapConnection(from{server, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}}, nil, zap.NewNop())
	}
	first, second := connect(), connect()
	for i := range 6 {
		cx, want := first, false
		if i >= 3 {
			cx, want = second, true
		}
		if got, err := m.Match(cx); got != want || err != nil {
			t.Errorf("%d: %v, %v", i, got, err)
		}
	}
}

type from struct {
	net.Conn
	remote net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.remote }

// Counts continue in the next configuration, for the matcher of the same words and place.
func TestReload(t *testing.T) {
	load := func() (first, second *Matcher) {
		t.Helper()
		loaded = nil
		config := `{"admin": {"disabled": true, "config": {"persist": false}}, "logging": {"logs": {"default": {"level": "ERROR"}}}, "apps": {"rate_user": {}}}`
		if err := caddy.Load([]byte(config), true); err != nil {
			t.Fatal(err)
		}
		return loaded[0], loaded[1]
	}
	a := netip.MustParseAddr("192.0.2.1")
	before, _ := load()
	before.MatchOnce(new(Counted), a)
	before.MatchOnce(new(Counted), a)
	first, second := load()
	if !first.MatchOnce(new(Counted), a) || second.MatchOnce(new(Counted), a) {
		t.Error("the counts are not those of before")
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	for over := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		counts.mu.Lock()
		left := len(counts.tables) + len(counts.ordinals)
		counts.mu.Unlock()
		if left == 0 {
			break
		}
		if time.Now().After(over) {
			t.Fatalf("%d tables are left", left)
		}
	}
}

// user is an app with two matchers of the same words.
type user struct{}

var loaded []*Matcher

func init() { caddy.RegisterModule(user{}) }

func (user) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "rate_user", New: func() caddy.Module { return new(user) }}
}

func (user) Provision(ctx caddy.Context) error {
	for range 2 {
		m := &Matcher{Over: "2/10s"}
		if err := m.Provision(ctx); err != nil {
			return err
		}
		loaded = append(loaded, m)
	}
	return nil
}

func (user) Start() error { return nil }
func (user) Stop() error  { return nil }
