// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/netns"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// SocketOptions are the options of the TCP connections to a server. Those of a backend apply to its
// servers: each option to the servers without it, but source, transparent and interface together,
// only to the servers that have none of the three, as in HAProxy. They do not apply to servers at
// Unix sockets. All but a plain source and keepalive need Linux.
type SocketOptions struct {
	// Source is the address to connect from: an IP address of this system, alone or with a port or a
	// range of ports, as in 10.0.0.9:20000-29999. A port serves one connection to each address of a
	// server at a time. With 0.0.0.0 or :: the system chooses the address. While all ports are in use,
	// or the address is missing, connections fail, which does not count against the server. Health
	// checks and agents use the address, with any port. Default: chosen by the system. It is HAProxy's
	// source.
	Source string `json:"source,omitempty"`

	// Transparent is the address of which the server sees a connection come, although it is not this
	// system's: client (the client's address and port), clientip (the client's address), or an IP
	// address, with a port if wanted. Source applies to clients without an IP address. It needs the
	// capability CAP_NET_ADMIN, and routes by which the server's answers come back to this system. It
	// is HAProxy's usesrc.
	Transparent string `json:"transparent,omitempty"`

	// Interface is the network interface through which connections are made, and health checks, too.
	// It is HAProxy's interface.
	Interface string `json:"interface,omitempty"`

	// Namespace is the network namespace from which connections are made, and health checks, too: a
	// name of "ip netns", or the absolute path of its file. It must exist when the configuration is
	// loaded. Default: that of the process. It is HAProxy's namespace.
	Namespace string `json:"namespace,omitempty"`

	// TFO sends the hello with the first packet to a server that has allowed that before (TCP Fast
	// Open). It is HAProxy's tfo.
	TFO bool `json:"tfo,omitempty"`

	// TCPUserTimeout is the time for which sent data may stay unacknowledged until the connection is
	// closed. Default: the system's. It is HAProxy's tcp-ut.
	TCPUserTimeout caddy.Duration `json:"tcp_user_timeout,omitempty"`

	// MSS is the maximum segment size, 88 to 32767. Default: the system's. It is HAProxy's mss.
	MSS int `json:"mss,omitempty"`

	// KeepaliveIdle is the time without data after which TCP probes a server; -1: no probes. Default:
	// 15s if one of the next two is set, or if a session may last longer than five minutes without
	// data; else no probes. It is HAProxy's srvtcpka-idle.
	KeepaliveIdle caddy.Duration `json:"keepalive_idle,omitempty"`

	// KeepaliveInterval is the time between two probes. Default: 15s. It is HAProxy's srvtcpka-intvl.
	KeepaliveInterval caddy.Duration `json:"keepalive_interval,omitempty"`

	// KeepaliveCount is the number of unanswered probes that ends a connection. Default: 9. It is
	// HAProxy's srvtcpka-cnt.
	KeepaliveCount int `json:"keepalive_count,omitempty"`
}

// Limits of TCP options in Linux (TCP_MIN_MSS, MAX_TCP_WINDOW, MAX_TCP_KEEPCNT).
const (
	MinMSS    = 88
	MaxMSS    = 32767
	MaxProbes = 127
)

// Limits of SocketOptions.
const (
	maxInterface   = 15 // bytes of a name
	maxUserTimeout = caddy.Duration((1<<31 - 1) * time.Millisecond)
)

// table returns the options.
func (o *SocketOptions) table() options.Table {
	return options.Table{
		"source":             options.Text(&o.Source),
		"transparent":        options.Text(&o.Transparent),
		"interface":          options.Text(&o.Interface),
		"namespace":          options.Text(&o.Namespace),
		"tfo":                options.Flag(&o.TFO),
		"tcp_user_timeout":   options.Duration(&o.TCPUserTimeout),
		"mss":                options.Int(&o.MSS, MinMSS, MaxMSS),
		"keepalive_idle":     TimeoutOption(&o.KeepaliveIdle),
		"keepalive_interval": options.Duration(&o.KeepaliveInterval),
		"keepalive_count":    options.Int(&o.KeepaliveCount, 1, MaxProbes),
	}
}

func (o *SocketOptions) validate() error {
	switch {
	case o.MSS != 0 && (o.MSS < MinMSS || o.MSS > MaxMSS):
		return fmt.Errorf("mss %d: expected a whole number from %d to %d", o.MSS, MinMSS, MaxMSS)
	case o.KeepaliveCount < 0 || o.KeepaliveCount > MaxProbes:
		return fmt.Errorf("keepalive_count %d: expected a whole number from 1 to %d", o.KeepaliveCount, MaxProbes)
	case o.TCPUserTimeout > maxUserTimeout:
		return fmt.Errorf("tcp_user_timeout %v: expected at most %v", time.Duration(o.TCPUserTimeout), time.Duration(maxUserTimeout))
	case len(o.Interface) > maxInterface || strings.ContainsAny(o.Interface, "/ :\t\x00"):
		return fmt.Errorf("interface %q: expected the name of a network interface, such as eth0", o.Interface)
	}
	err := cmp.Or(
		validateDurations(duration{"tcp_user_timeout", o.TCPUserTimeout}, duration{"keepalive_interval", o.KeepaliveInterval}),
		ValidateTimeout("keepalive_idle", o.KeepaliveIdle),
	)
	if err != nil {
		return err
	}
	made, err := o.options()
	if err != nil || made == nil {
		return err
	}
	return made.Supported()
}

