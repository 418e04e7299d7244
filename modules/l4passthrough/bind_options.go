// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/durable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// BindOptions are options of a listening socket, which connections inherit. They are for durable
// TCP addresses on Linux. What the kernel refuses is an error when the configuration is loaded.
type BindOptions struct {
	// Transparent allows an address that the system does not have, and connections to such addresses
	// that routing brings here (IP_TRANSPARENT, or IP_FREEBIND without the privilege). It is HAProxy's
	// transparent.
	Transparent bool `json:"transparent,omitempty"`

	// Interface is the network interface that clients must connect through (SO_BINDTODEVICE).
	// Default: any. The same address may be listened on at several interfaces. It is HAProxy's
	// interface.
	Interface string `json:"interface,omitempty"`

	// Namespace is the network namespace that the socket is in: a name of "ip netns", or the path of
	// a namespace's file. Default: that of the process. Entering a namespace takes CAP_SYS_ADMIN. It
	// is HAProxy's namespace.
	Namespace string `json:"namespace,omitempty"`

	// IPv6Only makes the address [::] one of IPv6 alone. It is HAProxy's v6only.
	IPv6Only bool `json:"ipv6_only,omitempty"`

	// DualStack says that the address [::] is one of IPv4, too, which is the default. It is HAProxy's
	// v4v6.
	DualStack bool `json:"dual_stack,omitempty"`

	// DeferAccept leaves connections in the kernel until the client has sent something, or for a
	// second (TCP_DEFER_ACCEPT). It is HAProxy's defer-accept.
	DeferAccept bool `json:"defer_accept,omitempty"`

	// TFO accepts data with a client's first packet (TCP_FASTOPEN), where the system's
	// net.ipv4.tcp_fastopen is 2 or 3. It is HAProxy's tfo.
	TFO bool `json:"tfo,omitempty"`

	// MSS is the maximum segment size announced to clients (TCP_MAXSEG). Default: the system's. It is
	// HAProxy's mss.
	MSS int `json:"mss,omitempty"`

	// TCPUserTimeout is the time for which data sent to a client may stay unacknowledged until the
	// connection fails (TCP_USER_TIMEOUT). Default: the system's, about 15 minutes. It is HAProxy's
	// tcp-ut.
	TCPUserTimeout caddy.Duration `json:"tcp_user_timeout,omitempty"`
}

// options returns the words of the options.
func (o *BindOptions) options() options.Table {
	return options.Table{
		"transparent":      options.Flag(&o.Transparent),
		"interface":        options.Text(&o.Interface),
		"namespace":        options.Text(&o.Namespace),
		"ipv6_only":        options.Flag(&o.IPv6Only),
		"dual_stack":       options.Flag(&o.DualStack),
		"defer_accept":     options.Flag(&o.DeferAccept),
		"tfo":              options.Flag(&o.TFO),
		"mss":              options.Int(&o.MSS, balancer.MinMSS, balancer.MaxMSS),
		"tcp_user_timeout": options.Duration(&o.TCPUserTimeout),
	}
}

// socketOptions returns the options in the form of package durable.
func (b *Bind) socketOptions() durable.Options {
	return durable.Options{
		Backlog:     b.Backlog,
		Transparent: b.Transparent,
		Interface:   b.Interface,
		Namespace:   b.Namespace,
		DeferAccept: b.DeferAccept,
		FastOpen:    b.TFO,
		MSS:         b.MSS,
		UserTimeout: time.Duration(b.TCPUserTimeout),
	}
}

func (b *Bind) validateOptions() error {
	set := strings.Join(b.socketOptions().Names(), ", ")
	switch {
	case set != "" && !b.isDurable():
		return fmt.Errorf("%s: expected a durable address with it, not %q", set, b.Address)
	case set != "" && strings.HasPrefix(b.parsed.Host, "fd/"):
		return fmt.Errorf("%s: a descriptor has the options of the program which opened it: expected none with address %q, or those of systemd's socket", set, b.Address)
	case set != "" && (strings.HasPrefix(b.parsed.Host, "unix/") || strings.HasPrefix(b.parsed.Host, "abns/")):
		return fmt.Errorf("%s: expected a TCP address with it, not %q", set, b.Address)
	case b.MSS != 0 && (b.MSS < balancer.MinMSS || b.MSS > balancer.MaxMSS):
		return fmt.Errorf("mss %d: expected a whole number from %d to %d", b.MSS, balancer.MinMSS, balancer.MaxMSS)
	}
	return options.ValidateDuration("tcp_user_timeout", b.TCPUserTimeout)
}

func (b *Bind) validateBacklog() error {
	switch {
	case b.Backlog < 0:
		return fmt.Errorf("backlog %d: expected a whole number from 1", b.Backlog)
	case b.Backlog > 0 && !b.isDurable():
		return fmt.Errorf("backlog %d: it is for durable addresses: expected none with address %q, or durable/ in place of its network", b.Backlog, b.Address)
	case b.Backlog > 0 && strings.HasPrefix(b.parsed.Host, "fd/"):
		return fmt.Errorf("backlog %d: a descriptor has that of the program which opened it: expected none with address %q, or Backlog= of systemd's socket", b.Backlog, b.Address)
	}
	return nil
}

func (b *Bind) validateMaxConn() error {
	switch {
	case b.MaxConn < 0:
		return fmt.Errorf("maxconn %d: expected a whole number from 1", b.MaxConn)
	case b.MaxConn > 0 && !b.isDurable():
		return fmt.Errorf("maxconn %d: it is for durable addresses: expected none with address %q, or durable/ in place of its network", b.MaxConn, b.Address)
	}
	return nil
}

// chooseVersions returns an address with the network for its versions of IP.
func (b *Bind) chooseVersions(address string) (string, error) {
	word := "ipv6_only"
	switch {
	case b.IPv6Only && b.DualStack:
		return "", errors.New("expected ipv6_only or dual_stack, not both")
	case b.DualStack:
		word = "dual_stack"
	case !b.IPv6Only:
		return address, nil
	}
	network, rest, _ := strings.Cut(address, "/")
	base, shared, _ := strings.Cut(network, "+")
	parsed, err := caddy.ParseNetworkAddress(address)
	if err != nil {
		return "", err
	}
	switch {
	case parsed.Host != "" && parsed.Host != "::" || base != "durable" && base != "tcp":
		return "", fmt.Errorf("%s: expected it with [::]:PORT", word)
	case b.IPv6Only:
		return strings.TrimSuffix(base+"6+"+shared, "+") + "/" + rest, nil
	}
	return address, nil
}
