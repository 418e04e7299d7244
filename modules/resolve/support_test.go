// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// dns answers as a test says, after a while, and counts the questions.
type dns struct {
	mu     sync.Mutex
	asked  map[string]int // by host and family
	answer map[string]reply
}

// reply is the answer to a question.
type reply struct {
	addresses string // separated by spaces
	err       error
	after     time.Duration // negative: never
	ttl       time.Duration
}

var (
	nxdomain = &net.DNSError{Err: "no such host", Server: "192.0.2.53:53", IsNotFound: true}
	servfail = &net.DNSError{Err: "server misbehaving", Server: "192.0.2.53:53", IsTemporary: true}
	silent   = reply{after: -1}
)

func key(host string, f Family) string { return fmt.Sprintf("%s %d", host, 2+2*f) }

func (d *dns) Lookup(ctx context.Context, host string, f Family) ([]netip.Addr, time.Duration, error) {
	d.mu.Lock()
	if d.asked == nil {
		d.asked = make(map[string]int)
	}
	d.asked[key(host, f)]++
	r, ok := d.answer[key(host, f)]
	d.mu.Unlock()
	if !ok {
		r.err = nxdomain
	}
	if r.after < 0 {
		<-ctx.Done()
		return nil, 0, &net.DNSError{Err: "read udp 10.0.0.1:40000->192.0.2.53:53: i/o timeout", Server: "192.0.2.53:53", IsTimeout: true}
	}
	time.Sleep(r.after)
	var addresses []netip.Addr
	for a := range strings.FieldsSeq(r.addresses) {
		addresses = append(addresses, netip.MustParseAddr(a))
	}
	return addresses, r.ttl, r.err
}

// says sets the reply for a host from now on.
func (d *dns) says(host string, f Family, r reply) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.answer == nil {
		d.answer = make(map[string]reply)
	}
	d.answer[key(host, f)] = r
}

// count returns the number of questions for a host, and resets it.
func (d *dns) count(host string, f Family) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.asked[key(host, f)]
	delete(d.asked, key(host, f))
	return n
}

// everywhere reports a route to every IPv6 address.
func everywhere(netip.Addr) bool { return true }
func nowhere(netip.Addr) bool    { return false }

// inBubble runs a test with a clock of its own, and waits for the lookups that are left.
func inBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t)
		time.Sleep(lookupTimeout)
	})
}

func newTest() (*Resolver, *dns) {
	d := new(dns)
	return &Resolver{Source: d, route: everywhere}, d
}

// expect looks up a name and compares the result, addresses or the prefix of an error, and the time
// that it took.
func expect(t *testing.T, r *Resolver, n Name, want string, took time.Duration) Answer {
	t.Helper()
	began := time.Now()
	a, err := r.Lookup(n, 5*time.Second, nil)
	if wrong := differs(a, err, want); wrong != "" {
		t.Errorf("%s: %s", n.Host, wrong)
	}
	if elapsed := time.Since(began); elapsed != took {
		t.Errorf("%s took %v, want %v", n.Host, elapsed, took)
	}
	synctest.Wait()
	return a
}

func differs(a Answer, err error, want string) string {
	var text []string
	for _, ip := range a.Addresses {
		text = append(text, ip.String())
	}
	got := strings.Join(text, " ")
	if err != nil {
		got = err.Error()
	}
	if got == want || err != nil && strings.HasPrefix(got, want) && want != "" {
		return ""
	}
	return fmt.Sprintf("%q, want %q", got, want)
}

const ms = time.Millisecond

var web = Name{Host: "web.test"}
