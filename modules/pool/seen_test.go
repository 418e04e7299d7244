// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/certificates"
)

// seeing is a checker that returns the next of its results, and the last one again after that.
type seeing []seenResult

type seenResult struct {
	code Code
	seen *certificates.Seen
}

func (c *seeing) Check(_ context.Context, t Target) Result {
	now := (*c)[0]
	if len(*c) > 1 {
		*c = (*c)[1:]
	}
	t.Subject.Seen = now.seen
	return Result{Code: now.code}
}

func chainOf(fingerprint string) *certificates.Seen {
	return &certificates.Seen{Chain: []*certificates.Certificate{{Fingerprint: fingerprint}}}
}

// seenOf returns the certificate that checks have seen of server s.
func seenOf(t *testing.T, r *Registry) *certificates.Seen {
	t.Helper()
	b, ok := r.Backend("b")
	if !ok {
		t.Fatal("no backend b")
	}
	return b.Servers[0].Seen
}

// Certificates that a check has seen are kept until a check passes without any, over failures and
// reloads; not for another address, and not without checks.
func TestSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		one, two := chainOf("one"), chainOf("two")
		changes := 0
		reg.OnSeen(func() { changes++ })
		var last *Pool
		load := func(address string, c Checker) {
			server := ServerConfig{Name: "s", Address: address, Weight: 1}
			if c != nil {
				server.Check = &Check{Checker: c, Target: Target{Timeout: time.Second}, Interval: time.Second, Rise: 1, Fall: 1}
			}
			p, err := reg.Open(Config{Backend: "b", Policy: new(firstUsable), Servers: []ServerConfig{server}})
			if err != nil {
				t.Fatal(err)
			}
			p.Activate()
			if last != nil {
				last.Close()
			}
			last = p
		}
		defer func() { last.Close() }()
		expect := func(when string, want *certificates.Seen) {
			t.Helper()
			synctest.Wait()
			if got := seenOf(t, &reg); got != want {
				t.Errorf("%s: got %p, expected %p", when, got, want)
			}
		}
		checker := &seeing{{Layer6OK, one}, {Layer4Connection, nil}, {Layer6Response, two}, {Layer6OK, nil}, {Layer6OK, one}, {Layer6OK, chainOf("one")}}
		load("a", checker)
		time.Sleep(500 * time.Millisecond) // the first check comes at once
		expect("after a check", one)
		time.Sleep(time.Second)
		expect("after a failed connect", one)
		time.Sleep(time.Second)
		expect("after a rejected certificate", two)
		time.Sleep(time.Second)
		expect("after a check without TLS", nil)
		time.Sleep(time.Second)
		load("a", &seeing{{Layer4Connection, nil}})
		expect("after a reload", one)
		load("other", &seeing{{Layer4Connection, nil}})
		expect("after a change of the address", nil)
		load("other", &seeing{{Layer6OK, two}})
		time.Sleep(2 * time.Second)
		expect("after a check of the other address", two)
		load("other", nil)
		expect("without checks", nil)
		if want := 5; changes != want { // one, two, none, one, and two of the other address
			t.Errorf("%d changes, expected %d", changes, want)
		}
	})
}
