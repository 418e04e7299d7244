// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// A frontend of the app listens on addresses of both IP versions, a Unix socket and a range of
// ports. It logs one line for each connection, and rules know the address of the listener.
func TestAppFrontend(t *testing.T) {
	first := freeAddress(t)
	port := portOf(t, first)
	six := "[::1]:" + port
	if ln, err := net.Listen("tcp6", six); err != nil {
		t.Skipf("no IPv6 on this machine: %v", err)
	} else {
		ln.Close()
	}
	path, origin := filepath.Join(t.TempDir(), "s"), listen(t, greetAndEcho)
	p := start(t, fmt.Sprintf(`passthrough {
	frontend tls {
		bind %s %s {
			name ip
		}
		bind unix/%s {
			name path
		}
		use_backend ip acl so_name ip
		use_backend path acl so_name path
	}
	backend ip {
		server s1 %s
	}
	backend path {
		server s1 %[4]s
	}
}`, first, six, path, origin), "")
	for i, at := range []struct{ network, address, backend string }{{"tcp", first, "ip"}, {"tcp", six, "ip"}, {"unix", path, "path"}} {
		c, err := net.Dial(at.network, at.address)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		_, _ = c.Write(hellotest.Hello(t, "www.example.test"))
		read(t, c, make([]byte, 2))
		c.Close()
		if l := p.sessions(t, i+1)[i]; l.Frontend != "tls" || l.Backend != at.backend || l.Termination != "--" || l.Logger != "passthrough.frontend.tls" {
			t.Errorf("%s: log line %+v", at.address, l)
		}
	}
}

// A range of ports is one address per port. If one of them is taken, the configuration is refused,
// and none of the others is open.
func TestAppFrontendRange(t *testing.T) {
	origin := listen(t, greetAndEcho)
	for range 20 { // until two consecutive ports are free
		first := freeAddress(t)
		var from int
		if _, err := fmt.Sscan(portOf(t, first), &from); err != nil {
			t.Fatal(err)
		}
		taken, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", from+1))
		if err != nil {
			continue
		}
		p := start(t, "", "")
		config := fmt.Sprintf("passthrough {\n frontend tls {\n bind 127.0.0.1:%d-%d\n server s1 %s\n }\n}", from, from+1, origin)
		if err := p.reload(t, config, ""); err == nil || !strings.Contains(err.Error(), "frontend \\\"tls\\\": bind 127.0.0.1:") || !strings.Contains(err.Error(), "address already in use") {
			t.Errorf("the configuration was not refused: %v", err)
		}
		if c, err := net.Dial("tcp", first); err == nil {
			c.Close()
			t.Error("the first port is open")
		}
		taken.Close()
		if err := p.reload(t, config, ""); err != nil {
			t.Fatal(err)
		}
		for _, address := range []string{first, taken.Addr().String()} {
			c := say(t, address, "")
			read(t, c, make([]byte, 2))
			c.Close()
		}
		return
	}
	t.Error("no two consecutive ports are free")
}

// A frontend of the app whose listener is not durable works, and logs one line per connection.
func TestAppFrontendNotDurable(t *testing.T) {
	address := freeAddress(t)
	p := start(t, fmt.Sprintf("passthrough {\n frontend plain {\n bind tcp/%s\n server s1 %s\n }\n}", address, listen(t, greetAndEcho)), "")
	c := say(t, address, "")
	read(t, c, make([]byte, 2))
	c.Close()
	p.sessions(t, 1)
	if n := strings.Count(p.log(), "reloads lose connections at this listener"); n != 1 || !strings.Contains(p.log(), `"frontend":"plain","listen":["tcp/`+address+`"]`) {
		t.Errorf("%d log lines, want 1:\n%s", n, p.log())
	}
}

// A client whose hello is incomplete at a reload belongs to the new configuration, whether the
// frontend listens itself or behind caddy-l4.
func TestReloadDecidesIncompleteHello(t *testing.T) {
	origin := listen(t, greetAndEcho)
	forms := map[string]string{
		"app":    "passthrough {\n frontend tls {\n bind %s\n default_backend %s\n }\n backend %[2]s {\n server s1 %s\n }\n}",
		"layer4": "passthrough {\n backend %[2]s {\n server s1 %[3]s\n }\n}\nlayer4 {\n durable/%[1]s {\n route {\n passthrough {\n name tls\n default_backend %[2]s\n }\n }\n }\n}",
	}
	hello := hellotest.Hello(t, "www.example.test")
	for form, config := range forms {
		address := freeAddress(t)
		p := start(t, fmt.Sprintf(config, address, "old", origin), "")
		var clients []net.Conn
		for _, before := range []int{0, 100} {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(patience))
			_, _ = c.Write(hello[:before])
			clients = append(clients, c)
		}
		c := say(t, address, "") // accepted after them
		read(t, c, make([]byte, 2))
		c.Close()
		if err := p.reload(t, fmt.Sprintf(config, address, "new", origin), ""); err != nil {
			t.Fatal(err)
		}
		for i, c := range clients {
			_, _ = c.Write(hello[100*i:])
			read(t, c, make([]byte, 2))
			c.Close()
			if l := p.sessions(t, i+2)[i+1]; l.Backend != "new" {
				t.Errorf("%s: after %d bytes before the reload: %+v", form, 100*i, l)
			}
		}
	}
}
