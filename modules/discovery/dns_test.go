// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// dnsMu guards the zones, and the servers found.
var dnsMu sync.Mutex

// zone is a DNS of a test. The keys are a name and 4, 6 or SRV.
type zone struct {
	addresses map[string]string
	services  []resolve.Service
	fail      map[string]error
	ttl       time.Duration
}

func (z *zone) Lookup(_ context.Context, host string, f resolve.Family) (all []netip.Addr, _ time.Duration, err error) {
	dnsMu.Lock()
	defer dnsMu.Unlock()
	key := host + map[resolve.Family]string{resolve.IPv4: " 4", resolve.IPv6: " 6"}[f]
	if err := z.fail[key]; err != nil {
		return nil, 0, err
	}
	for _, e := range endpoints(z.addresses[key]) {
		all = append(all, netip.MustParseAddr(e.Address))
	}
	if len(all) == 0 {
		return nil, 0, errNone
	}
	return all, z.ttl, nil
}

func (z *zone) LookupServices(context.Context, string) ([]resolve.Service, time.Duration, error) {
	dnsMu.Lock()
	defer dnsMu.Unlock()
	if err := z.fail["SRV"]; err != nil || len(z.services) > 0 {
		return slices.Clone(z.services), z.ttl, err
	}
	return nil, 0, errNone
}

var (
	nopLog     = zap.NewNop()
	errNone    = &net.DNSError{IsNotFound: true}
	errBroken  = errors.New("broken")
	errTimeout = &net.DNSError{IsTimeout: true}
)

// asked makes a zone that of resolvers with this name.
func asked(t *testing.T, name string, z *zone, hold *resolve.Hold) {
	t.Helper()
	z.addresses, z.fail = make(map[string]string), make(map[string]error)
	use := resolve.Acquire(name, name, func() *resolve.Resolver { return &resolve.Resolver{Source: z, Hold: hold} })
	use.Serve()
	t.Cleanup(use.Release)
}

// step is a change of the DNS, and what the template has some seconds later.
type step struct {
	do    func()
	after int
	want  string
}

// follow runs a source in a Runner, and checks what it has found after each step.
func follow(t *testing.T, s Source, steps ...step) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	now := "?"
	r := &Runner{Source: s, Log: nopLog, Apply: func(all []Endpoint) {
		dnsMu.Lock()
		defer dnsMu.Unlock()
		now = ""
		for _, e := range all {
			now += e.Address + " "
			if e.Weight != nil {
				now += asJSON(t, e.Weight) + " "
			}
		}
	}}
	for i, s := range steps {
		dnsMu.Lock()
		s.do()
		dnsMu.Unlock()
		if i == 0 {
			r.Start(ctx)
		}
		time.Sleep(time.Duration(s.after)*time.Second + 500*time.Millisecond)
		dnsMu.Lock()
		if now != s.want {
			t.Errorf("step %d: %s, want %s", i+1, now, s.want)
		}
		dnsMu.Unlock()
	}
	cancel()
	synctest.Wait()
}

// The servers of a host follow the DNS within the TTL; they stay while it fails, and half a minute
// when it has no addresses.
func TestDNSA(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{ttl: 2 * time.Second}
		asked(t, "A", z, nil)
		follow(t, NewDNSA("web.test", 443, "A", "ipv4"),
			step{func() { z.addresses["web.test 4"] = "10.0.0.1 10.0.0.2 0.0.0.0" }, 0, "10.0.0.1:443 10.0.0.2:443 "},
			step{func() { z.addresses["web.test 4"] = "10.0.0.3" }, 2, "10.0.0.3:443 "},
			step{func() { z.addresses["web.test 6"] = "2001:db8::1" }, 2, "10.0.0.3:443 "},
			step{func() { z.fail["web.test 4"] = errBroken }, 100, "10.0.0.3:443 "},
			step{func() { z.fail["web.test 4"] = errNone }, 3, "[2001:db8::1]:443 "},
			step{func() { z.fail["web.test 6"], z.addresses["web.test 4"] = errNone, "" }, 28, "[2001:db8::1]:443 "},
			step{func() {}, 5, ""},
			step{func() { z.fail["web.test 4"], z.addresses["web.test 4"] = nil, "10.0.0.9" }, 1, "10.0.0.9:443 "},
			step{func() { z.ttl = 100 * time.Hour }, 3, "10.0.0.9:443 "},
			step{func() { z.addresses["web.test 4"] = "10.0.0.8" }, 300, "10.0.0.8:443 "},
		)
	})
}

