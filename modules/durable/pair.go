// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
)

// pair is a user's view of two sockets: the wildcard addresses of IPv4 and IPv6 on one port. It is
// safe for concurrent use.
type pair struct {
	of       [2]*listener // sharing one wake channel
	rotation atomic.Uint32
}

// Interface guard
var _ net.Listener = (*pair)(nil)

// portTries is the number of times that attachAll tries a port that the kernel picked for IPv4 with
// IPv6.
const portTries = 10

// attachAll adds a user to the sockets of one address, or of two. If the system lacks one of the
// two IP versions, the other is enough.
func attachAll(ctx context.Context, as []address, o socketOptions, tries int) (net.Listener, error) {
	first, err := attach(ctx, as[0], o)
	switch {
	case len(as) > 1 && isFamilyMissing(err):
		return attachAll(ctx, as[1:], o, tries)
	case err != nil:
		return nil, err // not a nil *listener
	case len(as) == 1:
		return first, nil
	}
	six := as[1]
	six.at = netip.AddrPortFrom(six.at.Addr(), first.sock.key.at.Port())
	o.wake = first.wake
	second, err := attach(ctx, six, o)
	if isFamilyMissing(err) {
		return first, nil
	}
	if err != nil {
		_ = first.Close()
		if as[0].at.Port() == 0 && tries > 1 && errors.Is(err, syscall.EADDRINUSE) {
			return attachAll(ctx, as, o, tries-1)
		}
		return nil, err
	}
	return newPair(first, second), nil
}

// newPair returns the pair of two listeners that share a wake channel.
func newPair(four, six *listener) *pair {
	p := &pair{of: [2]*listener{four, six}}
	for _, l := range p.of {
		l.sock.mu.Lock()
		l.dual = true
		l.sock.mu.Unlock()
	}
	return p
}

// isFamilyMissing reports whether err says that the system lacks an IP version.
func isFamilyMissing(err error) bool {
	return errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EADDRNOTAVAIL)
}

// Accept waits for a connection of either IP version; otherwise it works as listener.Accept.
func (p *pair) Accept() (net.Conn, error) {
	for {
		var over error
		open, first := false, p.rotation.Add(1)
		for i := range uint32(len(p.of)) {
			conn, err := p.of[(first+i)%2].poll()
			switch {
			case conn != nil:
				return conn, nil
			case err == nil:
				open = true
			case !errors.Is(err, net.ErrClosed):
				return nil, err
			default:
				over = err
			}
		}
		if !open {
			return nil, over
		}
		<-p.of[0].wake
	}
}

// Close closes both listeners, as listener.Close does.
func (p *pair) Close() error {
	err := p.of[0].Close()
	if err2 := p.of[1].Close(); err == nil {
		err = err2
	}
	return err
}

// Addr returns the wildcard address of both versions.
func (p *pair) Addr() net.Addr {
	six := p.of[1].Addr().(*net.TCPAddr)
	return &net.TCPAddr{IP: net.IPv6unspecified, Port: six.Port}
}
