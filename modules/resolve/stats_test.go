// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestStatuses looks up names with different answers, and then asks for their state.
func TestStatuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &dns{answer: map[string]reply{
			key("both.test", IPv4):   {addresses: "192.0.2.1"},
			key("both.test", IPv6):   {addresses: "2001:db8::1"},
			key("four.test", IPv4):   {addresses: "192.0.2.2"},
			key("broken.test", IPv4): {err: servfail},
			key("broken.test", IPv6): {err: servfail},
			key("silent.test", IPv4): silent,
			key("silent.test", IPv6): silent,
		}}
		r := &Resolver{Source: d}
		for _, host := range []string{"none.test", "four.test", "both.test", "broken.test", "silent.test"} {
			_, _ = r.Lookup(NewName("tcp", host, ""), time.Second, nil)
		}
		var got []string
		for _, n := range r.Statuses() {
			got = append(got, fmt.Sprintf("%s %v %v, looking up: %v, never looked up: %v, unused: %v", n.Host, n.Addresses, n.Err, n.LookingUp, n.LookedUp.IsZero(), n.Used.IsZero()))
		}
		want := []string{
			"both.test [192.0.2.1 2001:db8::1] <nil>, looking up: false, never looked up: false, unused: false",
			"broken.test [] resolving broken.test: server misbehaving (DNS); asked 192.0.2.53:53, looking up: false, never looked up: false, unused: false",
			"four.test [192.0.2.2] <nil>, looking up: false, never looked up: false, unused: false",
			"none.test [] resolving none.test: no such host (DNS); asked 192.0.2.53:53, looking up: false, never looked up: false, unused: false",
			"silent.test [] <nil>, looking up: true, never looked up: true, unused: false",
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
		time.Sleep(2 * lookupTimeout) // the lookups end
		synctest.Wait()
	})
}
