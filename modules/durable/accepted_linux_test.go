// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// Accepted connections inherit the configured socket options from the listening socket.
func TestAcceptedInheritSocketOptions(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  net.ListenConfig
		want map[[2]int]int
	}{
		"defaults": {net.ListenConfig{}, map[[2]int]int{
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE}: 1, {unix.SOL_TCP, unix.TCP_KEEPIDLE}: 15, {unix.SOL_TCP, unix.TCP_KEEPINTVL}: 15, {unix.SOL_TCP, unix.TCP_KEEPCNT}: 9,
		}},
		"a period": {net.ListenConfig{KeepAlive: 1500 * time.Millisecond}, map[[2]int]int{
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE}: 1, {unix.SOL_TCP, unix.TCP_KEEPIDLE}: 2, {unix.SOL_TCP, unix.TCP_KEEPINTVL}: 2,
		}},
		"all of it": {net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: 3 * time.Second, Count: 4}}, map[[2]int]int{
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE}: 1, {unix.SOL_TCP, unix.TCP_KEEPIDLE}: 60, {unix.SOL_TCP, unix.TCP_KEEPINTVL}: 3, {unix.SOL_TCP, unix.TCP_KEEPCNT}: 4,
		}},
		"off": {net.ListenConfig{KeepAlive: -1}, map[[2]int]int{{unix.SOL_SOCKET, unix.SO_KEEPALIVE}: 0}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := listen(t.Context(), "durable", "127.0.0.1", "0", 0, c.cfg)
			if err != nil {
				t.Fatal(err)
			}
			ln := got.(net.Listener)
			defer ln.Close()
			client := dial(t, ln)
			conn, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if conn.RemoteAddr().String() != client.LocalAddr().String() || conn.LocalAddr().String() != client.RemoteAddr().String() {
				t.Errorf("accepted %v at %v, want %v at %v", conn.RemoteAddr(), conn.LocalAddr(), client.LocalAddr(), client.RemoteAddr())
			}
			raw, ok := relay.Raw(conn)
			if !ok {
				t.Fatalf("accepted a %T, want a socket", conn)
			}
			c.want[[2]int{unix.SOL_TCP, unix.TCP_NODELAY}] = 1
			c.want[[2]int{unix.SOL_TCP, unix.TCP_QUICKACK}] = 0
			for option, want := range c.want {
				_ = raw.Control(func(fd uintptr) {
					if got, err := unix.GetsockoptInt(int(fd), option[0], option[1]); err != nil || got != want {
						t.Errorf("option %v: %d (%v), want %d", option, got, err, want)
					}
				})
			}
		})
	}
}

// A connection to a wildcard socket has its exact local address.
func TestAcceptedOnWildcardHasExactAddress(t *testing.T) {
	for _, network := range []string{"durable", "durable4"} {
		ln, err := openFamily(t, network, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		client := dial(t, ln)
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got, want := conn.LocalAddr().String(), client.RemoteAddr().String(); got != want {
			t.Errorf("%s: accepted at %s, want %s", network, got, want)
		}
	}
}
