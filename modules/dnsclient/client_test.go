// SPDX-License-Identifier: Apache-2.0

package dnsclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/caddy-passthrough/caddy-passthrough/modules/dnsclient/dnstest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clientOf returns a client of these servers. An attempt is longer than any answer takes, unless a
// test waits for its end.
func clientOf(servers ...*dnstest.Server) *Client {
	c := &Client{Timeout: 20 * time.Second}
	for i, s := range servers {
		c.Servers = append(c.Servers, &Server{Name: fmt.Sprintf("ns%d", i+1), Address: s.Address})
	}
	return c
}

// expect looks up the IPv4 addresses of a name, and compares them with want, or the error with its
// end.
func expect(t *testing.T, c *Client, name, want string) time.Duration {
	t.Helper()
	all, ttl, err := c.Lookup(context.Background(), name, resolve.IPv4)
	got := strings.Trim(fmt.Sprint(all), "[]")
	if err != nil {
		got = err.Error()
	}
	if got != want && (err == nil || !strings.Contains(got, want)) {
		t.Errorf("%s: %q, want %q", name, got, want)
	}
	return ttl
}

func TestLookup(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	c := clientOf(s)
	var many []string
	for i := range 600 {
		many = append(many, fmt.Sprintf("many.test. 5 IN A 10.0.%d.%d", i/256, i%256))
	}
	for name, r := range map[string]dnstest.Reply{
		"web.test":   {Records: []string{"web.test. 30 IN A 192.0.2.1", "web.test. 20 IN A 192.0.2.2", "web.test. 1 IN AAAA 2001:db8::1"}},
		"zero.test":  {Records: []string{"zero.test. 0 IN A 192.0.2.1"}},
		"huge.test":  {Records: []string{"huge.test. 2147483647 IN A 192.0.2.1"}},
		"alias.test": {Records: []string{"b.test. 40 IN A 192.0.2.3", "a.test. 7 IN CNAME B.test.", "alias.test. 50 IN CNAME a.test."}},
		"loop.test":  {Records: []string{"loop.test. 1 IN CNAME x.test.", "x.test. 1 IN CNAME loop.test.", "y.test. 1 IN A 192.0.2.66"}},
		"lie.test":   {Records: []string{"lie.test. 1 IN A 192.0.2.1", "bank.test. 1 IN A 192.0.2.66", "lie.test. 1 CH A 192.0.2.67"}},
		"other.test": {Records: []string{"bank.test. 1 IN A 192.0.2.66"}},
		"wrong.test": {All: true, Records: []string{"wrong.test. 1 IN AAAA 2001:db8::1", `wrong.test. 1 IN TXT "192.0.2.66"`}},
		"empty.test": {},
		"cut.test":   {Truncate: true, Records: []string{"cut.test. 1 IN A 192.0.2.4"}},
		"fail.test":  {Code: dns.RcodeServerFailure},
		"no.test":    {Code: dns.RcodeRefused},
		"many.test":  {Records: many, Truncate: true},
	} {
		s.Set(name, r)
	}
	for name, c2 := range map[string]struct {
		want string
		ttl  time.Duration
	}{
		"web.test":     {"192.0.2.1 192.0.2.2", 20 * time.Second},
		"WEB.test":     {"192.0.2.1 192.0.2.2", 20 * time.Second},
		"zero.test":    {"192.0.2.1", time.Second},
		"huge.test":    {"192.0.2.1", (1<<31 - 1) * time.Second},
		"alias.test":   {"192.0.2.3", 7 * time.Second},
		"loop.test":    {"no such records", 0},
		"lie.test":     {"192.0.2.1", time.Second},
		"other.test":   {"no such records", 0},
		"wrong.test":   {"no such records", 0},
		"empty.test":   {"no such records", 0},
		"unknown.test": {"the server answered NXDOMAIN", 0},
		"cut.test":     {"192.0.2.4", time.Second},
		"fail.test":    {"the server answered SERVFAIL", 0},
		"no.test":      {"the server answered REFUSED", 0},
		"a..b.test":    {"not a name of the DNS", 0},
	} {
		if ttl := expect(t, c, name, c2.want); ttl != c2.ttl {
			t.Errorf("%s: TTL %v, want %v", name, ttl, c2.ttl)
		}
	}
	if all, _, err := c.Lookup(context.Background(), "many.test", resolve.IPv4); len(all) != maxRecords || err != nil {
		t.Errorf("%d addresses, %v", len(all), err)
	}
	if all, _, err := c.Lookup(context.Background(), "web.test", resolve.IPv6); fmt.Sprint(all) != "[2001:db8::1]" {
		t.Error(all, err)
	}
	_, _, err := c.Lookup(context.Background(), "no.test", resolve.IPv4)
	if !errors.Is(err, resolve.ErrRefused) {
		t.Errorf("%v: is not refused", err)
	}
	got := c.Nameservers()[0]
	if got.Name != "ns1" || got.Valid != 9 || got.NotFound != 5 || got.Truncated != 2 || got.Refused != 6 || got.Other != 3 || got.Sent != 23 || got.Timeouts != 0 {
		t.Errorf("%+v", got)
	}
}

