// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"cmp"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/statfields"
)

// serversCommands list servers.
var serversCommands = []command{
	{words: "show servers conn", args: "[<backend>]", help: "dump server connections status (all or for a single backend)", run: showServersConn},
	{words: "show servers state", args: "[<backend>]", help: "dump volatile server information (all or for a single backend)", run: showServersState},
}

// backendsOf returns the backend that an argument names, or all.
func backendsOf(name string) ([]control.Backend, error) {
	if name == "" {
		return control.Backends(), nil
	}
	b, err := control.BackendOf(name)
	if err != nil {
		return nil, message("Can't find backend.")
	}
	return []control.Backend{b}, nil
}

// eachServer calls f for each server of the backends that an argument names.
func (r *request) eachServer(header string, f func(t *target, proxy, number int)) error {
	backends, err := backendsOf(r.arg(0))
	if err != nil {
		return err
	}
	r.print(header, "\n")
	ids := statfields.ProxyIDs()
	for i := range backends {
		b := &backends[i]
		for n := range b.Servers {
			f(&target{backend: b.Name, ServerStatus: &b.Servers[n]}, ids[b.Name], numberOf(b.Servers, n))
		}
	}
	return nil
}

// endpoint is an address as HAProxy shows it: an IP address or else a name, and a port.
type endpoint struct{ address, name, port string }

func endpointOf(text string) endpoint {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return endpoint{strings.TrimPrefix(text, "unix/"), "-", "0"}
	}
	if _, err := netip.ParseAddr(host); err != nil {
		return endpoint{"-", host, port}
	}
	return endpoint{host, "-", port}
}

// endpoint returns where the server is; without an address while it has none.
func (t *target) endpoint() endpoint {
	if t.Address == "" {
		return endpoint{"-", "-", "0"}
	}
	at := endpointOf(t.Address)
	if t.Unresolved {
		at.address = "-"
	}
	return at
}

func showServersConn(r *request) error {
	return r.eachServer("# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[1]", func(t *target, proxy, number int) {
		at := t.endpoint()
		r.printf("%s/%s %d/%d %s %s - 5000 %d %d %d 0 0 -1 0 0\n", t.backend, t.Name, proxy, number, at.address, at.port, t.Sessions, t.MaxSessions, t.Sessions)
	})
}

// stateHeader is that of the format 1.
const stateHeader = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port"

func showServersState(r *request) error {
	return r.eachServer(stateHeader, func(t *target, proxy, number int) {
		at, check, agent := t.endpoint(), t.checkTarget(), t.agentTarget()
		status, result, health, state := t.checkState()
		r.printf("%d %s %d %s %s %d %d %d %d %d %d %d %d %d %d 0 0 %s %s - 0 %s %s %s %s\n", proxy, t.backend, number, t.Name, at.address,
			t.operationState(), t.adminState(), t.Weight, t.ServerConfig.Weight, int(time.Since(t.since()).Seconds()),
			status, result, health, state, t.agentState(), at.name, at.port, check.port, check.address, agent.address, agent.port)
	})
}

// since returns the time of the last change, or of the start of the process.
func (t *target) since() time.Time { return cmp.Or(t.Since, control.ProcessNow().Started) }

// operationState returns HAProxy's number: 0 stopped, 1 starting, 2 running, 3 stopping.
func (t *target) operationState() int {
	switch {
	case t.Down || t.Admin == pool.Maint:
		return 0
	case t.Share < t.Weight*pool.Scale:
		return 1
	}
	return 2
}

// adminState returns HAProxy's bits.
func (t *target) adminState() int {
	const forcedMaint, inheritedMaint, configuredMaint, forcedDrain, resolutionMaint = 1, 2, 4, 8, 32
	switch {
	case t.Unresolved && t.Disabled:
		return resolutionMaint | forcedMaint | configuredMaint
	case t.Unresolved:
		return resolutionMaint
	case t.Admin == pool.Maint && t.Disabled:
		return forcedMaint | configuredMaint
	case t.Admin == pool.Maint && t.Track != (pool.Ref{}):
		return inheritedMaint
	case t.Admin == pool.Maint:
		return forcedMaint
	case t.Admin == pool.Drain:
		return forcedDrain
	}
	return 0
}

// checkNumbers are HAProxy's numbers of the results of checks.
var checkNumbers = map[pool.Code]int{
	pool.CodeObserved: 4, pool.SocketError: 5, pool.Layer4OK: 6, pool.Layer4Timeout: 7, pool.Layer4Connection: 8, pool.Layer6OK: 9,
	pool.Layer6Timeout: 10, pool.Layer6Response: 11, pool.Layer7Timeout: 12, pool.Layer7Response: 13, pool.Layer7OK: 15, pool.Layer7Stopping: 16,
	pool.Layer7Status: 17, pool.ProcessError: 18, pool.ProcessTimeout: 19, pool.ProcessOK: 20,
}

// checkState returns HAProxy's numbers about the check of a server.
func (t *target) checkState() (status, result, health, state int) {
	const initial, failed, passed, conditional = 1, 2, 3, 4
	check := t.ServerConfig.Check
	if check == nil {
		return initial, 0, t.health(defaultRise), 0
	}
	status = cmp.Or(checkNumbers[t.Check.Code], initial)
	switch {
	case status == initial:
	case t.Check.Code == pool.Layer7Stopping:
		result = conditional
	case t.Check.Code.OK():
		result = passed
	default:
		result = failed
	}
	return status, result, t.health(check.Rise - 1 + t.Counter), t.checkFlags(0)
}

// defaultRise is the health of a server without checks that is up: HAProxy's default of rise.
const defaultRise = 2

// health returns HAProxy's measure of health, which is whileUp while the server is up.
func (t *target) health(whileUp int) int {
	switch {
	case t.Admin == pool.Maint:
		return 0
	case t.Down && t.ServerConfig.Check != nil:
		return t.Counter
	case t.Down:
		return 0
	}
	return whileUp
}

// checkFlags returns HAProxy's bits of a check that is configured.
func (t *target) checkFlags(more int) int {
	const configured, enabled, paused = 2, 4, 8
	if t.Admin == pool.Maint {
		more |= paused
	}
	return more | configured | enabled
}

// agentState returns HAProxy's bits of the agent check.
func (t *target) agentState() int {
	const agent = 16
	if t.ServerConfig.Agent == nil {
		return 0
	}
	return t.checkFlags(agent)
}

// checkTarget returns where checks go, if that is not the server.
func (t *target) checkTarget() endpoint {
	if c := t.ServerConfig.Check; c != nil {
		return t.unlessServer(c.Target.Address)
	}
	return endpoint{"-", "-", "0"}
}

func (t *target) agentTarget() endpoint {
	if a := t.ServerConfig.Agent; a != nil {
		return t.unlessServer(a.Target.Address)
	}
	return endpoint{"-", "-", "0"}
}

// unlessServer returns an address without the parts that are the server's.
func (t *target) unlessServer(address string) endpoint {
	at, server := endpointOf(address), endpointOf(t.Address)
	if at.address == server.address {
		at.address = "-"
	}
	if at.port == server.port {
		at.port = "0"
	}
	return at
}

// removable returns the reason for which a server cannot be removed, or whether it has to be waited
// for.
func (t *target) removable() (ready bool, err error) {
	if t.Admin != pool.Maint {
		return false, message("Only servers in maintenance mode can be deleted.")
	}
	return t.Sessions+t.Queued == 0, nil
}
