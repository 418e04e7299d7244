// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/durable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// Bind is an address that a frontend of the app listens on, with the options of its socket. It
// corresponds to HAProxy's bind.
type Bind struct {
	// Address is a Caddy network address. Without a network it is a durable one, whose socket
	// outlives reloads: :443 means durable/:443; unix//PATH, abns/NAME and fd/NUMBER are durable,
	// too. A range of ports, such as :8000-8010, is an address for each.
	Address string `json:"address,omitempty"`

	// Name is the value of the fetch so_name. It is HAProxy's name of bind.
	Name string `json:"name,omitempty"`

	// ID is the value of the fetch so_id for the first port; each further port has the next number.
	// It is HAProxy's id of bind.
	ID int `json:"id,omitempty"`

	// Mode is the mode of a Unix socket, octal. Write permission is permission to connect. Default:
	// 0200. It is HAProxy's mode of bind.
	Mode string `json:"mode,omitempty"`

	// KeepaliveIdle is the time without data after which TCP probes a connection. Default: 15s; -1:
	// no probes.
	KeepaliveIdle caddy.Duration `json:"keepalive_idle,omitempty"`

	// KeepaliveInterval is the time between two probes. Default: 15s.
	KeepaliveInterval caddy.Duration `json:"keepalive_interval,omitempty"`

	// KeepaliveCount is the number of unanswered probes that ends a connection. Default: 9.
	KeepaliveCount int `json:"keepalive_count,omitempty"`

	// Backlog bounds the connections that wait to be accepted; the kernel does not answer further
	// ones. Default and maximum: the system's limit, on Linux net.core.somaxconn. The address must be
	// durable and not a file descriptor. It is HAProxy's backlog.
	Backlog int `json:"backlog,omitempty"`

	// MaxConn bounds the concurrent connections of the address, for a range of ports those of each: at
	// that number, further clients are left in the kernel's queue. The address must be durable.
	// Default: 0, no limit of its own. It is HAProxy's maxconn of bind.
	MaxConn int `json:"maxconn,omitempty"`

	BindOptions

	// AcceptProxy lists sources that send PROXY headers, in place of the frontend's. It is HAProxy's
	// accept-proxy, but from named sources alone.
	AcceptProxy []*AcceptProxy `json:"accept_proxy,omitempty"`

	headers frontend.HeaderPolicy

	listen string // the address with its network and mode
	parsed caddy.NetworkAddress
}

// datagrams lists the networks without connections.
var datagrams = []string{"udp", "udp4", "udp6", "unixgram", "fdgram", "ip", "ip4", "ip6"}

// durableNetworks lists the networks that are durable without that word.
var durableNetworks = []string{"unix", "abns", "fd"}

// provision parses the address and checks the options.
func (b *Bind) provision() (err error) {
	if b == nil || b.Address == "" {
		return errors.New("expected an object with address")
	}
	b.listen, err = b.resolve(caddy.NewReplacer().ReplaceAll(b.Address, ""))
	if err == nil {
		b.listen, err = b.chooseVersions(b.listen)
	}
	if err != nil {
		return fmt.Errorf("address %q: %w", b.Address, err)
	}
	b.parsed, err = caddy.ParseNetworkAddress(b.listen)
	switch {
	case err != nil:
		return fmt.Errorf("address %q: %w", b.Address, err)
	case slices.Contains(datagrams, b.parsed.Network):
		return fmt.Errorf("address %q: expected one of TCP or a Unix socket of streams", b.Address)
	case b.ID < 0:
		return fmt.Errorf("id %d: expected a whole number from 1", b.ID)
	case b.KeepaliveCount < 0 || b.KeepaliveCount > balancer.MaxProbes:
		return fmt.Errorf("keepalive_count %d: expected a whole number from 1 to %d", b.KeepaliveCount, balancer.MaxProbes)
	}
	if b.headers, err = headerPolicy(b.AcceptProxy); err != nil {
		return err
	}
	return errors.Join(b.validateBacklog(), b.validateMaxConn(), b.validateOptions(), balancer.ValidateTimeout("keepalive_idle", b.KeepaliveIdle), options.ValidateDuration("keepalive_interval", b.KeepaliveInterval))
}

// resolve returns the address with its network and mode.
func (b *Bind) resolve(address string) (string, error) {
	network, rest, given := strings.Cut(address, "/")
	switch {
	case !given:
		if _, _, err := net.SplitHostPort(address); err != nil {
			return "", errors.New("expected HOST:PORT or :PORT, such as :443 or [::1]:8443")
		}
		address = "durable/" + address
	case network == "":
		return "", fmt.Errorf("expected unix/ before the path of a socket: unix/%s", address)
	case slices.Contains(durableNetworks, network):
		address = "durable/" + address
	case durable.IsNetwork(network):
		network, rest, _ = strings.Cut(rest, "/")
	}
	return b.withMode(address, network, rest)
}

