// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

const (
	noteSource   = "a port serves one connection to each address of a server at a time; checks connect from the address with any port; usesrc hdr_ip is refused"
	noteFastOpen = "a connection that the server refuses is retried, whatever retry-on says"
)

var errUsesrc = errors.New("'usesrc' only allowed after a 'source' statement")

// setSource reads "source ADDRESS [usesrc WORD] [interface NAME]" of a section. It replaces that of
// the defaults as a whole.
func setSource(t *translation, p *proxy, s statement) {
	if len(s.args) == 0 {
		t.errorf(s.Pos, "'source' expects <addr>[:<port>], and optionally 'usesrc' <addr>, and 'interface' <name>.")
		return
	}
	var o balancer.SocketOptions
	rest, err := readSource(&o, s.args, false)
	if err == nil && len(rest) > 0 {
		err = errors.New("'source' only supports optional keywords 'interface' and 'usesrc'")
	}
	if err != nil {
		t.errorf(s.Pos, "%v", err)
		return
	}
	p.source = o
}

// setServerSource reads the same of a server, with the words that belong to it. As in HAProxy,
// usesrc and interface of default-server remain unless they are given again.
func setServerSource(n *server, value string) error {
	_, err := readSource(&n.SocketOptions, strings.Fields(value), true)
	return err
}

// sourceWords returns the number of words that belong to a server's source.
func sourceWords(words []string) (n int) {
	for n = 1; n < len(words) && (words[n] == "usesrc" || words[n] == "interface"); {
		n = min(n+2, len(words))
	}
	return n
}

// readSource reads an address, and then usesrc and interface. It returns the words after them.
// ranged allows a range of ports.
func readSource(o *balancer.SocketOptions, words []string, ranged bool) (rest []string, err error) {
	if o.Source, err = sourceAddress("source", words[0], ranged); err != nil {
		return nil, err
	}
	for rest = words[1:]; len(rest) > 0; rest = rest[2:] {
		switch rest[0] {
		case "usesrc":
			if len(rest) < 2 {
				return nil, errors.New("'usesrc' expects <addr>[:<port>], 'client', or 'clientip' as argument")
			}
			if o.Transparent, err = usedSource(rest[1]); err != nil {
				return nil, err
			}
		case "interface":
			if len(rest) < 2 {
				return nil, errors.New("'source' : missing interface name")
			}
			o.Interface = rest[1]
		default:
			return rest, nil
		}
	}
	return nil, nil
}

// usedSource returns the word of an argument of usesrc.
func usedSource(v string) (string, error) {
	switch {
	case v == "client" || v == "clientip":
		return v, nil
	case strings.HasPrefix(v, "hdr_ip"):
		return "", fmt.Errorf("'usesrc %s' is not available: expected 'client', 'clientip' or an address; HAProxy ignores it in mode tcp", v)
	}
	at, err := sourceAddress("usesrc", v, false)
	if isAnyAddress(at) {
		return "", err
	}
	return at, err
}

// isAnyAddress reports whether an address leaves the choice to the system.
func isAnyAddress(address string) bool { return address == "0.0.0.0" || address == "::" }

// setUserTimeout reads tcp-ut.
func setUserTimeout(n *server, v string) error {
	d, err := haproxyfile.ParseTime(v, time.Millisecond)
	if err != nil {
		return errors.New("'tcp-ut' : expects a positive delay in milliseconds")
	}
	n.TCPUserTimeout = caddy.Duration(d)
	return nil
}

// setNamespace reads namespace.
func setNamespace(n *server, v string) error {
	if v == "*" {
		return errors.New("'namespace *' is not available: expected the name of a network namespace")
	}
	n.Namespace = v
	return nil
}

// setMSS reads mss.
func setMSS(n *server, v string) error {
	size, err := haproxyfile.ParseUint(v, balancer.MinMSS, balancer.MaxMSS)
	if err != nil {
		return fmt.Errorf("'mss' : '%s' : expected a segment size from %d to %d", v, balancer.MinMSS, balancer.MaxMSS)
	}
	n.MSS = int(size)
	return nil
}

// validateServerSource returns an error message for a server over HTTP that is to see the client's
// address, or nothing.
func (t *translation) validateServerSource(p *proxy, n *server) string {
	used := n.Transparent
	if n.Source == "" && n.Interface == "" && used == "" {
		used = p.source.Transparent
	}
	if p.isHTTP() && (used == "client" || used == "clientip") {
		return "'usesrc " + used + "' is not available in mode http, where clients share connections: expected 'option forwardfor'"
	}
	return ""
}

var portRange = regexp.MustCompile(`:([0-9]+)-([0-9]+)$`)

// sourceAddress returns an address to connect from as balancer.SocketOptions has it.
func sourceAddress(word, text string, ranged bool) (string, error) {
	last := ""
	if m := portRange.FindStringSubmatch(text); m != nil {
		if !ranged {
			return "", fmt.Errorf("'%s %s' : port range not permitted here in '%s'", word, text, text)
		}
		last = m[2]
		text = strings.TrimSuffix(text, "-"+last)
	}
	a, err := haproxyfile.ParseAddress(text, haproxyfile.AddressOptions{})
	if err != nil {
		return "", fmt.Errorf("'%s %s' : %w", word, text, err)
	}
	host := a.Host
	if host == "" && !a.Family.IsUnix() {
		if host = "0.0.0.0"; a.Family == haproxyfile.IPv6 {
			host = "::"
		}
	}
	switch ip, err := netip.ParseAddr(host); {
	case err != nil || ip.Zone() != "":
		return "", fmt.Errorf("'%s %s' : expected an IP address", word, text)
	case a.Offset != 0:
		return "", fmt.Errorf("'%s %s' : port offset not permitted here in '%s'", word, text, text)
	case !a.HasPort || a.Port == 0:
		return host, nil
	}
	return rangedAddress(host, a.Port, last)
}

// rangedAddress returns an address with a port, and with the last one of a range unless empty.
func rangedAddress(host string, port int, last string) (string, error) {
	address := net.JoinHostPort(host, strconv.Itoa(port))
	if last == "" {
		return address, nil
	}
	if high, err := strconv.ParseUint(last, 10, 16); err != nil || int(high) < port {
		return "", fmt.Errorf("'source' : invalid source port range (%d-%s)", port, last)
	}
	return address + "-" + last, nil
}
