// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A name is looked up once for any number of concurrent callers, and again only when its TTL is
// over. No caller waits for that.
func TestConcurrentLookupsAreOne(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, d := newTest()
		d.says("web.test", IPv4, reply{addresses: "192.0.2.1", after: 20 * ms})
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				n := Name{Host: []string{"web.test", "WEB.Test"}[i%2]}
				if a, err := r.Lookup(n, time.Second, nil); differs(a, err, "192.0.2.1") != "" {
					t.Error(a.Addresses, err)
				}
			})
		}
		wg.Wait()
		if four, six := d.count("web.test", IPv4), d.count("web.test", IPv6); four != 1 || six != 1 {
			t.Errorf("%d and %d questions, want one each", four, six)
		}
		d.says("web.test", IPv4, reply{addresses: "192.0.2.2", after: 20 * ms})
		for range 9 {
			time.Sleep(time.Second)
			expect(t, r, web, "192.0.2.1", 0)
		}
		if n := d.count("web.test", IPv4); n != 0 {
			t.Errorf("%d questions within the first 9 s", n)
		}
		time.Sleep(time.Second)
		for range 3 {
			expect(t, r, web, "192.0.2.1", 0) // the known address serves meanwhile
		}
		if n := d.count("web.test", IPv4); n != 1 {
			t.Errorf("%d questions after 10 s, want 1", n)
		}
		time.Sleep(21 * ms)
		expect(t, r, web, "192.0.2.2", 0)
	})
}

// If the source knows the TTL, it is asked again when that is over, but at most once a second.
func TestLifetime(t *testing.T) {
	for ttl, asked := range map[time.Duration]int{0: 6, 3 * time.Second: 20, 60 * time.Second: 1, time.Millisecond: 60} {
		inBubble(t, func(t *testing.T) {
			r, d := newTest()
			d.says("web.test", IPv4, reply{addresses: "192.0.2.1", ttl: ttl})
			for range 600 {
				expect(t, r, Name{Host: "web.test", Family: IPv4}, "192.0.2.1", 0)
				time.Sleep(100 * ms)
			}
			if n := d.count("web.test", IPv4); n != asked {
				t.Errorf("TTL %v: %d questions in a minute, want %d", ttl, n, asked)
			}
		})
	}
}

// However long and in whatever way the DNS fails, the last good addresses are used without waiting.
// A name with addresses of one family is looked up as seldom in the other, and a new address there
// is found.
func TestAbsentFamilyIsAskedSeldom(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		r, d := newTest()
		d.says("web.test", IPv4, reply{addresses: "192.0.2.1"})
		use := func() { // for a minute, each second
			for range 60 {
				expect(t, r, web, "192.0.2.1", 0)
				time.Sleep(time.Second)
			}
		}
		use()
		if four, six := d.count("web.test", IPv4), d.count("web.test", IPv6); four > 6 || six > 7 || six == 0 {
			t.Errorf("%d and %d lookups in a minute, want 6 and about as many", four, six)
		}
		d.says("web.test", IPv6, reply{addresses: "2001:db8::1"})
		time.Sleep(lifetime)
		_, _ = r.Lookup(web, 0, nil)
		synctest.Wait()
		expect(t, r, web, "2001:db8::1 192.0.2.1", 0)
	})
}

// It is asked again a second after each failure.
func TestAddressesOutliveFailures(t *testing.T) {
	for name, failure := range map[string]reply{
		"silent":   silent,
		"SERVFAIL": {err: servfail},
		"refused":  {err: &net.DNSError{Err: "read udp 10.0.0.1:40000->192.0.2.53:53: read: connection refused", Server: "192.0.2.53:53"}},
		"garbage":  {err: &net.DNSError{Err: "cannot unmarshal DNS message"}},
		"odd":      {err: errors.New("odd")},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r, d := newTest()
				d.says("web.test", IPv4, reply{addresses: "192.0.2.1"})
				d.says("web.test", IPv6, reply{addresses: "2001:db8::1"})
				const both = "2001:db8::1 192.0.2.1"
				if a := expect(t, r, web, both, 0); a.RenewError != nil {
					t.Error(a.RenewError)
				}
				d.says("web.test", IPv4, failure)
				d.says("web.test", IPv6, failure)
				for range 3600 {
					time.Sleep(time.Second)
					expect(t, r, web, both, 0)
				}
				a := expect(t, r, web, both, 0)
				if a.RenewError == nil || !strings.HasPrefix(a.RenewError.Error(), "resolving web.test: ") || !strings.Contains(a.RenewError.Error(), " (DNS)") {
					t.Errorf("renewing: %v", a.RenewError)
				}
				if n := d.count("web.test", IPv4); n > 3601 || n < 100 {
					t.Errorf("%d questions in an hour", n)
				}
				d.says("web.test", IPv4, reply{addresses: "192.0.2.9"})
				d.says("web.test", IPv6, reply{addresses: "2001:db8::9"})
				time.Sleep(lookupTimeout + 2*time.Second)
				expect(t, r, web, both, 0)
				if a := expect(t, r, web, "2001:db8::9 192.0.2.9", 0); a.RenewError != nil {
					t.Error(a.RenewError)
				}
			})
		})
	}
}

