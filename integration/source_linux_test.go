// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// sourced is a backend with options of its sockets.
type sourced struct {
	name    string
	backend string // lines of the backend; empty: a server at the usual address
	options string // of the server
	six     bool   // the client and the server have IPv6 addresses
	want    string // address that the server sees; client: the client's, without the port
	port    bool   // and its port
	proxied bool   // the client sends a PROXY header
	fails   string // the error in the log instead; the connection ends with RC
}

const sixServer = "server s [" + serverSix + "]:7000 "

var sourcedBackends = []sourced{
	{name: "plain", want: "10.77.0.1"},
	{name: "plain6", six: true, want: "2001:db8:77::1"},
	{name: "source", options: "source 10.77.0.9", want: "10.77.0.9"},
	{name: "source6", options: "source 2001:db8:77::9", six: true, want: "2001:db8:77::9"},
	{name: "port", options: "source 10.77.0.9:21000", want: "10.77.0.9"},
	{name: "interface", options: "interface second", want: "10.78.0.1"},
	{name: "interface6", options: "interface second", six: true, want: "2001:db8:78::1"},
	{name: "client", options: "transparent client", want: "client", port: true},
	{name: "client6", options: "transparent client", six: true, want: "client", port: true},
	{name: "clientip", options: "transparent clientip", want: "client"},
	{name: "clientip6", options: "transparent clientip", six: true, want: "client"},
	{name: "foreign", options: "transparent 203.0.113.5", want: "203.0.113.5"},
	{name: "foreignport", options: "transparent 203.0.113.5:21001", want: "203.0.113.5"},
	{name: "ofbackend", backend: "transparent clientip\n\tserver s " + serverFour + ":7000", want: "client"},
	{name: "ownsource", backend: "transparent clientip\n\tserver s " + serverFour + ":7000 source 10.77.0.9", want: "10.77.0.9"},
	{name: "retried", backend: "transparent client\n\tserver a " + serverFour + ":7001\n\tserver b " + serverFour + ":7000", want: "client", port: true},
	{name: "tuned", backend: "transparent client\n\tredispatch off\n\tserver a " + serverFour + ":7000 tfo mss 1000 tcp_user_timeout 5s keepalive_idle 20s", want: "client", port: true},
	{name: "proxied", options: "transparent clientip", proxied: true, want: "198.51.100.77"},
	{name: "proxiedport", options: "transparent client", proxied: true, want: "198.51.100.77"},
	{name: "namespace", backend: "server s 127.0.0.1:7002 {\n\tnamespace NAME\n\tcheck {\n\tinterval 50ms\n\tfall 1\n}\n}", want: "127.0.0.1"},
	{name: "unix", backend: "transparent client\n\tserver s unix/@source.test", want: "127.0.0.1"},
	{name: "named", backend: "source 10.77.0.9\n\tserver s localhost.test:7000", fails: "localhost.test"},
	{name: "missing", options: "source 192.0.2.200", fails: "connecting from 192.0.2.200: bind: cannot assign requested address"},
	{name: "nolink", options: "interface nothere", fails: "connecting through interface nothere: setsockopt SO_BINDTODEVICE: no such device"},
	{name: "mixed", backend: "transparent clientip\n\t" + sixServer, fails: "connecting from " + clientFour + ": the server's address " + serverSix + " is of IP version 6"},
	{name: "mixed4", six: true, backend: "transparent client\n\tserver s " + serverFour + ":7000", fails: "the server's address " + serverFour + " is of IP version 4"},
}

// sourceConfig has two frontends for backend N: at port 3000+N one of the app, at 3100+N a handler
// of a layer4 server whose listener is not durable: its connections are on the general path.
func sourceConfig(backends []sourced) string {
	var app, servers strings.Builder
	for i, s := range backends {
		if s.backend == "" {
			host := serverFour
			if s.six {
				host = "[" + serverSix + "]"
			}
			s.backend = "server s " + host + ":7000 " + s.options
		}
		if s.fails != "" {
			s.backend += "\n\tretries 0"
		}
		accept := ""
		if s.proxied {
			accept = "accept_proxy 198.51.100.0/24"
		}
		fmt.Fprintf(&app, "\tfrontend %s {\n\tbind :%d\n\t%[4]s\n\ton not_tls default\n\tdefault_backend %[1]s\n}\nbackend %[1]s {\n\ttimeouts connect 2s\n\t%[3]s\n}\n", s.name, 3000+i, s.backend, accept)
		fmt.Fprintf(&servers, "\ttcp/:%d {\n\troute {\n\tpassthrough {\n\tname %s-general\n\t%[3]s\n\ton not_tls default\n\tdefault_backend %[2]s\n}\n}\n}\n", 3100+i, s.name, accept)
	}
	return "passthrough {\n" + app.String() + "}\nlayer4 {\n" + servers.String() + "}\n"
}