// withMode appends the mode to an address. rest follows the network in it.
func (b *Bind) withMode(address, network, rest string) (string, error) {
	if b.Mode == "" {
		return address, nil
	}
	mode, err := strconv.ParseUint(b.Mode, 8, 32)
	switch {
	case network != "unix" || strings.HasPrefix(rest, "@"):
		return "", fmt.Errorf("mode %q: expected it with the path of a Unix socket alone", b.Mode)
	case err != nil || fs.FileMode(mode) > fs.ModePerm || mode&0o200 == 0:
		return "", fmt.Errorf("mode %q: expected an octal number, such as 0222, in which the owner may write", b.Mode)
	case strings.Contains(address, "|"):
		return "", fmt.Errorf("mode %q: the address has one already", b.Mode)
	}
	return address + "|" + b.Mode, nil
}

// open opens the listeners of the address, one for each port.
func (b *Bind) open(ctx caddy.Context) (opened []net.Listener, err error) {
	o := b.socketOptions()
	o.Front = true
	all, err := b.parsed.ListenAll(durable.WithOptions(ctx, o), b.config())
	if err != nil {
		return nil, err
	}
	for _, ln := range all {
		stream, ok := ln.(net.Listener)
		if !ok {
			return opened, fmt.Errorf("listening on %q: expected a network of streams", b.listen)
		}
		opened = append(opened, stream)
	}
	return opened, nil
}

// config returns the socket's options in the form of package net.
func (b *Bind) config() net.ListenConfig {
	switch {
	case b.KeepaliveIdle < 0:
		return net.ListenConfig{KeepAlive: -1}
	case b.KeepaliveIdle == 0 && b.KeepaliveInterval == 0 && b.KeepaliveCount == 0:
		return net.ListenConfig{}
	}
	return net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: time.Duration(b.KeepaliveIdle), Interval: time.Duration(b.KeepaliveInterval), Count: b.KeepaliveCount,
	}}
}

// listeners returns what fetches find of binds, or nil if no bind has a name or number.
func listeners(binds []*Bind) (all []*Listener) {
	if !slices.ContainsFunc(binds, func(b *Bind) bool { return b.Name != "" || b.ID != 0 }) {
		return nil
	}
	for _, b := range binds {
		l := &Listener{Address: b.listen, Name: b.Name, ID: b.ID}
		if network, rest, _ := strings.Cut(b.listen, "/"); durable.IsNetwork(network) {
			l.Address = rest
			if name, ok := strings.CutPrefix(rest, "abns/"); ok {
				l.Address = "unix/@" + name
			}
		}
		all = append(all, l)
	}
	return all
}

// isDurable reports whether the address loses no connections on reload.
func (b *Bind) isDurable() bool { return durable.IsNetwork(b.parsed.Network) }

// parseBind parses "bind ADDRESS…" and a block of options that apply to each address.
func (f *Frontend) parseBind(d *caddyfile.Dispenser) error {
	addresses := d.RemainingArgs()
	if len(addresses) == 0 {
		return d.Errf("bind: expected one or more addresses, such as :443 or 127.0.0.1:8443")
	}
	var with Bind
	begin := *d
	if err := with.options().ParseBlock(d); err != nil {
		return err
	}
	for _, address := range addresses {
		f.NoteLine("bind", &begin)
		b := with
		b.Address = address
		f.Bind = append(f.Bind, &b)
		if strings.Contains(address, "{") { // placeholders are replaced when the configuration is loaded
			continue
		}
		checked := b
		if err := checked.provision(); err != nil {
			return begin.Errf("bind: %w", err)
		}
	}
	if with.ID != 0 && len(addresses) > 1 {
		return begin.Errf("bind: id %d: expected one address with it", with.ID)
	}
	return nil
}

// options returns the words of a bind's block.
func (b *Bind) options() options.Table {
	table := acceptProxyOptions(&b.AcceptProxy)
	maps.Copy(table, options.Table{
		"name":               options.Text(&b.Name),
		"id":                 options.Int(&b.ID, 1, math.MaxInt32),
		"mode":               options.Text(&b.Mode),
		"keepalive_idle":     balancer.TimeoutOption(&b.KeepaliveIdle),
		"keepalive_interval": options.Duration(&b.KeepaliveInterval),
		"keepalive_count":    options.Int(&b.KeepaliveCount, 1, balancer.MaxProbes),
		"backlog":            options.Int(&b.Backlog, 1, math.MaxInt32),
		"maxconn":            options.Int(&b.MaxConn, 1, math.MaxInt32),
	})
	maps.Copy(table, b.BindOptions.options())
	return table.With(bindAdvice())
}