// A name is given up after half a minute of "no such host" answers, if there is no other answer
// meanwhile.
func TestNoSuchHost(t *testing.T) {
	for name, c := range map[string]struct {
		between reply
		stays   bool
	}{
		"all the time":   {reply{err: nxdomain}, false},
		"or a failure":   {reply{err: servfail}, true},
		"or an address":  {reply{addresses: "192.0.2.1"}, true},
		"or no address":  {reply{}, false},
		"or not a word":  {silent, true},
		"of this family": {reply{err: &net.DNSError{Err: "no suitable address", IsNotFound: true}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r, d := newTest()
				four := Name{Host: "web.test", Family: IPv4}
				d.says("web.test", IPv4, reply{addresses: "192.0.2.1"})
				expect(t, r, four, "192.0.2.1", 0)
				d.says("web.test", IPv4, reply{err: nxdomain})
				time.Sleep(lifetime)
				for i := range 60 { // half a second each
					if i == 30 {
						d.says("web.test", IPv4, c.between)
					}
					if i == 40 {
						d.says("web.test", IPv4, reply{err: nxdomain})
					}
					expect(t, r, four, "192.0.2.1", 0)
					time.Sleep(500 * ms)
				}
				expect(t, r, four, "192.0.2.1", 0) // not even the lookup that changes the answer is waited for
				if c.stays {
					expect(t, r, four, "192.0.2.1", 0)
					return
				}
				expect(t, r, four, "resolving web.test: no such host (DNS)", 0)
				if n := d.count("web.test", IPv4); n > 42 {
					t.Errorf("%d questions in 40 s", n)
				}
				d.says("web.test", IPv4, reply{addresses: "192.0.2.7", after: 20 * ms})
				time.Sleep(time.Second)
				expect(t, r, four, "192.0.2.7", 20*ms)
			})
		})
	}
}

// One family waits for the other at most 50 ms, and only once.
func TestOneFamilyIsEnough(t *testing.T) {
	for name, other := range map[string]reply{"silent": silent, "SERVFAIL": {err: servfail, after: time.Second}, "slow": {addresses: "2001:db8::1", after: time.Second}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r, d := newTest()
				d.says("web.test", IPv4, reply{addresses: "192.0.2.1", after: 5 * ms})
				d.says("web.test", IPv6, other)
				a := expect(t, r, web, "192.0.2.1", 55*ms)
				if a.RenewError != nil {
					t.Error(a.RenewError)
				}
				for i := range 2000 {
					time.Sleep(10 * ms)
					want := "192.0.2.1"
					if name == "slow" && i >= 94 {
						want = "2001:db8::1 192.0.2.1"
					}
					if a := expect(t, r, web, want, 0); a.RenewError != nil {
						t.Fatal(a.RenewError)
					}
				}
			})
		})
	}
	inBubble(t, func(t *testing.T) { // both in time
		r, d := newTest()
		d.says("web.test", IPv4, reply{addresses: "192.0.2.1", after: 5 * ms})
		d.says("web.test", IPv6, reply{addresses: "2001:db8::1", after: 30 * ms})
		expect(t, r, web, "2001:db8::1 192.0.2.1", 30*ms)
	})
	inBubble(t, func(t *testing.T) { // "no such host" of one family says nothing about the other
		r, d := newTest()
		d.says("web.test", IPv4, reply{err: nxdomain})
		d.says("web.test", IPv6, reply{addresses: "2001:db8::1", after: 2 * time.Second})
		expect(t, r, web, "2001:db8::1", 2*time.Second)
	})
	inBubble(t, func(t *testing.T) { // only the wanted family is looked up
		r, d := newTest()
		d.says("web.test", IPv4, reply{addresses: "192.0.2.1"})
		d.says("web.test", IPv6, reply{addresses: "2001:db8::1"})
		expect(t, r, Name{Host: "web.test", Family: IPv4}, "192.0.2.1", 0)
		if n := d.count("web.test", IPv6); n != 0 {
			t.Errorf("%d questions for IPv6", n)
		}
		expect(t, r, Name{Host: "web.test", Family: IPv6}, "2001:db8::1", 0)
	})
}