// What does not answer the question is ignored: another ID, another question, garbage.
func TestForgedPackets(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	c := clientOf(s)
	pack := func(m *dns.Msg, change func(*dns.Msg)) []byte {
		m = m.Copy()
		change(m)
		b, err := m.Pack()
		if err != nil {
			panic(err)
		}
		return b
	}
	forged := []string{"forged.test. 1 IN A 192.0.2.66"}
	for what, change := range map[string]func(m *dns.Msg) []byte{
		"id":       func(m *dns.Msg) []byte { return pack(m, func(m *dns.Msg) { m.Id++ }) },
		"question": func(m *dns.Msg) []byte { return pack(m, func(m *dns.Msg) { m.Question[0].Name = "other.test." }) },
		"type":     func(m *dns.Msg) []byte { return pack(m, func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeTXT }) },
		"none":     func(m *dns.Msg) []byte { return pack(m, func(m *dns.Msg) { m.Question = nil }) },
		"query":    func(m *dns.Msg) []byte { return pack(m, func(m *dns.Msg) { m.Response = false }) },
		"garbage":  func(*dns.Msg) []byte { return []byte(strings.Repeat("garbage", 20)) },
		"short":    func(*dns.Msg) []byte { return []byte{1} },
		"half":     func(m *dns.Msg) []byte { b := pack(m, func(*dns.Msg) {}); return b[:len(b)-3] },
	} {
		s.Set("forged.test", dnstest.Reply{Records: forged, Change: func(m *dns.Msg) []byte {
			before := change(m)
			m.Answer = []dns.RR{dnstest.Record("forged.test. 1 IN A 192.0.2.1")}
			return before
		}})
		t.Run(what, func(t *testing.T) { expect(t, c, "forged.test", "192.0.2.1") })
	}
	if n := c.Nameservers()[0].Invalid; n != 8 {
		t.Errorf("%d packets were ignored", n)
	}
}

// The first good answer counts, whatever other servers say, or do not say.
func TestFirstGoodAnswer(t *testing.T) {
	t.Parallel()
	good, bad := dnstest.Start(t), dnstest.Start(t)
	good.Set("web.test", dnstest.Reply{Records: []string{"web.test. 1 IN A 192.0.2.1"}, After: 50 * time.Millisecond})
	for what, r := range map[string]dnstest.Reply{
		"silent": {Silent: true}, "NXDOMAIN": {Code: dns.RcodeNameError}, "REFUSED": {Code: dns.RcodeRefused},
		"SERVFAIL": {Code: dns.RcodeServerFailure}, "no addresses": {},
	} {
		bad.Set("web.test", r)
		t.Run(what, func(t *testing.T) { expect(t, clientOf(bad, good), "web.test", "192.0.2.1") })
	}
	bad.Set("gone.test", dnstest.Reply{Code: dns.RcodeServerFailure})
	expect(t, clientOf(bad, good), "gone.test", "NXDOMAIN")

	closed, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := clientOf(good)
	c.Servers = append([]*Server{{Address: closed.LocalAddr().String()}}, c.Servers...)
	_ = closed.Close()
	expect(t, c, "web.test", "192.0.2.1")
}

// A question without an answer is repeated.
func TestSilence(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	s.Set("web.test", dnstest.Reply{Silent: true})
	c := clientOf(s)
	c.Timeout, c.Retries = 50*time.Millisecond, 4
	_, _, err := c.Lookup(context.Background(), "web.test", resolve.IPv4)
	if d, ok := errors.AsType[*net.DNSError](err); !ok || !d.IsTimeout || d.Server != s.Address {
		t.Errorf("%#v", err)
	}
	if n := c.Nameservers()[0]; n.Timeouts != 4 || n.Sent != 4 {
		t.Errorf("%+v", n)
	}
}

func TestSearchDomains(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	s.Has("web.b.test", "web.b.test. 1 IN A 192.0.2.1")
	s.Has("web.sub.b.test", "web.sub.b.test. 1 IN A 192.0.2.2")
	s.Has("web.sub", "web.sub. 1 IN A 192.0.2.3")
	c := clientOf(s)
	expect(t, c, "web", "NXDOMAIN")
	c.Search = []string{"a.test", ".b.test."}
	expect(t, c, "web", "192.0.2.1")
	expect(t, c, "web.sub", "192.0.2.3")
	expect(t, c, "web.sub.", "192.0.2.3")
	expect(t, c, "web.", "NXDOMAIN")
	c.Dots = 2
	expect(t, c, "web.sub", "192.0.2.2")
	expect(t, c, "nothing.sub", "lookup nothing.sub.")
}

// The hosts file counts for names without a dot alone.
func TestHosts(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	c := clientOf(s)
	c.Hosts = filepath.Join(t.TempDir(), "hosts")
	s.Has("web", "web. 1 IN A 192.0.2.1")
	expect(t, c, "web", "192.0.2.1")
	text := "# none\n192.0.2.7\tWEB other # web2\n192.0.2.8 web\n2001:db8::1 web\nbad web\n192.0.2.9 web.test\n"
	if err := os.WriteFile(c.Hosts, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, c, "web", "192.0.2.7 192.0.2.8")
	expect(t, c, "web2", "NXDOMAIN")
	expect(t, c, "web.test", "NXDOMAIN")
	if all, _, err := c.Lookup(context.Background(), "web", resolve.IPv6); fmt.Sprint(all) != "[2001:db8::1]" {
		t.Error(all, err)
	}
}
