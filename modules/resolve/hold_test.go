// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

var refusal = &net.DNSError{UnwrapErr: ErrRefused, Err: "refused"}

// Each outcome has its hold time, from the last answer with addresses on.
func TestHold(t *testing.T) {
	hold := Hold{NotFound: 10 * time.Second, Refused: 20 * time.Second, Other: 30 * time.Second, Timeout: 40 * time.Second}
	for name, c := range map[string]struct {
		says reply
		hold *Hold
		want time.Duration // negative: longer than the test
	}{
		"no such name":           {reply{err: nxdomain}, &hold, 10 * time.Second},
		"no address":             {reply{}, &hold, 10 * time.Second},
		"refused":                {reply{err: refusal}, &hold, 20 * time.Second},
		"another error":          {reply{err: &net.DNSError{Err: "fault"}}, &hold, 30 * time.Second},
		"unreachable":            {reply{err: servfail}, &hold, 40 * time.Second},
		"silence":                {reply{err: &net.DNSError{IsTimeout: true}}, &hold, 40 * time.Second},
		"never for good":         {reply{err: refusal}, &Hold{Refused: -1}, -1},
		"at once":                {reply{err: refusal}, &Hold{}, 2 * time.Second},
		"by default, no address": {reply{}, nil, holdTime + 2*time.Second},
		"by default, an error":   {reply{err: servfail}, nil, -1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r, d := newTest()
				r.Hold, r.Valid = c.hold, 2*time.Second
				d.says("web.test", IPv4, reply{addresses: "192.0.2.1", ttl: time.Hour})
				began, done := time.Now(), make(chan struct{})
				over := time.Duration(-1)
				go r.Follow(Name{Host: "web.test", Family: IPv4}, done, func(all []netip.Addr, _ error) {
					if d.says("web.test", IPv4, c.says); len(all) == 0 {
						over = time.Since(began)
					}
				})
				time.Sleep(3 * time.Minute)
				close(done)
				synctest.Wait()
				if over != c.want && (over < c.want || over > c.want+2*retryAfter || c.want < 0) {
					t.Errorf("dropped after %v, want %v", over, c.want)
				}
			})
		})
	}
}

// An address that is missing in an answer is held, and comes last.
func TestHoldObsolete(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, d := newTest()
		r.Hold = &Hold{Obsolete: 5 * time.Second}
		four := Name{Host: "web.test", Family: IPv4}
		for i, step := range []struct{ answer, want string }{
			{"192.0.2.1 192.0.2.2", "192.0.2.1 192.0.2.2"},
			{"192.0.2.2", "192.0.2.2 192.0.2.1"},
			{"192.0.2.2 192.0.2.3", "192.0.2.2 192.0.2.3 192.0.2.1"},
			{"192.0.2.3", "192.0.2.3 192.0.2.2"}, // after 6 s
			{"192.0.2.2 192.0.2.1", "192.0.2.2 192.0.2.1 192.0.2.3"},
		} {
			d.says("web.test", IPv4, reply{addresses: step.answer, ttl: 2 * time.Second})
			if i > 0 {
				_, _ = r.Lookup(four, 0, nil)
				synctest.Wait()
			}
			expect(t, r, four, step.want, 0)
			time.Sleep(2*time.Second + ms)
		}
	})
}

// Follow reports each change once, within the TTL, and keeps asking without being used.
func TestFollow(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, d := newTest()
		d.says("web.test", IPv4, reply{addresses: "192.0.2.1 192.0.2.2", ttl: 5 * time.Second})
		var got []string
		done := make(chan struct{})
		began := time.Now()
		go r.Follow(Name{Host: "Web.test"}, done, func(all []netip.Addr, err error) {
			got = append(got, fmt.Sprint(time.Since(began).Truncate(time.Second), all, err != nil))
		})
		time.Sleep(12 * time.Second)
		d.says("web.test", IPv4, reply{addresses: "192.0.2.2 192.0.2.1", ttl: 5 * time.Second})
		time.Sleep(10 * time.Minute)
		d.says("web.test", IPv4, reply{addresses: "192.0.2.3"})
		time.Sleep(5 * time.Second)
		d.says("web.test", IPv4, reply{})
		time.Sleep(time.Minute)
		close(done)
		synctest.Wait()
		const want = "[0s [192.0.2.1 192.0.2.2] false 10m15s [192.0.2.3] false 10m55s [] true]"
		if fmt.Sprint(got) != want {
			t.Errorf("%v, want %s", got, want)
		}
		if n := d.count("web.test", IPv4); n > 180 {
			t.Errorf("%d questions", n)
		}
	})
}