// A name not used for a while is looked up before use, if that is quick.
func TestAfterIdleness(t *testing.T) {
	for name, c := range map[string]struct {
		sleep  time.Duration
		answer reply
		want   string
		took   time.Duration
	}{
		"lately used": {idleTime, reply{addresses: "192.0.2.2", after: 20 * ms}, "192.0.2.1", 0},
		"idle":        {idleTime + 1, reply{addresses: "192.0.2.2", after: 20 * ms}, "192.0.2.2", 20 * ms},
		"idle, slow":  {idleTime + 1, reply{addresses: "192.0.2.2", after: time.Second}, "192.0.2.1", freshTimeout},
		"idle, dead":  {idleTime + 1, silent, "192.0.2.1", freshTimeout},
		"idle, none":  {idleTime + 1, reply{err: nxdomain, after: 20 * ms}, "192.0.2.1", 20 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r, d := newTest()
				d.says("web.test", IPv4, reply{addresses: "192.0.2.1"})
				expect(t, r, web, "192.0.2.1", 0)
				time.Sleep(c.sleep)
				d.says("web.test", IPv4, c.answer)
				expect(t, r, web, c.want, c.took)
				if c.answer.after < 0 {
					expect(t, r, web, c.want, 0) // the next one does not wait again
				}
			})
		})
	}
}

// A name that was never resolved is waited for until the deadline, and not longer.
func TestNeverResolved(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, d := newTest()
		d.says("web.test", IPv4, silent)
		d.says("web.test", IPv6, silent)
		expect(t, r, web, "resolving web.test: no answer in time (DNS)", 5*time.Second)
		if _, err := r.Lookup(web, 0, nil); err == nil || err.Error() != "resolving web.test: no answer in time (DNS); asked 192.0.2.53:53" {
			t.Error(err)
		}
		done := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(done) })
		began := time.Now()
		time.Sleep(retryAfter)
		if _, err := r.Lookup(web, 0, done); !errors.Is(err, net.ErrClosed) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		d.says("web.test", IPv4, reply{err: servfail})
		time.Sleep(lookupTimeout + retryAfter)
		_, err := r.Lookup(Name{Host: "web.test", Family: IPv4}, time.Second, nil)
		if failed, ok := errors.AsType[*Error](err); !ok || failed.NotFound() || err.Error() != "resolving web.test: server misbehaving (DNS); asked 192.0.2.53:53" {
			t.Error(err)
		}
		if timeout, ok := errors.AsType[net.Error](err); ok {
			t.Errorf("%v would be taken for a server's timeout", timeout)
		}
	})
}

// A caller waits for the lookups that run when it asks, not for later ones, or it might never
// return.
func TestLookupWaitsOnceForRunningLookups(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, d := newTest()
		d.says("web.test", IPv4, reply{err: servfail, after: time.Second})
		d.says("web.test", IPv6, reply{err: servfail, after: 3 * time.Second})
		began := time.Now()
		if _, err := r.Lookup(web, time.Minute, nil); err == nil || time.Since(began) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// An error of either family is returned; "no such host" only if it is that of both.
func TestLookupError(t *testing.T) {
	for name, c := range map[string]struct {
		four, six reply
		want      string
	}{
		"no such host":           {reply{err: nxdomain}, reply{err: nxdomain}, "no such host"},
		"none, and a failure":    {reply{err: nxdomain}, reply{err: servfail}, "server misbehaving"},
		"a failure, and none":    {reply{err: servfail}, reply{err: nxdomain}, "server misbehaving"},
		"empty answers":          {reply{}, reply{}, "no such host"},
		"a failure, and silence": {reply{err: servfail}, silent, "server misbehaving"},
		"none, and silence":      {reply{err: nxdomain}, silent, "no answer in time"},
		"refused":                {reply{err: &net.DNSError{Err: "read udp 10.0.0.1:40000->192.0.2.53:53: read: connection refused"}}, reply{err: nxdomain}, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r, d := newTest()
				d.says("web.test", IPv4, c.four)
				d.says("web.test", IPv6, c.six)
				_, err := r.Lookup(web, time.Second, nil)
				failed, ok := errors.AsType[*Error](err)
				if !ok || !strings.HasPrefix(err.Error(), "resolving web.test: "+c.want+" (DNS)") || failed.NotFound() != (c.want == "no such host") {
					t.Error(err)
				}
			})
		})
	}
}

func TestAddressIsItsOwnAnswer(t *testing.T) {
	r, d := newTest()
	for _, ip := range []string{"192.0.2.1", "2001:db8::1", "fe80::1%eth0"} {
		a, err := r.Lookup(Name{Host: ip}, 0, nil)
		if wrong := differs(a, err, ip); wrong != "" || len(d.asked) > 0 {
			t.Error(wrong, d.asked)
		}
	}
}