// isSet reports whether any option is set.
func (o *SocketOptions) isSet() bool { return *o != SocketOptions{} }

// over returns o with the options of a backend where it has none.
func (o *SocketOptions) over(b *SocketOptions) SocketOptions {
	all := *o
	if o.Source == "" && o.Transparent == "" && o.Interface == "" {
		all.Source, all.Transparent, all.Interface = b.Source, b.Transparent, b.Interface
	}
	all.Namespace = cmp.Or(o.Namespace, b.Namespace)
	all.TFO = o.TFO || b.TFO
	all.TCPUserTimeout = cmp.Or(o.TCPUserTimeout, b.TCPUserTimeout)
	all.MSS = cmp.Or(o.MSS, b.MSS)
	all.KeepaliveIdle = cmp.Or(o.KeepaliveIdle, b.KeepaliveIdle)
	all.KeepaliveInterval = cmp.Or(o.KeepaliveInterval, b.KeepaliveInterval)
	all.KeepaliveCount = cmp.Or(o.KeepaliveCount, b.KeepaliveCount)
	return all
}

// options returns the options for relay, or nil if no option is set.
func (o *SocketOptions) options() (*relay.SocketOptions, error) {
	if !o.isSet() {
		return nil, nil //nolint:nilnil // no option is set
	}
	made := &relay.SocketOptions{
		Interface: o.Interface, FastOpen: o.TFO, UserTimeout: time.Duration(o.TCPUserTimeout), MSS: o.MSS,
	}
	if o.KeepaliveIdle != 0 || o.KeepaliveInterval != 0 || o.KeepaliveCount != 0 {
		made.KeepAlive = &relay.KeepAlive{Idle: time.Duration(o.KeepaliveIdle), Interval: time.Duration(o.KeepaliveInterval), Count: o.KeepaliveCount}
	}
	var err error
	if made.Source, made.FirstPort, made.LastPort, err = parseSource(o.Source); err != nil {
		return nil, err
	}
	made.Transparent, made.Address, err = parseTransparent(o.Transparent)
	return made, err
}

// validateSocket validates the options of a server's socket.
func (s *Server) validateSocket() error {
	if isUnix(s.Address) && s.SocketOptions.isSet() {
		return fmt.Errorf("address %q: a Unix socket has no options of TCP, such as source: expected none", s.Address)
	}
	return s.SocketOptions.validate()
}

// socketOf returns the options that apply to a server.
func (b *Backend) socketOf(s *Server) SocketOptions {
	if isUnix(s.Address) {
		return SocketOptions{}
	}
	return s.SocketOptions.over(&b.SocketOptions)
}

// provisionSockets prepares the options of the servers' sockets, if there are any.
func (b *Backend) provisionSockets() error {
	opened := make(map[string]*netns.Namespace)
	for i, s := range b.Servers {
		made, err := b.openSocketOptions(s, opened)
		if err != nil {
			return b.atServer(i, fmt.Errorf("server %d %q: %w", i+1, s.Name, err))
		}
		if made == nil {
			continue
		}
		if b.sockets == nil {
			b.sockets = make(map[string]*relay.SocketOptions)
		}
		b.sockets[s.Name] = made
	}
	return nil
}

// openSocketOptions prepares the options of a server's sockets. It returns nil if no option is set.
func (b *Backend) openSocketOptions(s *Server, opened map[string]*netns.Namespace) (*relay.SocketOptions, error) {
	o := b.socketOf(s)
	made, err := o.options()
	if err != nil || made == nil || o.Namespace == "" {
		return made, err
	}
	made.Namespace, err = openOnce(opened, o.Namespace)
	return made, err
}

// openOnce opens a network namespace, unless that has been done. The garbage collector closes it
// when no connection needs it any more.
func openOnce(opened map[string]*netns.Namespace, name string) (n *netns.Namespace, err error) {
	if n = opened[name]; n == nil {
		n, err = netns.Open(name)
		opened[name] = n
	}
	return n, err
}

// Socket returns the options for the sockets of connections to a server, or nil.
func (b *Backend) Socket(s *pool.Server) *relay.SocketOptions {
	if a := b.added(s.Name); a != nil {
		return a.socket
	}
	if b.sockets == nil {
		return nil
	}
	return b.sockets[s.Name]
}

// mayConnect returns the error of the kernel if this process may not use the options of a server.
func (b *Backend) mayConnect() error {
	for i, s := range b.Servers {
		if err := b.sockets[s.Name].Permitted(); err != nil {
			return b.atServer(i, fmt.Errorf("backend %q: server %q: transparent %s: %w: expected the capability CAP_NET_ADMIN", b.name, s.Name, b.socketOf(s).Transparent, err))
		}
	}
	return nil
}
