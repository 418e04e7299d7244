// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// What a limit refuses is reset, counted by its reason, and told in one line for many. Each
// frontend counts for itself.
func TestLimitOfClients(t *testing.T) {
	t.Parallel()
	l := startLimited(t, "", map[string]string{
		"few":    "limit {\nper_ip 2\nallow 127.0.0.8/31\n}",
		"rare":   "limit {\nrate 3/1h per_ip\n}",
		"hellos": "limit {\nunfinished_hellos 300\nallow 127.0.0.9\n}",
		"behind": "accept_proxy 127.0.0.1\nlimit {\nper_ip 1\nallow 2001:db8:9::/48\n}",
		"rule":   "connection {\nreset rate over 2/1h\n}\nreject {\nrate over 1/1h by remote_ip\nsni www.example.test\n}",
	})

	first := l.visit("few", "127.0.0.2", "served")
	silent := l.connect("few", "127.0.0.2")
	l.counts("few", func(f frontendCounts) bool { return f.Connections == 2 })
	l.visit("few", "127.0.0.2", "reset")
	l.gets(l.connect("few", "127.0.0.2"), "reset") // before it has sent anything
	l.visit("few", "127.0.0.3", "served")
	for range 4 {
		l.visit("few", "127.0.0.9", "served")
	}
	l.leaves(silent, "few", 6)
	l.visit("few", "127.0.0.2", "served")
	l.leaves(first, "few", 6)
	l.refused("few", "per_ip", 2)

	for range 3 {
		l.leaves(l.visit("rare", "127.0.0.2", "served"), "rare", 0)
	}
	for range 3 {
		l.visit("rare", "127.0.0.2", "reset")
	}
	l.visit("rare", "127.0.0.3", "served")
	l.refused("rare", "rate", 3)
	l.unfinishedHellos()
	l.limitBehindProxy()

	l.visit("rule", "127.0.0.2", "served")
	l.visit("rule", "127.0.0.2", "alert 49")
	l.visit("rule", "127.0.0.2", "reset")
	l.visit("rule", "127.0.0.3", "served")
	l.counts("rule", func(f frontendCounts) bool { return f.Ended["refused"] == 2 && f.Refused == nil })
}

// A hello that is whole at once needs none of the bytes that a limit allows for unfinished ones.
func (l *limitsTest) unfinishedHellos() {
	l.Helper()
	hello := hellotest.Hello(l, "www.example.test")
	slow := l.connect("hellos", "127.0.0.2", hello[:200])
	l.counts("hellos", func(f frontendCounts) bool { return f.UnfinishedHellos == 200 })
	l.gets(l.connect("hellos", "127.0.0.3", hello[:150]), "reset")
	l.visit("hellos", "127.0.0.3", "served")
	allowed := l.connect("hellos", "127.0.0.9", hello[:150])
	l.counts("hellos", func(f frontendCounts) bool { return f.Connections == 3 })
	l.refused("hellos", "unfinished_hellos", 1)
	for c, from := range map[limitsClient]int{slow: 200, allowed: 150} {
		if _, err := c.Write(hello[from:]); err != nil {
			l.Error(err)
		}
		l.gets(c, "served")
	}
	l.counts("hellos", func(f frontendCounts) bool { return f.UnfinishedHellos == 0 })
}

// The client is the one in the header: an IPv4 address also in its IPv6 form, and 64 bits of an
// IPv6 address.
func (l *limitsTest) limitBehindProxy() {
	l.Helper()
	hello := hellotest.Hello(l, "www.example.test")
	for i, c := range []struct{ from, want string }{
		{"TCP4 198.51.100.7 192.0.2.1", "served"},
		{"TCP4 198.51.100.7 192.0.2.1", "reset"},
		{"TCP6 ::ffff:198.51.100.7 ::ffff:192.0.2.1", "reset"},
		{"TCP4 198.51.100.8 192.0.2.1", "served"},
		{"TCP6 2001:db8:1:2::1 2001:db8::", "served"},
		{"TCP6 2001:db8:1:2:ffff::1 2001:db8::", "reset"},
		{"TCP6 2001:db8:1:3::1 2001:db8::", "served"},
		{"TCP6 2001:db8:9::1 2001:db8::", "served"},
		{"TCP6 2001:db8:9::1 2001:db8::", "served"},
	} {
		l.Logf("%d: %s", i, c.from)
		l.gets(l.connect("behind", "127.0.0.1", []byte("PROXY "+c.from+" 50000 443\r\n"), hello), c.want)
	}
	l.refused("behind", "per_ip", 3)
}

// A reload changes limits while connections are open, and closes none of them. Those that were
// opened before count.
func TestLimitsOverReloads(t *testing.T) {
	t.Parallel()
	frontends := func(perIP, maxconn string) map[string]string {
		return map[string]string{"few": perIP, "one": maxconn}
	}
	l := startLimited(t, "", frontends("limit {\nper_ip 2\n}", "maxconn 2"))
	a, b := l.visit("few", "127.0.0.2", "served"), l.visit("few", "127.0.0.2", "served")
	l.visit("few", "127.0.0.2", "reset")
	c, d := l.visit("one", "127.0.0.2", "served"), l.visit("one", "127.0.0.2", "served")
	waiting := l.visit("one", "127.0.0.2", "waits")

	l.reconfigure("", frontends("limit {\nper_ip 3\n}", "maxconn 3"))
	l.gets(waiting, "served")
	e := l.visit("few", "127.0.0.2", "served")
	l.visit("few", "127.0.0.2", "reset")
	waiting = l.visit("one", "127.0.0.2", "waits")

	l.reconfigure("", frontends("limit {\nper_ip 1\nrate 100/1h\n}", "maxconn 1"))
	l.visit("few", "127.0.0.2", "reset")
	l.leaves(a, "few", 2)
	l.leaves(b, "few", 1)
	l.visit("few", "127.0.0.2", "reset")
	l.leaves(e, "few", 0)
	l.visit("few", "127.0.0.2", "served")
	l.leaves(c, "one", 2)
	l.leaves(d, "one", 1)
	l.gets(waiting, "waits")

	l.reconfigure("", frontends("", ""))
	l.gets(waiting, "served")
	for range 3 {
		l.visit("few", "127.0.0.2", "served")
	}
	l.refused("few", "per_ip", 4)
}
