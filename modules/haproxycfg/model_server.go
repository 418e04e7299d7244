// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// server is a server line, or the options of default-server, which apply to all server lines
// after it. The line fills in the [balancer.Server] that it becomes, except for Address, Check,
// Agent and Observe: these depend on other lines too, and are emitted from the fields below.
type server struct {
	haproxyfile.Pos
	balancer.Server
	endpoint haproxyfile.Address
	header   serverHeader
	overHTTP bool   // its section is in mode http
	ssl      bool   // requests go to it over TLS
	sni      string // the expression

	observe    string
	check      serverCheck
	agentCheck bool
	agent      balancer.Agent
	tls        tlsSettings
	checkTLS   checks.TLS // the TLS that its checks offer, made from tls

	low, count int // of a server-template

	invalid bool // its line has an error
}

// serverCheck is the health check of a server line. The line fills in the [balancer.Check] that
// it becomes, except for the checker.
type serverCheck struct {
	balancer.Check
	on                               bool
	tls                              bool
	sendProxy                        bool // check-send-proxy
	serverName, alpn, caFile, verify string
	verifyHost                       string
	section                          string // healthcheck
	proto                            string
}

// addServer reads "server NAME ADDRESS [OPTIONS]".
func addServer(t *translation, p *proxy, s statement) {
	if len(s.args) < 2 {
		t.errorf(s.Pos, "'server' expects <name> and <addr>[:<port>] as arguments in %s", p)
		return
	}
	n := p.defaultServer
	n.Pos, n.Name, n.overHTTP = s.Pos, s.args[0], p.isHTTP()
	object := fmt.Sprintf("'server %s/%s' : ", p.name, n.Name)
	if t.isDefined(p, s, object, n.Name) {
		return
	}
	p.serversByName[n.Name] = &n
	before := len(t.problems)
	if t.validateName(s.Pos, "server name", n.Name) && t.serverAddress(p, &n, s, object) {
		t.serverOptions(&n, s, s.args[2:], object)
		p.servers = append(p.servers, &n)
	}
	n.invalid = n.invalid || t.failedAfter(before)
}

// isDefined reports whether the section has a server of that name already, which is an error.
func (t *translation) isDefined(p *proxy, s statement, object, name string) bool {
	other := p.serversByName[name]
	if other != nil {
		t.errorf(s.Pos, "%sanother server named '%s' was already defined at line %d, please use a distinct name", object, name, other.Line)
	}
	return other != nil
}

// serverAddress reads the second word of a server line.
func (t *translation) serverAddress(p *proxy, n *server, s statement, object string) (ok bool) {
	// HAProxy would not find this host.
	if _, option := serverKeywords[s.args[1]]; option {
		t.errorf(s.Pos, "'server' expects <name> and <addr>[:<port>] as arguments in %s, and '%s' is an option", p, s.args[1])
		return false
	}
	var err error
	if n.endpoint, err = haproxyfile.ParseAddress(s.args[1], haproxyfile.AddressOptions{Getenv: t.getenv}); err == nil {
		err = t.validateServerAddress(p, &n.endpoint)
	}
	if err != nil {
		t.errorf(s.Pos, "%s%v", object, err)
		return false
	}
	return true
}

func setDefaultServer(t *translation, p *proxy, s statement) {
	if len(s.args) == 0 {
		t.errorf(s.Pos, "'default-server' expects options, such as 'check inter 2s'")
		return
	}
	// Names are new in HAProxy 3.5.
	if len(s.args) > 1 && !isServerKeyword(s.args[0]) && isServerKeyword(s.args[1]) {
		t.errorf(s.Pos, "'default-server' : '%s' is not an option, and %s", s.args[0], noteNamedDefaults)
		return
	}
	n, before := p.defaultServer, len(t.problems)
	n.overHTTP = p.mode == "http"
	t.serverOptions(&n, s, s.args, "'default-server' : ")
	n.invalid = n.invalid || t.failedAfter(before)
	p.defaultServer = n
}

// findServerKeyword returns the option for a word, which may have its argument in parentheses.
func findServerKeyword(word string) (k serverKeyword, ok bool) {
	name, _, _ := strings.Cut(word, "(")
	k, ok = serverKeywords[name]
	return k, ok
}

func isServerKeyword(word string) bool {
	_, ok := findServerKeyword(word)
	return ok
}

// serverOptions reads the words after a server's address.
func (t *translation) serverOptions(n *server, s statement, words []string, object string) {
	for len(words) > 0 {
		name, args := words[0], words[1:]
		o, ok := findServerKeyword(name)
		if !ok {
			t.errorf(s.Pos, "%sunknown keyword '%s'%s", object, name, didYouMean(name, slices.Collect(maps.Keys(serverKeywords))))
			return
		}
		if len(args) < o.values {
			t.errorf(s.Pos, "%s'%s' expects %s as argument", object, name, cmp.Or(o.value, "an argument"))
			return
		}
		if name == "source" { // options of its own
			o.values = sourceWords(args)
		}
		t.serverOption(n, s.Pos, o, object, name, strings.Join(args[:o.values], " "))
		words = words[1+o.values:]
	}
}

// serverOption applies an option of a server line, or reports that it has no effect.
func (t *translation) serverOption(n *server, pos haproxyfile.Pos, o serverKeyword, object, name, value string) {
	if over, ok := httpServerKeywords[name]; ok && n.overHTTP {
		o.grade, o.note, o.do = over.grade, over.note, over.do
	}
	switch o.grade {
	case refused:
		t.refuse(pos, o.note, "%s'%s': %s", object, name, o.note)
		return
	case ignored, pending, differs:
		if !o.ownMessage {
			t.notice(pos, o.grade, o.note, name)
		}
	case supported, httpOnly:
	}
	if err := o.apply(t, n, pos, name, value); err != nil {
		t.errorf(pos, "%s%v", object, err)
	}
}

// validateServerAddress reports an address that HAProxy accepts but that cannot be connected to
// here.
func (t *translation) validateServerAddress(p *proxy, a *haproxyfile.Address) error {
	if err := t.validateAddress(a); err != nil || a.Family.IsUnix() {
		return err
	}
	if p.isHTTP() && isClientDestination(a) {
		return fmt.Errorf("'%s': connecting to the client's original destination is not available in mode http: expected the address of a server", a)
	}
	return nil
}

// isClientDestination reports whether a server has the address that the client connected to.
func isClientDestination(a *haproxyfile.Address) bool {
	return !a.Family.IsUnix() && (a.Host == "" || a.Host == "0.0.0.0" || a.Host == "::")
}

// familyOf returns Caddy's network prefix for the IP version that the prefix of a host name asks
// for.
func familyOf(a *haproxyfile.Address) string {
	if _, err := netip.ParseAddr(a.Host); err == nil {
		return ""
	}
	return map[haproxyfile.Family]string{haproxyfile.IPv4: "tcp4/", haproxyfile.IPv6: "tcp6/"}[a.Family]
}
