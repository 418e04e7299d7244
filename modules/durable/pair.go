// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// pair is a user's view of two sockets: those of all addresses of IPv4 and of IPv6, on
// one port. It is safe for concurrent use.
type pair [2]*listener

// Interface guard
var _ net.Listener = (*pair)(nil)

// portTries is how often a port that the kernel has picked for one version of IP is
// tried for the other.
const portTries = 10

// attachAll adds a user to the sockets of one address, or of two. Where the system
// lacks one of two versions of IP, the other is enough.
func attachAll(ctx context.Context, as []address, o socketOptions, tries int) (net.Listener, error) {
	first, err := attach(ctx, as[0], o)
	if len(as) == 1 {
		if err != nil {
			return nil, err // not a nil *listener
		}
		return first, nil
	}
	if lacking(err) {
		return attachAll(ctx, as[1:], o, tries)
	}
	if err != nil {
		return nil, err
	}
	six := address{at: netip.AddrPortFrom(as[1].at.Addr(), first.sock.key.at.Port())}
	second, err := attach(ctx, six, o)
	if lacking(err) {
		return first, nil
	}
	if err != nil {
		_ = first.Close()
		if as[0].at.Port() == 0 && tries > 1 && errors.Is(err, syscall.EADDRINUSE) {
			return attachAll(ctx, as, o, tries-1)
		}
		return nil, err
	}
	return &pair{first, second}, nil
}

// lacking reports whether err says that the system has no such version of IP.
func lacking(err error) bool {
	return errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EADDRNOTAVAIL)
}

// Accept waits for a connection of either version; for the rest it is that of a
// listener.
func (p *pair) Accept() (net.Conn, error) {
	for {
		var turns, closed, done [2]<-chan struct{}
		var conns [2]<-chan net.Conn
		var over error
		open := 0
		for i, l := range p {
			if l.isClosed() || l.sock.lost() {
				conn, err := l.rest()
				if err == nil {
					return asDual(conn), nil
				}
				if !errors.Is(err, net.ErrClosed) {
					return nil, err
				}
				over = err
				continue
			}
			open++
			closed[i], done[i] = l.closed, l.sock.done
			if l.hasTurn() {
				conns[i] = l.sock.conns
			} else {
				turns[i] = l.turn
			}
		}
		if open == 0 {
			return nil, over
		}
		select {
		case conn := <-conns[0]:
			p[0].sock.handed()
			return asDual(conn), nil
		case conn := <-conns[1]:
			p[1].sock.handed()
			return asDual(conn), nil
		case <-turns[0]:
		case <-turns[1]:
		case <-closed[0]:
		case <-closed[1]:
		case <-done[0]:
		case <-done[1]:
		}
	}
}

// asDual has a connection know, where it can, that it came to both versions of IP.
func asDual(conn net.Conn) net.Conn {
	if c, ok := conn.(interface{ SetDual() }); ok {
		c.SetDual()
	}
	return conn
}

// Close closes both, as that of a listener does.
func (p *pair) Close() error {
	err := p[0].Close()
	if err2 := p[1].Close(); err == nil {
		err = err2
	}
	return err
}

// Addr returns the address that stands for all of both versions.
func (p *pair) Addr() net.Addr {
	six := p[1].Addr().(*net.TCPAddr)
	return &net.TCPAddr{IP: net.IPv6unspecified, Port: six.Port}
}