// The server's accept sees the address that the configuration says: one of the proxy, the client's
// own, or a foreign one, with both versions of IP, on the fast and on the general path. Addresses
// that cannot be used end a connection with RC.
func TestSourceAddresses(t *testing.T) {
	program.Path(t)
	n := newSourceNet(t)
	n.listen(t, serverFour+":7000")
	n.listen(t, "["+serverSix+"]:7000")
	n.listen(t, "127.0.0.1:7002")
	for i := range sourcedBackends {
		s := &sourcedBackends[i]
		s.backend = strings.ReplaceAll(s.backend, "NAME", n.server.name)
	}
	if err := n.proxy.in(func() error {
		ln, err := net.Listen("unix", "@source.test") // of this network namespace
		if err == nil {
			t.Cleanup(func() { ln.Close() })
			n.accept(ln)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	p := n.run(t, sourcedBackends)
	for i, s := range sourcedBackends {
		for _, path := range []string{"fast", "general"} {
			t.Run(s.name+"/"+path, func(t *testing.T) {
				p.forget()
				host := frontFour
				if s.six {
					host = frontSix
				}
				port := 3000 + i
				if path == "general" {
					port += 100
				}
				s.test(t, p, n, net.JoinHostPort(host, fmt.Sprint(port)))
			})
		}
	}
}

// run runs Caddy in the proxy's namespace.
func (n *sourceNet) run(t *testing.T, backends []sourced) *process {
	t.Helper()
	p := &process{dir: t.TempDir(), admin: "127.0.0.1:2019", wrap: []string{"ip", "netns", "exec", n.proxy.name}}
	p.write(t, sourceConfig(backends), "")
	p.run(t, "Caddyfile", 0)
	return p
}

func (s *sourced) test(t *testing.T, p *process, n *sourceNet, address string) {
	header := ""
	if s.proxied {
		header = "PROXY TCP4 198.51.100.77 198.51.100.1 4711 443\r\n"
	}
	c, own, seen, err := n.ask(address, header)
	if err == nil {
		c.Close()
	}
	line := p.sessions(t, 1)[0]
	if s.fails != "" {
		if err == nil || !strings.Contains(line.Error, s.fails) || line.Termination != "RC" && s.name != "named" || line.EndedBy != "proxy" {
			t.Errorf("seen from %s, %v; log: %+v", seen, err, line)
		}
		return
	}
	want := s.want
	if want == "client" {
		want = own.Addr().String()
	}
	if err != nil || seen.Addr() != netip.MustParseAddr(want) || (seen.Port() == own.Port()) != s.port {
		t.Errorf("the server sees %s, the client is %s: want %s; %v, log: %+v", seen, own, want, err, line)
	}
	if _, port, _ := strings.Cut(s.options, ":21"); port != "" && !s.six && fmt.Sprint(seen.Port()) != "21"+port {
		t.Errorf("port %d, want that of %s", seen.Port(), s.options)
	}
	if s.name == "proxiedport" && seen.Port() != 4711 {
		t.Errorf("port %d, want 4711 of the header", seen.Port())
	}
	if s.name == "retried" && line.Retries == 0 && line.Server != "b" {
		t.Errorf("not retried: %+v", line)
	}
}

// When all ports are in use, connections end with RC, and the server stays in use: a port that
// becomes free serves the next one. Checks do not need the ports.
func TestSourcePortsInUse(t *testing.T) {
	program.Path(t)
	n := newSourceNet(t)
	n.listen(t, serverFour+":7000")
	p := n.run(t, []sourced{{name: "web", backend: `retries 1
	server s ` + serverFour + `:7000 {
		source 10.77.0.9:22001-22003
		check {
			interval 100ms
			rise 1
			fall 1
		}
		observe layer4
		error_limit 1
		on_error mark_down
	}`}})
	for _, port := range []string{"3000", "3100"} {
		p.forget()
		var held []net.Conn
		var ports []uint16
		for range 3 {
			c, _, seen, err := n.ask(net.JoinHostPort(frontFour, port))
			if err != nil || seen.Addr() != netip.MustParseAddr("10.77.0.9") {
				t.Fatalf("seen from %s, %v", seen, err)
			}
			held, ports = append(held, c), append(ports, seen.Port())
		}
		slices.Sort(ports)
		if !slices.Equal(ports, []uint16{22001, 22002, 22003}) {
			t.Errorf("ports %v", ports)
		}
		if c, _, seen, err := n.ask(net.JoinHostPort(frontFour, port)); err == nil {
			c.Close()
			t.Errorf("a fourth connection comes from %s", seen)
		}
		const want = "connecting from ports 22001-22003 of 10.77.0.9: all ports are in use"
		if line := p.sessions(t, 1)[0]; line.Termination != "RC" || line.Retries != 1 || !strings.HasSuffix(line.Error, want) {
			t.Errorf("%+v", line)
		}
		_ = held[1].(*net.TCPConn).SetLinger(0) // by RST: no TIME_WAIT keeps the port
		held[1].Close()
		p.sessions(t, 2)
		c, _, seen, err := n.ask(net.JoinHostPort(frontFour, port))
		if err != nil {
			t.Errorf("with a free port: %v", err)
		} else {
			held[1] = c
			t.Logf("the free port is %d", seen.Port())
		}
		for _, c := range held {
			_ = c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}
		p.sessions(t, 5)
	}
	for over := time.Now().Add(patience); !n.checked("10.77.0.9"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(over) {
			t.Fatalf("checks come from %v", n.seen)
		}
	}
	if log := p.log(); strings.Contains(log, "server is down") || strings.Contains(log, "DOWN") {
		t.Errorf("the server went down:\n%s", log)
	}
}
