// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/sys/unix"
)

func init() { caddy.RegisterModule(new(answersApp)) }

// answersApp is a Caddy app that listens on several addresses, each with its own answer. An address
// may be followed by options in JSON.
type answersApp struct {
	Listen map[string]byte `json:"listen,omitempty"`
	Fail   bool            `json:"fail,omitempty"` // Start fails after the app has begun to listen

	ctx       caddy.Context
	listeners []any
}

func (*answersApp) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "durable_answers", New: func() caddy.Module { return new(answersApp) }}
}

func (a *answersApp) Provision(ctx caddy.Context) error {
	a.ctx = ctx
	return nil
}

func (a *answersApp) Start() error {
	for listen, answer := range a.Listen {
		address, text, with := strings.Cut(listen, " ")
		addr, err := caddy.ParseNetworkAddress(address)
		if err != nil {
			return err
		}
		var o Options
		if with {
			if err := json.Unmarshal([]byte(text), &o); err != nil {
				return err
			}
		}
		listeners, err := addr.ListenAll(WithOptions(a.ctx, o), net.ListenConfig{})
		if err != nil {
			return err
		}
		for _, ln := range listeners {
			go serve(ln.(net.Listener), answer)
		}
		a.listeners = append(a.listeners, listeners...)
	}
	time.Sleep(2 * time.Millisecond) // as if another app was slow: the listeners wait to become active
	if a.Fail {
		time.Sleep(10 * time.Millisecond) // as if another app failed
		return errors.New("asked to fail")
	}
	return nil
}

func (a *answersApp) Stop() (err error) {
	for _, ln := range a.listeners {
		err = errors.Join(err, ln.(net.Listener).Close())
	}
	return err
}

func loadAnswers(t *testing.T, listen map[string]byte, fail bool) error {
	t.Helper()
	config, err := json.Marshal(map[string]any{
		"admin":   map[string]any{"disabled": true, "config": map[string]any{"persist": false}},
		"logging": map[string]any{"logs": map[string]any{"default": map[string]any{"level": "ERROR"}}},
		"apps":    map[string]any{"durable_answers": answersApp{Listen: listen, Fail: fail}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return caddy.Load(config, true)
}

// stranger binds an address as another program of the same user with SO_REUSEPORT would.
func stranger(t *testing.T, at netip.AddrPort) error {
	t.Helper()
	family := unix.AF_INET6
	if at.Addr().Is4() {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, option := range []int{unix.SO_REUSEADDR, unix.SO_REUSEPORT} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1); err != nil {
			t.Fatal(err)
		}
	}
	if family == unix.AF_INET6 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	to, err := sockaddr(at)
	if err != nil {
		t.Fatal(err)
	}
	return unix.Bind(fd, to)
}
