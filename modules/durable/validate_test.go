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
