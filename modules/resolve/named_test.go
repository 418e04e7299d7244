// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"testing"
	"time"
)

// closable counts the calls of Close.
type closable struct {
	*dns
	closed int
}

func (c *closable) Close() error {
	c.closed++
	return nil
}

func newClosable(address string) (func() *Resolver, *closable) {
	s := &closable{dns: new(dns)}
	s.says("web.test", IPv4, reply{addresses: address})
	return func() *Resolver { return &Resolver{Source: s, route: everywhere} }, s
}

// Configurations with the same text share a resolver; a refused one leaves no trace.
func TestNamedOutlivesReloads(t *testing.T) {
	if Named("") != Servers || Named("outlives") != nil {
		t.Fatal("before the first configuration")
	}
	create, source := newClosable("192.0.2.1")
	first := Acquire("outlives", "one", create)
	if Named("outlives") != first.Resolver {
		t.Error("the first configuration's resolver is not found before it serves")
	}
	first.Serve()
	refused := Acquire("outlives", "two", func() *Resolver { return &Resolver{Source: source} })
	if Named("outlives") != first.Resolver {
		t.Error("a configuration that does not serve replaced the resolver")
	}
	refused.Release()
	second := Acquire("outlives", "one", create)
	second.Serve()
	first.Release()
	if Named("outlives") != first.Resolver || second.Resolver != first.Resolver || AllNamed()["outlives"] != first.Resolver {
		t.Error("the resolver did not outlive the reload")
	}
	before := source.closed // of the refused one, which has the same source here
	second.Release()
	if Named("outlives") != nil || len(AllNamed()) != 0 || source.closed != before+1 {
		t.Errorf("a resolver is left, or its source was closed %d times", source.closed-before)
	}
}

// A resolver whose configuration changes keeps its addresses until the new one knows better, and a
// reload that is undone leads back to the old one.
func TestNamedKeepsAddresses(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		create, _ := newClosable("192.0.2.1")
		first := Acquire("keeps", "one", create)
		first.Serve()
		defer first.Release()
		expect(t, Named("keeps"), web, "192.0.2.1", 0)
		create, other := newClosable("192.0.2.2")
		other.says("web.test", IPv4, reply{addresses: "192.0.2.2", after: time.Second})
		second := Acquire("keeps", "two", create)
		second.Serve()
		expect(t, Named("keeps"), web, "192.0.2.1", 0)
		time.Sleep(2 * time.Second)
		expect(t, Named("keeps"), web, "192.0.2.2", 0)
		if n := Named("keeps").Stats().Found; n != 2 {
			t.Errorf("%d lookups found addresses", n)
		}
		second.Release()
		expect(t, Named("keeps"), web, "192.0.2.1", 0)
	})
}

// A name whose resolver is gone cannot be looked up.
func TestLookupWithoutResolver(t *testing.T) {
	if _, err := Named("gone").Lookup(web, 0, nil); err == nil {
		t.Error("found")
	}
}