// The hold times of resolvers apply: by the error, and to addresses that are missing.
func TestDNSHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{ttl: time.Second}
		asked(t, "hold", z, &resolve.Hold{NotFound: 0, Other: 10 * time.Second, Timeout: -1, Obsolete: 5 * time.Second})
		const key = "web.test 4"
		follow(t, NewDNSA("web.test", 443, "hold", ""),
			step{func() { z.addresses[key] = "10.0.0.1 10.0.0.2" }, 0, "10.0.0.1:443 10.0.0.2:443 "},
			step{func() { z.addresses[key] = "10.0.0.2" }, 3, "10.0.0.2:443 10.0.0.1:443 "},
			step{func() {}, 4, "10.0.0.2:443 "},
			step{func() { z.fail[key] = errTimeout }, 100, "10.0.0.2:443 "},
			step{func() { z.fail[key] = nil }, 2, "10.0.0.2:443 "},
			step{func() { z.fail[key] = errBroken }, 8, "10.0.0.2:443 "},
			step{func() {}, 4, ""},
			step{func() { z.fail[key] = nil }, 2, "10.0.0.2:443 "},
			step{func() { z.fail[key] = errNone }, 2, ""},
		)
	})
}

// Each SRV record is a server, with its weight, at an address that stays.
func TestDNSSRV(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{ttl: time.Second}
		asked(t, "SRV", z, nil)
		at := func(text string) []netip.Addr { return []netip.Addr{netip.MustParseAddr(text)} }
		s := NewDNSSRV("_s._tcp.web.test", "SRV", "", false)
		follow(t, s,
			step{func() {
				z.services = []resolve.Service{{Host: "b.test", Port: 2, Priority: 2, Weight: 65535}, {Host: "a.test", Port: 1, Priority: 1, Weight: 256, Addresses: at("10.0.0.1")}, {Host: "gone.test", Port: 3}}
				z.addresses["b.test 4"] = "10.0.0.2 10.0.0.3"
			}, 0, "10.0.0.1:1 1 10.0.0.2:2 256 "},
			step{func() { z.addresses["b.test 4"] = "10.0.0.3 10.0.0.2" }, 2, "10.0.0.1:1 1 10.0.0.2:2 256 "},
			step{func() { z.addresses["b.test 4"] = "10.0.0.3" }, 2, "10.0.0.1:1 1 10.0.0.3:2 256 "},
			step{func() { z.fail["b.test 4"] = errBroken }, 60, "10.0.0.1:1 1 10.0.0.3:2 256 "},
			step{func() { delete(z.fail, "b.test 4"); z.services = z.services[:1] }, 2, "10.0.0.3:2 256 "},
			step{func() { z.services[0].Weight = 0; z.services[0].Port = 7 }, 2, "10.0.0.3:7 0 "},
			step{func() { z.services = nil }, 40, ""},
		)
		s = NewDNSSRV("_s._tcp.web.test", "SRV", "ipv4", true)
		follow(t, s, step{func() { z.services = []resolve.Service{{Host: "b.test", Port: 2, Weight: 9}} }, 0, "10.0.0.3:2 "})
		follow(t, NewDNSA("web.test", 1, "nothing", ""), step{func() {}, 5, "?"})
	})
}
