// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// httpPort is the port of servers, and of acme_to without a port.
const httpPort = "80"

// challengeServers returns where challenges for the site's names go, in the order in which they are
// tried: acme_to, or a port of the backend's servers, those that are up first. The others come
// last, since a server may be down because it has no certificate yet.
func (s *Site) challengeServers() []*balancer.Destination {
	port, ofServers := s.acmePort()
	if !ofServers {
		return []*balancer.Destination{{Address: withHTTPPort(s.ACMETo), Timeout: challengeConnect}}
	}
	if s.backend == nil {
		return nil
	}
	var up, down []*balancer.Destination
	for _, server := range s.backend.Pool().Servers() {
		network, address := balancer.SplitAddress(server.Address)
		host, _, err := net.SplitHostPort(address)
		if network == "unix" || err != nil || balancer.DependsOnClient(server.Address) {
			continue
		}
		d := &balancer.Destination{Address: join(network, net.JoinHostPort(host, port)), Naming: server.Naming, Timeout: challengeConnect, Socket: s.backend.Socket(server)}
		if s.backend.Pool().IsUp(server.Name) {
			up = append(up, d)
		} else {
			down = append(down, d)
		}
	}
	all := slices.Concat(up, down)
	return all[:min(len(all), maxChallengeServers)]
}

// acmePort returns the port of the backend's servers that gets challenges. ofServers is false if
// acme_to names another host.
func (s *Site) acmePort() (port string, ofServers bool) {
	if s.ACMETo == "" {
		return httpPort, true
	}
	return strings.CutPrefix(s.ACMETo, ":")
}

// withHTTPPort appends port 80 to the address of a host without a port.
func withHTTPPort(address string) string {
	network, to := resolve.CutNetwork(address)
	if _, _, err := net.SplitHostPort(to); err != nil {
		to = net.JoinHostPort(strings.Trim(to, "[]"), httpPort)
	}
	return join(network, to)
}

// join joins what resolve.CutNetwork cuts.
func join(network, address string) string {
	if network == "tcp" {
		return address
	}
	return network + "/" + address
}

// validateACMETo validates the address that acme_to gives.
func (s *Site) validateACMETo() error {
	address := withHTTPPort(s.ACMETo)
	if port, ofServers := s.acmePort(); ofServers {
		address = net.JoinHostPort("server", port)
	}
	if balancer.ValidateDestination(address) != nil {
		return fmt.Errorf("acme_to %q: expected HOST, HOST:PORT, or :PORT for a port of the servers, such as 10.0.0.7:8080", s.ACMETo)
	}
	return nil
}
