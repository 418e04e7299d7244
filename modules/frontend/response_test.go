// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"io"
	"net"
	"testing"
	"time"
)

// responding returns a server's connection with a backend's rules for the response, and the
// server's end of it.
func responding(t *testing.T, rules string) (r *filteredResponse, server net.Conn) {
	t.Helper()
	app := newAppOf(t, map[string]string{"b": `{"servers": [{"name": "s", "address": "127.0.0.1:1"}], "response": ` + rules + `}`})
	f, _ := frontendTo(app, "b", Config{})
	near, _ := net.Pipe()
	ours, server := net.Pipe()
	t.Cleanup(func() { near.Close(); ours.Close(); server.Close() })
	c := &connection{f: f, client: client{Conn: near}, claim: &claim{session: &session{sessionConfig: new(sessionConfig)}, conn: ours}}
	c.backend = app.Backends["b"]
	return c.filterResponse(c.claim).(*filteredResponse), server
}

func TestHeldResponse(t *testing.T) {
	r, server := responding(t, `{"inspect_delay": "1m", "rules": [{"action": "accept", "match": [{"acl": [{"any": [{"fetch": "res.payload(0,3)", "method": "bin", "values": ["323230"]}]}]}]}, {"action": "close"}]}`)
	go func() {
		for _, part := range []string{"2", "20", " hello\n"} {
			_, _ = server.Write([]byte(part))
		}
		server.Close()
	}()
	done := make(chan struct{})
	go func() { // as the other direction does
		defer close(done)
		for range 100 {
			_ = r.SetReadDeadline(time.Now().Add(time.Minute))
		}
	}()
	if got, err := io.ReadAll(r); err != nil || string(got) != "220 hello\n" {
		t.Errorf("%q, %v", got, err)
	}
	<-done
	if r.undecided != nil {
		t.Error("the response keeps the configuration")
	}
}

func TestRefusedResponse(t *testing.T) {
	r, server := responding(t, `{"inspect_delay": "1m", "rules": [{"action": "close", "match": [{"acl": [{"any": [{"fetch": "res.len", "values": ["gt", "2"]}]}]}]}]}`)
	go func() { _, _ = server.Write([]byte("421")) }()
	got, err := io.ReadAll(r)
	if err == nil || len(got) > 0 || !r.session.refused {
		t.Errorf("%q, %v", got, err)
	}
}

func TestNoResponseRules(t *testing.T) {
	app := newAppOf(t, map[string]string{"b": `{"servers": []}`})
	server, other := net.Pipe()
	defer server.Close()
	defer other.Close()
	c := &connection{backend: app.Backends["b"]}
	if c.filterResponse(&claim{conn: server}) != server {
		t.Error("a response without rules is filtered")
	}
}
