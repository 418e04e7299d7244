// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
)

const noteTemplate = "without `resolvers` the servers follow the system's resolver, which HAProxy asks once at start"

// addServerTemplate reads "server-template PREFIX N|LOW-HIGH ADDRESS [OPTIONS]".
func addServerTemplate(t *translation, p *proxy, s statement) {
	if len(s.args) < 3 {
		t.errorf(s.Pos, "'server-template' expects <prefix> <nb | range> <addr>[:<port>] as arguments in %s", p)
		return
	}
	n := p.defaultServer
	n.Pos, n.Name, n.overHTTP = s.Pos, s.args[0], p.isHTTP()
	object := fmt.Sprintf("'server-template %s/%s' : ", p.name, n.Name)
	low, count, ok := balancer.ParseSlots(s.args[1])
	switch {
	case !ok:
		t.errorf(s.Pos, "%sinvalid range '%s': expected the number of servers, or the first and the last, at most %d", object, s.args[1], balancer.MaxSlots)
		return
	case p.isHTTP():
		t.errorf(s.Pos, "%sit is not available in mode http: expected a server line for each server", object)
		return
	}
	n.low, n.count = low, count
	for i := range count {
		name := n.Name + strconv.Itoa(max(low, 1)+i)
		if t.isDefined(p, s, object, name) {
			return
		}
		p.serversByName[name] = &n
	}
	before := len(t.problems)
	at := statement{Pos: s.Pos, keyword: s.keyword, args: s.args[1:]}
	if t.validateName(s.Pos, "server name", n.Name) && t.serverAddress(p, &n, at, object) && t.templateAddress(&n, object) {
		t.serverOptions(&n, at, at.args[2:], object)
		p.servers = append(p.servers, &n)
	}
	n.invalid = n.invalid || t.failedAfter(before)
}

// templateAddress validates the address of a template: a host with a port, or the name of SRV
// records.
func (t *translation) templateAddress(n *server, object string) bool {
	_, err := netip.ParseAddr(n.endpoint.Host)
	switch a := n.endpoint; {
	case n.service() != "" && !a.HasPort:
	case a.Family.IsUnix() || a.Host == "" || err == nil || !a.HasPort || a.Port == 0:
		t.errorf(n.Pos, "%sexpected the name of a host with a port, or that of SRV records, such as _https._tcp.example.com", object)
		return false
	}
	return true
}

// service returns the name of SRV records that is the address; "": it is another one.
func (n *server) service() string {
	if strings.HasPrefix(n.endpoint.Host, "_") {
		return n.endpoint.Host
	}
	return ""
}
