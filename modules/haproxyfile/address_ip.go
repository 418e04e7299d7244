// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

const maxPort = 65535

// parseIP parses HOST, HOST:PORT, HOST:PORT-PORT, HOST:+OFFSET or HOST:-OFFSET.
func (p *addressParser) parseIP(text string) error {
	host, port := text, ""
	// A colon within brackets does not begin a port.
	if i := strings.LastIndexAny(text, ":]"); i >= 0 && text[i] == ':' {
		host, port = text[:i], text[i+1:]
	}
	err := p.parsePort(port)
	if err == nil {
		err = p.parseHost(host)
	}
	if whole, e := netip.ParseAddr(text); err != nil && e == nil && whole.Is6() {
		return fmt.Errorf("%w; an IPv6 address without a port is [%s]", err, text)
	}
	return err
}

func (p *addressParser) parsePort(port string) error {
	switch {
	case port == "" && p.options.Bind:
		hint := ""
		if number, rest := splitNumber(p.text); rest == "" && number != "" {
			hint = ", such as :" + number
		}
		return fmt.Errorf("missing port specification in '%s': expected ADDRESS:PORT%s", p.text, hint)
	case port == "":
		return nil
	case port[0] == '+' || port[0] == '-':
		return p.parseOffset(port)
	}
	first, last, isRange := strings.Cut(port, "-")
	if isRange && !p.options.Bind {
		return fmt.Errorf("port range not permitted here in '%s': expected one port", p.text)
	}
	low, err := p.portNumber(first)
	if err != nil {
		return err
	}
	high := low
	if isRange {
		if high, err = p.portNumber(last); err != nil {
			return err
		}
	}
	if low > high {
		return fmt.Errorf("invalid port range '%d-%d' in '%s': expected the lower port first", low, high, p.text)
	}
	// A server without a port gets connections on the port that the client connected to, and 0 means
	// the same.
	p.address.Port, p.address.PortHigh, p.address.HasPort = low, high, low > 0
	return nil
}

// portNumber parses a port, which must not be 0 to listen on.
func (p *addressParser) portNumber(text string) (int, error) {
	low := int64(0)
	if p.options.Bind {
		low = 1
	}
	number, rest := splitNumber(text)
	if rest != "" {
		return 0, fmt.Errorf("invalid character '%c' in port number '%s' in '%s': expected digits", []rune(rest)[0], text, p.text)
	}
	n, err := ParseUint(number, low, maxPort)
	if err != nil {
		return 0, fmt.Errorf("invalid port '%s' in '%s': expected %d to %d", text, p.text, low, maxPort)
	}
	return int(n), nil
}

func (p *addressParser) parseOffset(text string) error {
	if p.options.Bind {
		return fmt.Errorf("port offset not permitted here in '%s': expected a port", p.text)
	}
	n, err := ParseUint(text[1:], 0, maxPort)
	if err != nil {
		return fmt.Errorf("invalid port offset '%s' in '%s': expected '+' or '-' and a number up to %d", text, p.text, maxPort)
	}
	p.address.Offset = int(n)
	if text[0] == '-' {
		p.address.Offset = -int(n)
	}
	return nil
}

// parseHost parses the part before the port.
func (p *addressParser) parseHost(host string) error {
	a := &p.address
	if host == "" || host == "*" {
		if a.Family == Any {
			a.Family = IPv4
		}
		return nil
	}
	inner, bracketed := strings.CutPrefix(host, "[")
	if bracketed {
		var closed bool
		if inner, closed = strings.CutSuffix(inner, "]"); !closed {
			return p.invalid(host, "']' at its end")
		}
	}
	literal, err := netip.ParseAddr(inner)
	switch {
	case err == nil && literal.Zone() == "":
		return p.setLiteral(host, literal)
	case bracketed:
		return p.invalid(host, "an IP address in brackets, and a port after a colon")
	}
	if !isHostName(host) {
		return p.invalid(host, "an IP address or a host name")
	}
	a.Host = host
	return nil
}

func (p *addressParser) setLiteral(host string, literal netip.Addr) error {
	a := &p.address
	family := IPv6
	if literal.Is4() {
		family = IPv4
	}
	if a.Family != Any && a.Family != family {
		return p.invalid(host, "an address of the prefix's family")
	}
	a.Family, a.Host = family, literal.String()
	return nil
}

func (p *addressParser) invalid(host, expected string) error {
	return fmt.Errorf("invalid address: '%s' in '%s': expected %s", host, p.text, expected)
}

// isHostName reports whether a name can be a host name. A name whose last label is a number is a
// mistyped address.
func isHostName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if len(name) > 253 {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for i := range len(label) {
			if c := label[i]; !isAlphanumeric(c) && c != '-' && c != '_' {
				return false
			}
		}
		last = label
	}
	_, err := strconv.ParseUint(last, 0, 64)
	_, letters := splitNumber(last)
	return err != nil && letters != ""
}
