// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

func init() { caddy.RegisterModule(new(optionsApp)) }

// optionsApp is a Caddy app that listens on an address once for each of its options.
type optionsApp struct {
	Listen  string    `json:"listen,omitempty"`
	Options []Options `json:"options,omitempty"`
	Serve   bool      `json:"serve,omitempty"` // connections are served
	Fail    bool      `json:"fail,omitempty"`  // Start fails after the app has begun to listen

	ctx       caddy.Context
	listeners []net.Listener
}

func (*optionsApp) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "durable_options", New: func() caddy.Module { return new(optionsApp) }}
}

func (a *optionsApp) Provision(ctx caddy.Context) error {
	a.ctx = ctx
	return nil
}

func (a *optionsApp) Start() error {
	addr, err := caddy.ParseNetworkAddress(a.Listen)
	if err != nil {
		return err
	}
	for _, o := range a.Options {
		ln, err := addr.Listen(WithOptions(a.ctx, o), 0, net.ListenConfig{})
		if err != nil {
			return err
		}
		a.listeners = append(a.listeners, ln.(net.Listener))
		if a.Serve {
			go serveByte(ln.(net.Listener))
		}
	}
	if a.Fail {
		return errors.New("asked to fail")
	}
	return nil
}

func (a *optionsApp) Stop() (err error) {
	for _, ln := range a.listeners {
		err = errors.Join(err, ln.Close())
	}
	return err
}

func (a *optionsApp) load(t *testing.T) error {
	t.Helper()
	config, err := json.Marshal(map[string]any{
		"admin":   map[string]any{"disabled": true, "config": map[string]any{"persist": false}},
		"logging": map[string]any{"logs": map[string]any{"default": map[string]any{"level": "ERROR"}}},
		"apps":    map[string]any{"durable_options": a},
	})
	if err != nil {
		t.Fatal(err)
	}
	return caddy.Load(config, true)
}

// backlogAt returns the backlog of the socket of an address.
func backlogAt(t *testing.T, addr address) (n int) {
	t.Helper()
	socketsMu.Lock()
	defer socketsMu.Unlock()
	s := sockets[addr]
	if s == nil {
		t.Fatalf("no socket listens at %s", addr)
	}
	err := s.kernel.(*tcpKernel).do(func(fd int) error {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			n = int(info.Sacked) // the backlog, for a listening socket: tcp_get_info in Linux
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The backlog follows the active configuration: the largest that its users ask for, capped by the
// system's limit. A refused configuration changes nothing.
func TestBacklogFollowsConfiguration(t *testing.T) {
	limit := programs.MaxBacklog(t)
	address := resolveOne(t, "127.0.0.1", unused(t))
	t.Cleanup(func() { _ = caddy.Stop() })
	for _, c := range []struct {
		backlogs []int
		fail     bool
		want     int
	}{
		{backlogs: []int{5}, want: 5},
		{backlogs: []int{7}, want: 7},
		{backlogs: []int{9}, fail: true, want: 7},
		{backlogs: []int{9, 3}, want: 9},
		{backlogs: []int{3, 8}, want: 8},
		{backlogs: []int{3, 0}, want: limit},
		{backlogs: []int{1}, want: 1},
		{backlogs: []int{1 << 30}, want: limit},
		{backlogs: []int{2}, want: 2},
		{backlogs: []int{0}, want: limit},
	} {
		app := optionsApp{Listen: fmt.Sprintf("durable+shared/%s", address.at), Options: backlogs(c.backlogs...), Fail: c.fail}
		if err := app.load(t); (err != nil) != c.fail {
			t.Fatalf("%+v: %v", c, err)
		}
		if n := backlogAt(t, address); n != c.want {
			t.Errorf("%+v: a backlog of %d", c, n)
		}
	}
}

// A socket that starts listening beside another once its configuration runs has its own backlog.
func TestBacklogAppliesToDeferredListen(t *testing.T) {
	address := resolveOne(t, "127.0.0.1", unused(t))
	t.Cleanup(func() { _ = caddy.Stop() })
	for _, app := range []optionsApp{
		{Listen: fmt.Sprintf("durable4/:%d", address.at.Port()), Options: backlogs(6)},
		{Listen: "durable/" + address.at.String(), Options: backlogs(4)},
	} {
		if err := app.load(t); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "it has its backlog", func() bool { return backlogAt(t, address) == 4 })
}

// backlogs returns options with no more than a backlog.
func backlogs(ns ...int) (all []Options) {
	for _, n := range ns {
		all = append(all, Options{Backlog: n})
	}
	return all
}

func resolveOne(t *testing.T, host string, port int) address {
	t.Helper()
	as, _, err := resolve("durable", host, strconv.Itoa(port), 0)
	if err != nil {
		t.Fatal(err)
	}
	return as[0]
}

// A Unix socket queues one connection more than its backlog, before and after a change of it.
func TestBacklogOfUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	k, err := openUnix(t.Context(), path, socketOptions{mode: ownerWrites})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	in := 0
	for _, backlog := range []int{2, 5} {
		if err := k.configure(socketOptions{mode: ownerWrites, Options: Options{Backlog: backlog}}); err != nil {
			t.Fatal(err)
		}
		for ; in <= backlog+1; in++ {
			if err := connectUnix(t, path); err != nil {
				if !errors.Is(err, unix.EAGAIN) {
					t.Fatal(err)
				}
				break
			}
		}
		if in != backlog+1 {
			t.Errorf("%d are in with a backlog of %d", in, backlog)
		}
	}
}

// connectUnix connects without blocking.
func connectUnix(t *testing.T, path string) error {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return unix.Connect(fd, &unix.SockaddrUnix{Name: path})
}
