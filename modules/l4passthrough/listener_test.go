// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

func TestListener(t *testing.T) {
	h := &Handler{Listeners: []*Listener{
		{Address: "[::]:443", Name: "all", ID: 1},
		{Address: "0.0.0.0:443", Name: "four", ID: 2},
		{Address: "10.0.0.1:443", Name: "one", ID: 3},
		{Address: "10.0.0.1:8000-8010", Name: "range", ID: 10},
		{Address: "10.0.0.1:9000-9010", Name: "range"},
		{Address: "unix//run/x.sock|0600", Name: "path", ID: 5},
		{Address: "www.example.com:444", Name: "host", ID: 6},
	}}
	for _, l := range h.Listeners {
		if err := l.provision(); err != nil {
			t.Fatal(err)
		}
	}
	tcp := func(address string) net.Addr {
		a, err := net.ResolveTCPAddr("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for _, c := range []struct {
		at   net.Addr
		name string
		id   int
	}{
		{tcp("10.0.0.1:443"), "one", 3},
		{tcp("[::ffff:10.0.0.1]:443"), "one", 3},
		{tcp("10.0.0.2:443"), "four", 2},
		{tcp("[2001:db8::1]:443"), "all", 1},
		{tcp("10.0.0.1:8003"), "range", 13},
		{tcp("10.0.0.1:9003"), "range", 0},
		{tcp("10.0.0.1:8011"), "", 0},
		{tcp("10.0.0.9:444"), "host", 6},
		{&net.UnixAddr{Name: "/run/x.sock", Net: "unix"}, "path", 5},
		{&net.UnixAddr{Name: "/run/x.sock." + strconv.Itoa(os.Getpid()), Net: "unix"}, "path", 5}, // of durable
		{&net.UnixAddr{Name: "/run/x.sockets", Net: "unix"}, "", 0},
		{&net.UnixAddr{Name: "/run/y.sock", Net: "unix"}, "", 0},
	} {
		if name, id := h.listener(c.at); name != c.name || id != c.id {
			t.Errorf("%v: %q %d, want %q %d", c.at, name, id, c.name, c.id)
		}
	}
	for _, l := range []*Listener{nil, {}, {Address: "127.0.0.1:x"}} {
		if l.provision() == nil {
			t.Errorf("%v: no error", l)
		}
	}
}

func TestListenerInCaddyfile(t *testing.T) {
	h, err := parseFrontend("id 3\nlistener :443 name web id 1\nlistener unix//run/x.sock id 2\ndefault_backend b")
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"address":":443","name":"web","id":1},{"address":"unix//run/x.sock","id":2}]`
	if got := string(caddyconfig.JSON(h.Listeners, nil)); h.ID != 3 || got != want {
		t.Errorf("id %d, %s, want %s", h.ID, got, want)
	}
	if _, err := parseFrontend("listener"); err == nil {
		t.Error("listener without an address: no error")
	}
}
