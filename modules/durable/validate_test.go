// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"fmt"
	"strings"
	"testing"
)

func TestClash(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want string // in the error; empty: no error
	}{
		{"durable/:443", "durable/:443", "both listen on durable/:443: each would get a part of the connections by chance; expected two addresses, or durable+shared/:443 in both places"},
		{"durable/:443", "durable/:444", ""},
		{"durable/:443", "durable/127.0.0.1:443", ""},
		{"durable/127.0.0.2:443", "durable/127.0.0.1:443", ""},
		{"durable/:443", "durable/0.0.0.0:443", "both listen on durable/:443 and durable/0.0.0.0:443"},
		{"durable/:443", "durable4/:443", "both listen on durable/:443 and durable4/:443"},
		{"durable/:443", "durable6/[::]:443", "durable6/[::]:443: each would"},
		{"durable4/:443", "durable6/:443", ""},
		{"durable4/127.0.0.1:443", "durable/127.0.0.1:443", "both listen"},
		{"durable/localhost:443", "durable/127.0.0.1:443", "both listen"},
		{"durable/[::ffff:127.0.0.1]:443", "durable/127.0.0.1:443", "both listen"},
		{"durable/[0:0::1]:443", "durable/[::1]:443", "both listen"},
		{"durable/www.example.test:443", "durable/www.example.test:443", "both listen"},
		{"durable/www.example.test:443", "durable/:443", ""},
		{"durable/:400-450", "durable/:450-460", "both listen on durable/:400-450 and durable/:450-460"},
		{"durable/:400-449", "durable/:450-460", ""},
		{"durable+shared/:443", "durable/:443", "durable+shared/:443 in both places"},
		{"durable/:443", "durable+shared/:443", "durable+shared/:443 in both places"},
		{"durable+shared/:443", "durable+shared/:443", ""},
		{"durable4+shared/:443", "durable+shared/:443", ""},
		{"durable/:0", "durable/:0", ""},
		{"durable/unix//run/x|0222", "durable/unix//run/x", "both listen"},
		{"durable/unix//run/x", "durable/unix//run/y", ""},
		{"durable/abns/x", "durable/abns/x", "both listen"},
		{"durable/abns/x", "durable/unix/@x", ""},
		{"durable/fd/3", "durable/fd/3", "both listen"},
		{"durable/fd/3", "durable/fd/4", ""},
		{"durable/unix/3", "durable/fd/3", ""},
		{"durable/:443", ":443", "x listens on durable/:443 and y on :443: a durable address is not shared with others"},
		{":443", "durable/:443", "y listens on durable/:443 and x on :443"},
		{"durable/:443", "tcp/127.0.0.1:443", "not shared with others"},
		{"durable/127.0.0.1:443", ":443", "not shared with others"},
		{"durable+shared/127.0.0.1:443", ":443", "not shared with others"},
		{"durable/127.0.0.1:443", "127.0.0.2:443", ""},
		{"durable4/:443", "tcp6/[::]:443", ""},
		{"durable6/:443", "tcp6/[::1]:443", "not shared with others"},
		{"durable/:443", "udp/:443", ""},
		{"durable/unix//run/x", "unix//run/x|0222", "not shared with others"},
		{"durable/:443", "tailscale/:443", ""},
		{":443", ":443", ""}, // left for Caddy to report
	} {
		var uses []use
		for i, listen := range []string{c.a, c.b} {
			u, ok, err := parseUse([]string{"x", "y"}[i], Listening{Address: listen})
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				uses = append(uses, u)
			}
		}
		err := firstClash(uses)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s and %s: %v, want %q", c.a, c.b, err, c.want)
		}
	}
}

