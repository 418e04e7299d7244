// SPDX-License-Identifier: Apache-2.0

package l4acl

import (
	"context"
	"net"
	"net/netip"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Input returns the addresses and variables of a connection as the input of expressions, without
// bytes. It is valid as long as the connection, and is not safe for concurrent use.
func Input(cx *layer4.Connection) sample.Input {
	in := Addresses(cx)
	if h, ok := cx.Context.Value(headerKey{}).(sample.Input); ok {
		in.Header, in.Peer, in.Local = h.Header, h.Peer, h.Local
	}
	if s, ok := cx.Context.Value(sharedKey{}).(shared); ok {
		in.State, in.Tables, in.Trace = s.state, s.tables, s.trace
	}
	in.Var = func(name string) (sample.Value, bool) { return Variable(cx, name) }
	return in
}

// headerKey is the key of a connection's PROXY header in its context.
type headerKey struct{}

// ShareHeader makes the PROXY header that a connection began with, and the addresses that it came
// by, part of later inputs. They are those of in; its other fields are not used.
func ShareHeader(cx *layer4.Connection, in sample.Input) {
	cx.Context = context.WithValue(cx.Context, headerKey{}, in)
}

// sharedKey is the key of what rules see of a connection in its context.
type sharedKey struct{}

type shared struct {
	state  sample.State
	tables sample.Tables
	trace  *sample.Trace
}

// Share makes the state, the stick tables and the trace of in part of later inputs: matchers that
// others contain, such as those of not, see what the rule sees.
func Share(cx *layer4.Connection, in *sample.Input) {
	cx.Context = context.WithValue(cx.Context, sharedKey{}, shared{in.State, in.Tables, in.Trace})
}

// IsTrial reports whether the connection is only imagined, so that nothing may count it.
func IsTrial(cx *layer4.Connection) bool {
	s, ok := cx.Context.Value(sharedKey{}).(shared)
	return ok && s.trace != nil
}

// Addresses returns an input with the addresses of a connection alone.
func Addresses(c net.Conn) sample.Input {
	return sample.Input{Source: addrPort(c.RemoteAddr()), Destination: addrPort(c.LocalAddr())}
}

// Variable returns a variable of the connection, and whether it is set.
func Variable(cx *layer4.Connection, name string) (sample.Value, bool) {
	switch v := cx.GetVar(name).(type) {
	case nil:
		return sample.Value{}, false
	case sample.Value:
		return v, true
	default:
		return sample.Text(caddy.ToString(v)), true
	}
}

// addrPort converts an address. It unmaps IPv4-mapped IPv6 addresses, which dual-stack listeners
// report for IPv4 clients. It returns zero for a Unix socket.
func addrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case nil:
		return ap
	case *net.TCPAddr:
		ap = a.AddrPort()
	default:
		ap, _ = netip.ParseAddrPort(a.String())
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
