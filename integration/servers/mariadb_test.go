// SPDX-License-Identifier: Apache-2.0

//go:build servers

package servers

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func TestMariaDB(t *testing.T) {
	t.Parallel()
	mariadbd := find(t, "mariadbd")
	dir, address := shortDir(t), freeAddress(t)
	data := filepath.Join(dir, "data")
	run(t, nobody(), find(t, "mariadb-install-db", "/usr/bin/mariadb-install-db"), "--no-defaults", "--datadir="+data, "--skip-test-db", "--auth-root-authentication-method=normal")
	users := write(t, dir, "users.sql", `CREATE USER haproxy@'127.0.0.%';
CREATE USER secret@'127.0.0.%' IDENTIFIED BY 'secret';
CREATE USER socket@'127.0.0.%' IDENTIFIED VIA unix_socket;
`)
	// Client names are looked up: only addresses without a name are counted.
	stop := start(t, nobody(), []string{"RES_OPTIONS=timeout:1 attempts:1"}, mariadbd, "--no-defaults", "--datadir="+data, "--socket="+filepath.Join(dir, "s"),
		"--port="+port(address), "--bind-address=127.0.0.1", "--pid-file="+filepath.Join(dir, "pid"), "--innodb-buffer-pool-size=8M", "--innodb-flush-log-at-trx-commit=0",
		"--max-connect-errors=10", "--init-file="+users)
	awaitListener(t, address)
	all := []expected{
		{"greeting", "option mysql-check", address, finding{"up", "L7OK", "MariaDB"}, ""},
		{"known", "option mysql-check user haproxy", address, finding{"up", "L7OK", "MariaDB"}, ""},
		{"old", "option mysql-check user haproxy pre-41", address, finding{"up", "L7OK", "MariaDB"}, ""},
		{"unknown", "option mysql-check user unknown", address, finding{"down", "L7STS", "Access denied for user 'unknown'"}, ""},
		{"secret", "option mysql-check user secret", address, finding{"down", "L7STS", "1045 (28000): Access denied for user 'secret'"}, ""},
		{"plugin", "option mysql-check user socket", address, finding{"down", "L7STS", "Access denied for user 'socket'"}, ""},
		{"pgsql", "option pgsql-check user haproxy", address, finding{"down", "L7STS", "not an answer to a login"}, ""},
	}
	expect := judge(t, all)
	expect(t, all)
	t.Run("blocks", func(t *testing.T) { testBlocking(t, address) })
	stop()
	expect(t, stopped(all))
}

// Connections that end before a login make the server block their address, clients included; checks
// do not. (127.0.0.1 is never blocked.)
func testBlocking(t *testing.T, address string) {
	for i, c := range []*checks.MySQL{nil, {}, {User: "haproxy"}, {User: "unknown"}, {User: "socket"}} {
		from := netip.AddrFrom4([4]byte{127, 0, 0, byte(10 + i)})
		if c == nil {
			for range 20 {
				connect(t, from, address)
			}
		} else {
			if err := c.Provision(caddy.Context{}); err != nil {
				t.Fatal(err)
			}
			for range 50 {
				got := c.Check(context.Background(), pool.Target{Network: "tcp", Address: address, Source: from, Timeout: patience})
				if ok := c.User == "" || c.User == "haproxy"; got.Code.OK() != ok || strings.Contains(got.Info, "blocked") {
					t.Fatalf("%+v from %v: %+v", c, from, got)
				}
			}
		}
		through := forward(t, from, address)
		out, err := exec.Command("mariadb", "--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "--port="+port(through), "--user=haproxy", "--execute=SELECT 42").CombinedOutput()
		switch blocked := strings.Contains(string(out), "is blocked because of many connection errors"); {
		case c == nil && !blocked:
			t.Errorf("20 bare connections did not make the server block %v: %v %s", from, err, out)
		case c != nil && err != nil:
			t.Errorf("after 50 checks by %+v: %v %s", c, err, out)
		}
	}
}

func dialFrom(from netip.Addr, address string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	return d.Dial("tcp", address)
}

// connect connects, waits for the greeting and closes.
func connect(t *testing.T, from netip.Addr, address string) {
	t.Helper()
	c, err := dialFrom(from, address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = c.Read(make([]byte, 1))
}

// forward returns an address from which one connection is passed on, with another source address.
func forward(t *testing.T, from netip.Addr, address string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		client, err := l.Accept()
		if err != nil {
			return
		}
		defer client.Close()
		server, err := dialFrom(from, address)
		if err != nil {
			return
		}
		defer server.Close()
		go func() {
			defer server.Close()
			_, _ = io.Copy(server, client)
		}()
		_, _ = io.Copy(client, server)
	}()
	return l.Addr().String()
}
