// SPDX-License-Identifier: Apache-2.0

package control

import (
	"net/netip"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
)

// Probe describes a connection that is only imagined, in the words of a user.
type Probe struct {
	// Frontend is the name of the frontend that the client connects to. Default: all of them, of which
	// there may be 32.
	Frontend string `json:"frontend,omitempty"`

	// Name is the server name of the client, which is one with TLS 1.3, HTTP/2 and a post-quantum key
	// share. Without it and Hello, the client sends no name.
	Name string `json:"name,omitempty"`

	// Hello has the bytes that the client sends instead: a ClientHello in hexadecimal, as a hex dump,
	// or in base64. Bytes that are no hello, or only a part of one, are explained as well.
	Hello string `json:"hello,omitempty"`

	// Source is the client's address, with a port or without. Default: unknown, so that conditions
	// about it do not match.
	Source string `json:"source,omitempty"`

	// Destination is the address that the client connects to. Default: that of the first listener, as
	// far as it is known.
	Destination string `json:"destination,omitempty"`
}

// MaxExplained is the number of frontends that Explain tries if none is named, and MaxProbeHello
// the length of the text of a hello.
const (
	MaxExplained  = 32
	MaxProbeHello = 512 << 10
)

// maxName is more than any host name has.
const maxName = 1024

// Explain says what the frontends would do with a connection, and why: it passes the connection
// through the code that serves real ones, which then changes nothing. The kind of the error is
// ErrUnknown or ErrInvalid.
func Explain(p Probe) ([]Explanation, error) {
	probe, err := p.parse()
	if err != nil {
		return nil, err
	}
	frontends, err := p.frontends()
	if err != nil {
		return nil, err
	}
	all := []Explanation{}
	for _, f := range frontends {
		here := probe
		if !here.Destination.IsValid() {
			here.Destination, here.DualStack = listenerAddress(f.Listeners)
		}
		x, err := frontend.Explain(f.Name, here)
		if err != nil {
			return nil, frontendFailure(f.Name, err)
		}
		all = append(all, newExplanation(x))
	}
	return all, nil
}

// parse returns the probe of a frontend.
func (p Probe) parse() (probe frontend.Probe, err error) {
	switch {
	case p.Name != "" && p.Hello != "":
		return probe, invalid("name and hello: expected one of the two")
	case len(p.Name) > maxName:
		return probe, invalid("name: expected at most %d characters", maxName)
	case len(p.Hello) > MaxProbeHello:
		return probe, invalid("hello: expected at most %d characters", MaxProbeHello)
	case p.Hello != "":
		probe.Sent, err = bytesOfText(p.Hello)
		if err != nil {
			return probe, invalid("hello: %w", err)
		}
	default:
		if probe.Sent, err = makeHello(p.Name); err != nil {
			return probe, err
		}
	}
	if probe.Source, err = parseAddress("source", p.Source); err != nil {
		return probe, err
	}
	probe.Destination, err = parseAddress("destination", p.Destination)
	return probe, err
}

// parseAddress parses an address with a port or without.
func parseAddress(name, text string) (netip.AddrPort, error) {
	if text == "" {
		return netip.AddrPort{}, nil
	}
	if at, err := netip.ParseAddrPort(text); err == nil {
		return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.AddrPort{}, invalid("%s %q: expected an address such as 192.0.2.1 or [2001:db8::1]:50000", name, text)
	}
	return netip.AddrPortFrom(a.Unmap(), 0), nil
}

// frontends returns the frontends that the connection is for.
func (p Probe) frontends() (all []Frontend, err error) {
	if p.Frontend != "" {
		f, err := FrontendOf(p.Frontend)
		return []Frontend{f}, err
	}
	for _, f := range Frontends() {
		if f.Running {
			all = append(all, f)
		}
	}
	if len(all) > MaxExplained {
		return nil, invalid("frontend: expected the name of one: there are %d", len(all))
	}
	return all, nil
}

// listenerAddress returns the address of the first listener that has one.
func listenerAddress(all []frontend.ListenerMetrics) (at netip.AddrPort, dualStack bool) {
	for _, l := range all {
		if at, err := netip.ParseAddrPort(l.Address); err == nil {
			return at, at.Addr() == netip.IPv6Unspecified()
		}
	}
	return at, false
}
