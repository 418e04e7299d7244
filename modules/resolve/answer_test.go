// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// tried dials the addresses of an answer: those listed in works accept after a second, the others
// never. It returns which ones it tried, and for how long.
func tried(a Answer, within time.Duration, works string) (log string, err error) {
	var all []string
	_, err = a.Connect(within, nil, func(to netip.Addr, within time.Duration) (net.Conn, error) {
		all = append(all, fmt.Sprint(to, " ", within))
		if slices.Contains(strings.Fields(works), to.String()) {
			time.Sleep(time.Second)
			return nil, nil
		}
		time.Sleep(within)
		return nil, fmt.Errorf("%v: silent", to)
	})
	return strings.Join(all, ", "), err
}

// The addresses of a name are tried one after the other, and share the time.
func TestConnectSharesTime(t *testing.T) {
	three := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3")}
	for name, c := range map[string]struct {
		addresses []netip.Addr
		within    time.Duration
		works     string
		log, err  string
	}{
		"the only one":      {three[:1], 5 * time.Second, "192.0.2.1", "192.0.2.1 5s", ""},
		"the only one, not": {three[:1], 5 * time.Second, "", "192.0.2.1 5s", "192.0.2.1: silent"},
		"the first":         {three, 9 * time.Second, "192.0.2.1", "192.0.2.1 3s", ""},
		"the last":          {three, 9 * time.Second, "192.0.2.3", "192.0.2.1 3s, 192.0.2.2 3s, 192.0.2.3 3s", ""},
		"none":              {three, 9 * time.Second, "", "192.0.2.1 3s, 192.0.2.2 3s, 192.0.2.3 3s", "192.0.2.1: silent"},
		"time for two":      {three, 3 * time.Second, "192.0.2.2 192.0.2.3", "192.0.2.1 2s, 192.0.2.2 1s", ""},
		"time for none":     {three, 2 * time.Second, "192.0.2.2", "192.0.2.1 2s", "192.0.2.1: silent"},
		"too late":          {three, -1, "192.0.2.2", "192.0.2.1 0s, 192.0.2.2 0s", ""},
		"without a limit":   {three, 0, "192.0.2.2", "192.0.2.1 0s, 192.0.2.2 0s", ""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				log, err := tried(Answer{Addresses: c.addresses, resolver: new(Resolver), entry: new(entry)}, c.within, c.works)
				if err == nil {
					err = errors.New("")
				}
				if log != c.log || err.Error() != c.err {
					t.Errorf("%s: %v, want %s: %s", log, err, c.log, c.err)
				}
			})
		})
	}
}

func TestConnectIsGivenUp(t *testing.T) {
	done := make(chan struct{})
	close(done)
	addresses := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}
	n := 0
	_, err := Answer{Addresses: addresses}.Connect(0, done, func(netip.Addr, time.Duration) (net.Conn, error) {
		n++
		return nil, net.ErrClosed
	})
	if !errors.Is(err, net.ErrClosed) || n != 1 {
		t.Errorf("%d attempts, %v", n, err)
	}
}

// Addresses that refuse when others accept come last for ten minutes.
func TestUnreachableAddressesComeLast(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, d := newTest()
		d.says("web.test", IPv4, reply{addresses: "192.0.2.1 192.0.2.2"})
		d.says("web.test", IPv6, reply{addresses: "2001:db8::1"})
		const usual = "2001:db8::1 192.0.2.1 192.0.2.2"
		a := expect(t, r, web, usual, 0)
		connect := func(a Answer, works string) {
			t.Helper()
			if _, err := tried(a, 60*time.Second, works); err != nil {
				t.Fatal(err)
			}
		}
		connect(a, "192.0.2.1")
		until := time.Now().Add(unreachableTime)
		a = expect(t, r, web, "192.0.2.1 192.0.2.2 2001:db8::1", 0)
		connect(a, "192.0.2.1") // the first one works: no change
		expect(t, r, Name{Host: "web.test", Prefer: IPv6}, "192.0.2.1 192.0.2.2 2001:db8::1", 0)
		time.Sleep(time.Until(until) - ms)
		expect(t, r, web, "192.0.2.1 192.0.2.2 2001:db8::1", 0)
		time.Sleep(ms)
		a = expect(t, r, web, usual, 0)

		connect(a, "192.0.2.1 192.0.2.2")
		connect(expect(t, r, web, "192.0.2.1 192.0.2.2 2001:db8::1", 0), "192.0.2.2")
		a = expect(t, r, web, "192.0.2.2 2001:db8::1 192.0.2.1", 0) // in the order of failure
		connect(a, "2001:db8::1")
		expect(t, r, web, "2001:db8::1 192.0.2.1 192.0.2.2", 0)
		d.says("web.test", IPv4, reply{addresses: "192.0.2.1 192.0.2.2 192.0.2.9"})
		time.Sleep(lifetime)
		expect(t, r, web, "2001:db8::1 192.0.2.1 192.0.2.2", 0)
		expect(t, r, web, "2001:db8::1 192.0.2.9 192.0.2.1 192.0.2.2", 0)
	})
}

