// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"net/netip"
	"testing"
)

// An address can be bound while the socket of an overlapping one is being closed.
func TestBindWhileAnotherCloses(t *testing.T) {
	port := uint16(unused(t))
	one := address{at: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), port)}
	all := address{at: netip.AddrPortFrom(netip.IPv4Unspecified(), port)}
	for range 500 {
		before, err := openTCP(t.Context(), one, socketOptions{})
		if err != nil {
			t.Fatal(err)
		}
		closed := make(chan error)
		go func() { closed <- before.Close() }()
		after, err := openTCP(t.Context(), all, socketOptions{})
		if err == nil {
			err = after.Close()
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
