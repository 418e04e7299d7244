// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// Options are options of a listening socket, beside those of net.ListenConfig. Accepted connections
// inherit most of them. All but Backlog and Owner are for TCP addresses on Linux. What the kernel
// refuses is an error when the address is opened.
//
// Like keepalive, all but Interface and Namespace follow the active configuration. If several of
// its users share the address, the largest backlog counts, and of the others those of the first
// user.
type Options struct {
	// Backlog is the number of connections that may wait in the kernel to be accepted. 0 is the
	// system's limit, which caps all other values (on Linux net.core.somaxconn). A descriptor that the
	// process was started with keeps its own. It is HAProxy's backlog of bind.
	Backlog int

	// Transparent allows an address that the system does not have, and connections to such addresses
	// that routing brings here (IP_TRANSPARENT; without CAP_NET_ADMIN and CAP_NET_RAW, IP_FREEBIND).
	// It is HAProxy's transparent of bind.
	Transparent bool

	// Interface is the network interface that connections must arrive at (SO_BINDTODEVICE). Empty:
	// any. An address has a socket for each interface. It is HAProxy's interface of bind.
	Interface string

	// Namespace is the network namespace of the socket, as in package netns; empty: that of the
	// process. An address has a socket in each namespace. It is HAProxy's namespace of bind.
	Namespace string

	// DeferAccept leaves connections in the kernel until they have sent something, or for a second
	// (TCP_DEFER_ACCEPT). It is HAProxy's defer-accept.
	DeferAccept bool

	// FastOpen accepts data with a client's first packet (TCP_FASTOPEN, RFC 7413), if the system's
	// net.ipv4.tcp_fastopen allows it. As many such clients as the backlog may be waiting. It is
	// HAProxy's tfo of bind.
	FastOpen bool

	// MSS is the maximum segment size announced to clients (TCP_MAXSEG); 0: the system's. It is
	// HAProxy's mss of bind.
	MSS int

	// Front marks the listener of a frontend, which takes no connections that are passed on (Passer).
	// Beside one other listener of the same configuration, it gets all fresh connections of the
	// address, and the other one those that are passed on; the other's options do not apply.
	Front bool

	// UserTimeout is the time for which sent data may stay unacknowledged before the connection fails
	// (TCP_USER_TIMEOUT, RFC 5482), in whole milliseconds; 0: the system's default. It is HAProxy's
	// tcp-ut of bind.
	UserTimeout time.Duration

	// Owner is the owner of the path of a Unix socket. It is HAProxy's user and group of bind.
	Owner Owner
}

// Owner is an owner of a file. The zero value is that of the process.
type Owner struct {
	SetUser, SetGroup bool
	UID, GID          int // if set
}

// chown gives a file to the owner.
func (o Owner) chown(path string) error {
	uid, gid := -1, -1
	if o.SetUser {
		uid = o.UID
	}
	if o.SetGroup {
		gid = o.GID
	}
	if o == (Owner{}) {
		return nil
	}
	return os.Chown(path, uid, gid)
}

// Names returns the names of the options, except for the backlog, that are set, as in a bind of
// package l4passthrough.
func (o Options) Names() (set []string) {
	for _, option := range []struct {
		name string
		set  bool
	}{
		{"transparent", o.Transparent},
		{"interface", o.Interface != ""},
		{"namespace", o.Namespace != ""},
		{"defer_accept", o.DeferAccept},
		{"tfo", o.FastOpen},
		{"mss", o.MSS != 0},
		{"tcp_user_timeout", o.UserTimeout != 0},
	} {
		if option.set {
			set = append(set, option.name)
		}
	}
	return set
}

// validate reports options that a kind of address does not have on this system.
func (o Options) validate(k kind) error {
	set := strings.Join(o.Names(), ", ")
	switch {
	case set == "":
		return nil
	case k != ofTCP:
		return fmt.Errorf("%s: expected a TCP address with it", set)
	case runtime.GOOS != "linux":
		return fmt.Errorf("%s: only available on Linux", set)
	}
	return nil
}

type optionsKey struct{}

// WithOptions returns a context with which addresses of this package are opened with options.
func WithOptions(ctx caddy.Context, o Options) caddy.Context {
	return ctx.WithValue(optionsKey{}, o)
}

// optionsOf returns the options set by WithOptions.
func optionsOf(ctx context.Context) Options {
	o, _ := ctx.Value(optionsKey{}).(Options)
	return o
}

// largerBacklog returns the larger of two backlogs.
func largerBacklog(a, b int) int {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}