// A network that is nearly one of ours belongs to no other module.
func TestMisspelledNetwork(t *testing.T) {
	for network, near := range map[string]string{"durabel": "durable", "durable5": "durable", "durrable": "durable", "durable+share": "durable+shared", "tailscale": "", "kcp": "", "tcp": ""} {
		_, _, err := parseUse(`layer4 server "x"`, Listening{Address: network + "/:443"})
		want := fmt.Sprintf("layer4 server \"x\" listens on %q: unknown network %q; did you mean %q?", network+"/:443", network, near)
		if near == "" && err != nil || near != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: %v, want %s", network, err, want)
		}
	}
}

// A frontend that passes connections on needs an http server at its address, and has the address
// with no other.
func TestValidateFront(t *testing.T) {
	front := func(address string) use {
		return use{Listening: Listening{Address: address, PassesOn: true}, by: `frontend "f"`}
	}
	server := func(address string) use {
		return use{Listening: Listening{Address: address}, by: `http server "s"`, http: true}
	}
	other := func(address string) use {
		return use{Listening: Listening{Address: address}, by: `layer4 server "l"`}
	}
	with := func(u use, by string) use {
		u.by = by
		return u
	}
	inside := func(u use, device string) use {
		u.Interface = device
		return u
	}
	for _, c := range []struct {
		uses []use
		want string // the error; empty: no error
	}{
		{[]use{front("durable/:443"), server("durable/:443")}, ""},
		{[]use{server("durable/127.0.0.1:443"), front("durable/localhost:443")}, ""},
		{[]use{front("durable/unix//run/x|0222"), server("durable/unix//run/x")}, ""},
		{[]use{front("durable/:443-445"), server("durable/:443"), server("durable/:444-445")}, ""},
		{[]use{front("durable/:443"), server("durable/:443"), other("durable/127.0.0.1:443")}, ""},
		{[]use{front("durable/:443")}, `frontend "f" listens on durable/:443 and has the action next, but no http server listens there: expected a site for port 443 with: bind durable/`},
		{[]use{front("durable/[::1]:443"), server("durable/[::1]:444")}, `but no http server listens there: expected a site for port 443 with: bind durable/[::1]`},
		{[]use{front("durable/:443"), server("durable/127.0.0.1:443")}, `frontend "f" listens on durable/:443 and has the action next, but no http`},
		{[]use{front("durable/:443-445"), server("durable/:443"), server("durable/:445")}, "expected a site for port 444 with"},
		{[]use{front("durable/unix//run/x"), server("durable/unix//run/y")}, "expected a site with: bind durable/unix//run/x"},
		{[]use{front("durable+shared/:443"), server("durable/:444")}, `no http server can have that address: expected durable/:443 alone`},
		{[]use{inside(front("durable/:443"), "eth0"), server("durable/:443")}, `frontend "f" listens on durable/:443 on interface eth0 and has the action next: no http server can have that address: expected durable/:443 alone`},
		{[]use{front("durable/:443"), server("durable4/:443")}, `frontend "f" and http server "s" both listen on durable/:443 and durable4/:443: beside a frontend with the action next, expected one http server, with the same address`},
		{[]use{front("durable+shared/:443"), server("durable+shared/:443")}, "expected one http server, with the same address"},
		{[]use{front("durable/:443"), other("durable/:443")}, `frontend "f" and layer4 server "l" both listen on durable/:443: beside a frontend with the action next, expected one http server`},
		{[]use{front("durable/:443"), with(front("durable/:443"), `frontend "g"`), server("durable/:443")}, `frontend "f" and frontend "g" both listen on durable/:443: beside`},
		{[]use{front("durable/:443"), server("durable/:443"), with(server("durable/:443"), `http server "t"`)}, `http server "s" and http server "t" both listen on durable/:443: each would get a part`},
		{[]use{front("durable/:443"), server(":443")}, "a durable address is not shared with others"},
	} {
		var uses []use
		for _, written := range c.uses {
			u, ok, err := parseUse(written.by, written.Listening)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			u.http = written.http
			uses = append(uses, u)
		}
		err := firstClash(uses)
		if err == nil {
			err = firstWithoutReceiver(uses)
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: %v, want %q", uses, err, c.want)
		}
	}
}
