// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Clients.Names bounds the names that clients can create. They push out only names not used for
// longer, and unknown ones are not looked up again for a while.
func TestClientNamesAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, d := newTest()
		r.Names, r.Lookups, r.Negative = 100, 20, lifetime
		d.says("web.test", IPv4, reply{addresses: "192.0.2.1"})
		expect(t, r, web, "192.0.2.1", 0)
		for i := range 1000 {
			name := Name{Host: fmt.Sprintf("no%d.test", i)}
			expect(t, r, name, "resolving "+name.Host+": no such host (DNS)", 0)
			expect(t, r, name, "resolving "+name.Host+": no such host (DNS)", 0)
			if n := d.count(name.Host, IPv4) + d.count(name.Host, IPv6); n != 2 {
				t.Fatalf("%s: %d questions", name.Host, n)
			}
			if i%50 == 0 {
				expect(t, r, web, "192.0.2.1", 0)
			}
			if len(r.entries) > 100 || r.used.Len() != len(r.entries) {
				t.Fatalf("%d names are kept, %d in order", len(r.entries), r.used.Len())
			}
		}
		if n := d.count("web.test", IPv4); n != 1 {
			t.Errorf("%d questions for the name in use", n)
		}
		// With slow DNS, only Lookups run at a time.
		busy := 0
		for i := range 100 {
			name := Name{Host: fmt.Sprintf("slow%d.test", i)}
			d.says(name.Host, IPv4, silent)
			d.says(name.Host, IPv6, silent)
			go func() {
				if _, err := r.Lookup(name, time.Second, nil); err != nil && strings.Contains(err.Error(), errBusy.Error()) {
					busy++ // one goroutine runs at a time: each waits for the lock
				}
			}()
			synctest.Wait()
			if i%50 == 0 {
				expect(t, r, web, "192.0.2.1", 0)
			}
		}
		if n := underWay(r); busy != 90 || n != 20 {
			t.Errorf("%d names were refused, %d lookups are under way", busy, n)
		}
		expect(t, r, web, "192.0.2.1", 0) // known addresses are still returned
		time.Sleep(lookupTimeout + time.Second)
		if n := underWay(r); n != 0 {
			t.Errorf("%d lookups are under way", n)
		}
	})
}

func underWay(r *Resolver) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lookups
}

// A name of a configuration is kept, among any number of others, until an hour after its last use.
func TestNamesAreForgotten(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, d := newTest()
		for i := range 1000 {
			_, _ = r.Lookup(Name{Host: fmt.Sprintf("a%d.test", i)}, 0, nil)
		}
		if len(r.entries) != 1000 {
			t.Errorf("%d names are kept", len(r.entries))
		}
		time.Sleep(forgetAfter - ms)
		d.says("web.test", IPv4, reply{addresses: "192.0.2.1"})
		expect(t, r, web, "192.0.2.1", 0)
		if len(r.entries) != 1001 {
			t.Errorf("%d names are kept after an hour", len(r.entries))
		}
		time.Sleep(ms)
		expect(t, r, web, "192.0.2.1", 0)
		if len(r.entries) != 1 {
			t.Errorf("%d names are kept after more than an hour", len(r.entries))
		}
	})
}

// Notify is called once when a name cannot be renewed, when it has no addresses left, and when it
// can be resolved again.
func TestNotifyOncePerFailure(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, d := newTest()
		var told []string // appended by one goroutine at a time
		r.Notify = func(c Change) {
			text := fmt.Sprint(c.Host, ": ", c.Before, " -> ", c.After)
			if len(c.After) == 0 {
				text = c.Host + ": nothing left" // before has the family that was absent last
			}
			if c.Err != nil {
				text += "; " + c.Err.Error()
			}
			if c.Moved() {
				text += "; moved"
			}
			told = append(told, text)
		}
		step := func(do string, four, six reply, want ...string) {
			t.Helper()
			d.says("web.test", IPv4, four)
			d.says("web.test", IPv6, six)
			for range 45 {
				_, _ = r.Lookup(web, 0, nil)
				time.Sleep(time.Second)
			}
			if !slices.Equal(told, want) {
				t.Errorf("%s: told %q, want %q", do, told, want)
			}
			told = nil
		}
		const none, odd = "; resolving web.test: no such host (DNS); asked 192.0.2.53:53", "; resolving web.test: server misbehaving (DNS); asked 192.0.2.53:53"
		nothing, broken, one, two := reply{err: nxdomain}, reply{err: servfail}, reply{addresses: "192.0.2.1"}, reply{addresses: "192.0.2.2 192.0.2.3"}
		six := reply{addresses: "2001:db8::1"}
		step("no such host", nothing, nothing, "web.test: nothing left"+none)
		step("a failure", broken, broken)
		step("one", one, nothing, "web.test: [] -> [192.0.2.1]")
		step("one, and a failure", one, broken)
		step("one, and silence", one, silent)
		time.Sleep(lookupTimeout)
		step("moved", two, nothing, "web.test: [192.0.2.1] -> [192.0.2.2 192.0.2.3]; moved")
		step("turned", reply{addresses: "192.0.2.3 192.0.2.2"}, nothing)
		step("fewer", reply{addresses: "192.0.2.3"}, nothing)
		step("broken", broken, broken, "web.test: [192.0.2.3] -> [192.0.2.3]"+odd)
		step("well", reply{addresses: "192.0.2.3"}, nothing, "web.test: [192.0.2.3] -> [192.0.2.3]")
		step("both", one, six, "web.test: [192.0.2.3] -> [192.0.2.1]; moved")
		step("one is gone", one, nothing)
		step("all is gone", nothing, nothing, "web.test: [192.0.2.1] -> [192.0.2.1]"+none, "web.test: nothing left"+none)
		step("well", one, nothing, "web.test: [] -> [192.0.2.1]")
	})
}
