// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// stickReload is a process whose frontend tracks clients in the table clients, and whose backend
// sends them to the server that its own table has for them.
type stickReload struct {
	*process
	*testing.T
	frontend, a, b string
}

// config returns a configuration with the options of the two tables, and the number of connections
// of a client that the frontend admits.
func (r *stickReload) config(clients, servers string, most int) string {
	return fmt.Sprintf(`passthrough {
	stick_table clients {
		%s
	}
	frontend tls {
		bind %s
		connection {
			track_sc0 remote_ip table clients
			sc_inc_gpc0 0
			reset acl sc0_conn_cur gt %d
		}
		default_backend web
	}
	backend web {
		stick {
			on src
			%s
		}
		server a %s
		server b %s
	}
}`, clients, r.frontend, most, servers, r.a, r.b)
}

func (r *stickReload) reconfigure(clients, servers string, most int) {
	r.Helper()
	if err := r.reload(r.T, r.config(clients, servers, most), ""); err != nil {
		r.Fatal(err)
	}
}

// visit opens a connection and checks the name of its server; "": it is reset.
func (r *stickReload) visit(from, want string) net.Conn {
	r.Helper()
	d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", r.frontend)
	if err != nil {
		if want != "" {
			r.Fatal(err)
		}
		return nil
	}
	r.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = c.Write(hellotest.Hello(r, "www.example.test"))
	buf := make([]byte, 10)
	if n, _ := c.Read(buf); string(buf[:n]) != want {
		r.Fatalf("a connection of %s got %q, want %q\n%s", from, buf[:n], want, r.log())
	}
	return c
}

// has waits until the entries of a table are as expected.
func (r *stickReload) has(table, want string) {
	r.Helper()
	got := r.entries(r.T, table)
	for over := time.Now().Add(patience); got != want && time.Now().Before(over); got = r.entries(r.T, table) {
		time.Sleep(20 * time.Millisecond)
	}
	if got != want {
		r.Fatalf("%s: %s, want %s", table, got, want)
	}
}

// Live sessions and the entries of clients survive reloads: the counts of open connections, rates,
// general counters and the servers of stickiness. Limits that a reload changes apply to them.
func TestTrackedSessionsOverReloads(t *testing.T) {
	t.Parallel()
	r := &stickReload{T: t, frontend: freeAddress(t), a: serverNamed(t, "a"), b: serverNamed(t, "b")}
	const store = "type ip\nstore conn_cur conn_cnt conn_rate(1h) gpc0 gpc0_rate(1h)"
	r.process = start(t, r.config(store, "", 3), "")
	first, second := r.visit("127.0.0.2", "a"), r.visit("127.0.0.2", "a")
	r.visit("127.0.0.3", "b").Close()
	r.has("web", "map[::ffff:127.0.0.2:map[]a ::ffff:127.0.0.3:map[]b]")
	r.has("clients", "map[127.0.0.2:map[conn_cnt:2 conn_cur:2 conn_rate:2 gpc0:2 gpc0_rate:2] 127.0.0.3:map[conn_cnt:1 conn_cur:0 conn_rate:1 gpc0:1 gpc0_rate:1]]")

	// A lower limit counts the connections that are open.
	r.reconfigure(store, "", 2)
	r.visit("127.0.0.2", "")
	r.has("clients", "map[127.0.0.2:map[conn_cnt:3 conn_cur:2 conn_rate:3 gpc0:3 gpc0_rate:3] 127.0.0.3:map[conn_cnt:1 conn_cur:0 conn_rate:1 gpc0:1 gpc0_rate:1]]")

	// A refused configuration loses nothing.
	if err := r.reload(t, r.config("type string\nstore gpc0", "type string", 9)+"\npassthrough {\nbackend bad {\nserver s 127.0.0.1:9 track nothing/s\n}\n}", ""); err == nil {
		t.Fatal("the configuration was not refused")
	}
	r.visit("127.0.0.2", "")
	r.has("clients", "map[127.0.0.2:map[conn_cnt:4 conn_cur:2 conn_rate:4 gpc0:4 gpc0_rate:4] 127.0.0.3:map[conn_cnt:1 conn_cur:0 conn_rate:1 gpc0:1 gpc0_rate:1]]")

	// With other keys and a smaller size, the entries that sessions hold remain. A rate of another
	// period begins anew.
	r.reconfigure("type ipv6\nsize 1\nstore conn_cur gpc0 gpc0_rate(2h)", "", 3)
	r.has("clients", "map[::ffff:127.0.0.2:map[conn_cur:2 gpc0:4 gpc0_rate:0]]")
	third := r.visit("127.0.0.2", "a")
	r.has("clients", "map[::ffff:127.0.0.2:map[conn_cur:3 gpc0:5 gpc0_rate:1]]")
	first.Close()
	third.Close()
	r.has("clients", "map[::ffff:127.0.0.2:map[conn_cur:1 gpc0:5 gpc0_rate:1]]")
	r.visit("127.0.0.3", "b").Close() // tracks nothing: the table is full of held entries

	// Keys of another type: both tables are empty, and sessions end as usual.
	r.reconfigure("type integer\nstore conn_cur", "type ip", 3)
	r.has("clients", "map[]")
	second.Close()
	r.sessions(t, 7)
}
