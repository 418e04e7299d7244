// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// operatedServers is a frontend whose servers are changed at run time.
type operatedServers struct {
	*testing.T
	*process
	address string
}

// config returns a configuration with a backend of some servers.
func (o *operatedServers) config(servers string) string {
	return fmt.Sprintf("passthrough {\nfrontend tls {\nbind %s\ndefault_backend web\n}\nbackend web {\ncheck tcp {\ninterval 100ms\n}\n%s}\n}", o.address, servers)
}

func (o *operatedServers) reconfigure(servers string) {
	o.Helper()
	if err := o.reload(o.T, o.config(servers), ""); err != nil {
		o.Fatal(err)
	}
}

// dial returns a client, and the greeting of its server.
func (o *operatedServers) dial() (net.Conn, string) {
	o.Helper()
	c, err := net.DialTimeout("tcp", o.address, patience)
	if err != nil {
		o.Fatal(err)
	}
	o.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(hellotest.Hello(o, "www.example.test")); err != nil {
		o.Fatal(err)
	}
	text := make([]byte, 1)
	if _, err := io.ReadFull(c, text); err != nil {
		o.Fatal(err)
	}
	return c, string(text)
}

// served checks which servers further clients get, in turn.
func (o *operatedServers) served(want string) {
	o.Helper()
	got := make(map[string]bool)
	for range 2 * len(want) {
		c, text := o.dial()
		c.Close()
		got[text] = true
	}
	for _, s := range want {
		if !got[string(s)] || len(got) != len(want) {
			o.Errorf("served by %v, want %s", got, want)
		}
	}
}

// request sends a request to the admin endpoint, which answers with a status.
func (o *operatedServers) request(method, path, body string, want int) {
	o.Helper()
	if status, text := o.ask(o.T, method, path, body); status != want {
		o.Errorf("%s %s %s: %d %s, want %d", method, path, body, status, text, want)
	}
}

// overrides checks the number of values that differ from the configuration.
func (o *operatedServers) overrides(want int) {
	o.Helper()
	var all []struct{ Server, Key, Value, By string }
	status, text := o.ask(o.T, http.MethodGet, "/passthrough/overrides", "")
	if err := json.Unmarshal([]byte(text), &all); err != nil || status != http.StatusOK || len(all) != want {
		o.Errorf("%d %s, want %d overrides", status, text, want)
	}
}

// echoing returns the address of a server that greets its clients by a letter, and echoes.
func echoing(t *testing.T, letter string) string {
	return listen(t, func(c *net.TCPConn) {
		if skipHello(c) == nil {
			fmt.Fprint(c, letter)
			_, _ = io.Copy(c, c)
		}
	})
}

// Addresses that are changed, and servers that are added or removed, last over reloads until the
// configuration has something else. Sessions go on meanwhile.
func TestOperateServers(t *testing.T) {
	t.Parallel()
	a, b, c := echoing(t, "A"), echoing(t, "B"), echoing(t, "C")
	o := &operatedServers{T: t, address: freeAddress(t)}
	const path, s1 = "/passthrough/backends/web/servers", "/passthrough/backends/web/servers/s1"
	two := "server s1 " + a + "\nserver s2 " + b + "\n"
	one := "server s1 " + a + "\n"
	o.process = start(t, o.config(one), "")
	session, _ := o.dial()
	o.served("A")

	o.request(http.MethodPatch, s1, `{"address": "`+b+`"}`, http.StatusOK)
	o.served("B")
	o.reconfigure(one + "retries 2\n")
	o.served("B")
	o.overrides(1)
	o.request(http.MethodDelete, "/passthrough/overrides?backend=web&server=s1&key=address", "", http.StatusOK)
	o.served("A")

	o.request(http.MethodPost, path, `{"name": "s3", "address": "`+c+`"}`, http.StatusOK)
	o.request(http.MethodPost, path, `{"name": "s3", "address": "`+c+`"}`, http.StatusConflict)
	o.served("A")
	o.request(http.MethodPatch, path+"/s3", `{"admin": "ready"}`, http.StatusOK)
	o.served("AC")
	o.becomes(t, "s3", func(s *serverState) bool { return s.LastCheck.Code == "L4OK" })
	o.reconfigure(two)
	o.served("ABC")
	o.overrides(1)

	o.request(http.MethodDelete, s1, "", http.StatusConflict) // not in maintenance
	o.request(http.MethodPatch, s1, `{"admin": "maint"}`, http.StatusOK)
	o.request(http.MethodDelete, s1, "", http.StatusConflict) // in use
	if _, err := session.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadFull(session, make([]byte, 1)); err != nil {
		t.Errorf("the session: %v", err)
	}
	session.Close()
	for over := time.Now().Add(patience); o.server(t, "s1").Sessions > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(over) {
			t.Fatal("the session is still counted")
		}
	}
	o.request(http.MethodDelete, s1, "", http.StatusOK)
	o.served("BC")
	o.reconfigure(two + "retries 2\n")
	o.served("BC")
	o.request(http.MethodPatch, path+"/s3", `{"admin": "maint"}`, http.StatusOK)
	o.request(http.MethodDelete, path+"/s3", "", http.StatusOK)
	o.served("B")
	o.reconfigure("server s1 " + c + "\nserver s2 " + b + "\n") // s1 is another one now
	o.served("BC")
	o.overrides(0)
}