// The preferred family comes first, then the order of the first answer.
func TestOrderOfAddresses(t *testing.T) {
	const four, six = "192.0.2.1 192.0.2.2", "2001:db8::1"
	for name, c := range map[string]struct {
		n     Name
		route func(netip.Addr) bool
		want  string
	}{
		"with a route":    {Name{}, everywhere, six + " " + four},
		"without":         {Name{}, nowhere, four + " " + six},
		"IPv4 preferred":  {Name{Prefer: IPv4}, everywhere, four + " " + six},
		"IPv6 preferred":  {Name{Prefer: IPv6}, nowhere, six + " " + four},
		"IPv4 alone":      {Name{Family: IPv4, Prefer: IPv6}, everywhere, four},
		"IPv6 alone":      {Name{Family: IPv6, Prefer: IPv4}, nowhere, six},
		"what FamilyOf":   {Name{Family: FamilyOf("tcp4"), Prefer: FamilyOf("ipv6")}, everywhere, four},
		"says of words":   {Name{Family: FamilyOf("tcp6"), Prefer: FamilyOf("")}, everywhere, six},
		"and of networks": {Name{Family: FamilyOf("tcp"), Prefer: FamilyOf("ipv4")}, everywhere, four + " " + six},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r, d := newTest()
				r.route, c.n.Host = c.route, "web.test"
				d.says("web.test", IPv4, reply{addresses: four})
				d.says("web.test", IPv6, reply{addresses: six})
				expect(t, r, c.n, c.want, 0)
			})
		})
	}
	inBubble(t, func(t *testing.T) {
		r, d := newTest()
		for i, c := range []struct{ answer, want string }{
			{"192.0.2.1 192.0.2.2 192.0.2.3", "192.0.2.1 192.0.2.2 192.0.2.3"},
			{"192.0.2.3 192.0.2.2 192.0.2.1", "192.0.2.1 192.0.2.2 192.0.2.3"},
			{"192.0.2.9 192.0.2.3 192.0.2.3 192.0.2.1", "192.0.2.1 192.0.2.3 192.0.2.9"},
			{"192.0.2.3 192.0.2.1", "192.0.2.1 192.0.2.3"},
			{"::ffff:192.0.2.5", "192.0.2.5"},
		} {
			d.says("web.test", IPv4, reply{addresses: c.answer})
			if i > 0 {
				time.Sleep(lifetime)
				_, _ = r.Lookup(web, 0, nil)
				time.Sleep(ms)
			}
			expect(t, r, web, c.want, 0)
		}
	})
}

// A family that the DNS no longer has addresses of comes last.
func TestAbsentFamilyComesLast(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, d := newTest()
		d.says("web.test", IPv4, reply{addresses: "192.0.2.1"})
		d.says("web.test", IPv6, reply{addresses: "2001:db8::1"})
		a := expect(t, r, web, "2001:db8::1 192.0.2.1", 0)
		if _, err := tried(a, 0, "192.0.2.1"); err != nil {
			t.Fatal(err)
		}
		d.says("web.test", IPv4, reply{})
		time.Sleep(lifetime)
		expect(t, r, web, "192.0.2.1 2001:db8::1", 0)
		if a := expect(t, r, web, "2001:db8::1", 0); a.RenewError != nil {
			t.Errorf("the other family was renewed, but: %v", a.RenewError)
		}
	})
}

func TestAnswerIsBounded(t *testing.T) {
	var answer []netip.Addr
	for i := range 200 {
		answer = append(answer, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
	}
	if all := merge(nil, answer); len(all) != maxAddresses || all[15] != answer[15] {
		t.Error(all)
	}
	if all := merge(answer[100:101], answer); all[0] != answer[100] {
		t.Error(all)
	}
}

// There is a route to this system's own addresses, and to no address that is not a host's.
func TestHasRoute(t *testing.T) {
	for address, want := range map[string]bool{"::1": true, "ff02::1": false, "fe80::1": false} {
		if got := HasRoute(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
	for _, c := range []struct {
		from, to string
		enough   bool
	}{
		{"2001:db8::2", "2001:db8::1", true},
		{"fd00::2", "2001:db8::1", false},
		{"fe80::2", "2001:db8::1", false},
		{"fd00::2", "fd00::1", true},
		{"2001:db8::2", "fd00::1", true},
		{"::1", "::1", true},
		{"fe80::2", "fd00::1", false},
	} {
		if enough := scope(netip.MustParseAddr(c.from)) >= scope(netip.MustParseAddr(c.to)); enough != c.enough {
			t.Errorf("from %s to %s: %v", c.from, c.to, enough)
		}
	}
}
