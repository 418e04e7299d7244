// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"fmt"
	"net/netip"
	"syscall"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// clientDestination returns where to find a server that stands for the destination of the
// connection: what the client connected to, unless a PROXY header or a rule says otherwise.
func (c *connection) clientDestination(b *balancer.Backend, s *pool.Server) (d destination, err error) {
	at, err := balancer.FillDestination(s.Address, c.rulesView(true).Destination)
	if err == nil {
		d = destination{at: at, filled: at.String(), byClient: true}
		err = c.refuseDestination(b, at, c.choosesDestination())
	}
	if err != nil {
		return d, fmt.Errorf("%w: %w", errNoAddress, err)
	}
	return d, nil
}

// choosesDestination reports whether the client, or a proxy or a name server that it relies on,
// may have chosen the destination freely. The kernel's own answer is an address that the client
// reaches without this program, too.
func (c *connection) choosesDestination() bool {
	if v := &c.viewState; v.Redirected {
		return v.Chosen
	}
	if h := c.proxyHeader(); h != nil && h.HasAddresses() {
		return true
	}
	_, ofKernel := c.Conn.(syscall.Conn)
	return !ofKernel
}

// refuseDestination returns why no connection may be made to an address; nil: it may be made. Each
// address that depends on the connection is passed to it, after the DNS has answered and before the
// connect. chosen says that the client, or the DNS by a name of the client's, has chosen the host.
func (c *connection) refuseDestination(b *balancer.Backend, a netip.AddrPort, chosen bool) error {
	ip := a.Addr().Unmap()
	if leadsBack(a, c.LocalAddr()) && (chosen || ip.IsLoopback() || ip.IsUnspecified() || mayBeOwn(ip)) {
		return fmt.Errorf("%s is this frontend", a)
	}
	if !chosen {
		return nil
	}
	return b.RefuseDestination(ip, mayBeOwn)
}

// mayBeOwn reports whether an address belongs to this system, or it is not known whether it does.
func mayBeOwn(a netip.Addr) bool {
	own, err := isOwn(a)
	return own || err != nil
}
