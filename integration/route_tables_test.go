// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// serverNamed returns the address of a server that says its name and waits until the client closes.
func serverNamed(t *testing.T, name string) string {
	t.Helper()
	return listen(t, func(c *net.TCPConn) {
		_, _ = io.WriteString(c, name)
		_, _ = io.Copy(io.Discard, c)
	})
}

// visitNamed opens a connection and returns it with the name of its server, or with "" if it ended.
func visitNamed(t *testing.T, address string) (c net.Conn, name string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if errors.Is(err, syscall.ECONNRESET) { // made, and reset right away
		return nil, ""
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = c.Write(hellotest.Hello(t, "www.example.test"))
	buf := make([]byte, 10)
	n, _ := c.Read(buf)
	return c, string(buf[:n])
}

// An acl in a route of a layer4 server finds the stick tables of the app; a matcher that not
// contains, in a rule, sees what the connection tracks and the state of backends.
func TestMatchersSeeStickTables(t *testing.T) {
	t.Parallel()
	frontend, route := freeAddress(t), freeAddress(t)
	p := start(t, fmt.Sprintf(`passthrough {
	stick_table t {
		type ip
		store gpc0 conn_cur
	}
	backend known {
		server s1 %s
	}
	frontend tracking {
		bind %s
		connection {
			track_sc0 remote_ip table t
			reset {
				not {
					acl {
						sc0_conn_cur le 1
						nbsrv(known) 1
					}
				}
			}
		}
		default_backend known
	}
}
layer4 {
	%s {
		@bad acl src_get_gpc0(t) gt 0
		route @bad {
			passthrough {
				server s1 %s
			}
		}
		route {
			passthrough {
				name rest
				default_backend known
			}
		}
	}
}`, serverNamed(t, "known"), frontend, route, serverNamed(t, "bad")), "")
	first, name := visitNamed(t, frontend)
	if name != "known" {
		t.Errorf("the first connection of the frontend got %q", name)
	}
	if _, name := visitNamed(t, frontend); name != "" {
		t.Errorf("the second connection got %q", name)
	}
	first.Close()
	if _, name := visitNamed(t, route); name != "known" {
		t.Errorf("before: %q", name)
	}
	if status, text := p.ask(t, http.MethodPost, "/passthrough/tables/t", `{"key": "127.0.0.1", "data": {"gpc0": 1}}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	if _, name := visitNamed(t, route); name != "bad" {
		t.Errorf("after: %q", name)
	}
}

// What a route cannot know is refused when the configuration is loaded.
func TestRoutesRefuse(t *testing.T) {
	t.Parallel()
	p := start(t, "", "")
	for match, want := range map[string]string{
		"src_conn_cur(t) gt 0":         "",
		"src,in_table(t)":              "",
		"src_conn_cur(tt) gt 0":        `acl: term 1: src_conn_cur: stick table \"tt\" is not defined; did you mean \"t\"?`,
		"src,in_table(other)":          `acl: term 1: in_table: stick table \"other\" is not defined`,
		"src_conn_cur gt 0":            "acl: term 1: src_conn_cur: a route has no stick table of its own: expected src_conn_cur(NAME)",
		"sc0_conn_cur gt 0":            "acl: term 1: sc0_conn_cur: connections track nothing in a route: expected it in a rule of a frontend",
		"sc_conn_cur(0,t) gt 0":        "acl: term 1: sc_conn_cur(0,t): connections track nothing in a route",
		"nbsrv(web) gt 0":              "acl: term 1: nbsrv: it is not known in a route: expected it in a rule of a frontend",
		"act_conn gt 0":                "acl: term 1: act_conn: it is not known in a route",
		"src_conn_cur(t),in_table(tt)": `acl: term 1: in_table: stick table \"tt\" is not defined`,
	} {
		err := p.reload(t, fmt.Sprintf(`passthrough {
	stick_table t {
		store conn_cur
	}
	backend web {
		server s1 127.0.0.1:9
	}
}
layer4 {
	%s {
		@some {
			not {
				acl %s
			}
		}
		route @some {
			passthrough {
				default_backend web
			}
		}
	}
}`, freeAddress(t), match), "")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s:\n got %v\nwant %s", match, err, want)
		}
	}
}
