// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	utls "github.com/refraction-networking/utls"
)

// A client is a TLS client program, or one version of it.
type client struct {
	name string
	sni  string // the name that its hello shows
	// open starts a conversation. before is a visit that leaves a session to resume; nil: not needed.
	open, before func(c net.Conn, sni string) conversation
	want         *shown // from its configuration, where utls cannot tell
	raw          bool   // no TLS server can complete its conversation
}

// A conversation is a client on a connection. Its first write begins with the ClientHello, in one
// record.
type conversation interface {
	io.ReadCloser
	Handshake() error
}

// clients returns all clients for the server e, each with its own server name. Those that resume a
// session have one.
func clients(t *testing.T, e *echo) []client {
	t.Helper()
	all := slices.Concat(utlsClients(e), goClients(e))
	for i := range all {
		c := &all[i]
		if c.sni == "" {
			c.sni = fmt.Sprintf("c%02d.example.test", i)
		}
		if c.before == nil {
			continue
		}
		if v := visitServer(e.address, c.sni, c.before, cuttings[0]); v.err != nil {
			t.Fatalf("%s: %v", c.name, v.err)
		}
	}
	return all
}

// sessionCache is a session cache for one client. Unlike those of the libraries, it keeps a session
// after a failed handshake: some clients are needed only for their hello.
type sessionCache[S any] struct {
	mu      sync.Mutex
	session *S
}

// Get returns the session.
func (k *sessionCache[S]) Get(string) (*S, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.session, k.session != nil
}

// Put stores a session. It ignores nil.
func (k *sessionCache[S]) Put(_ string, session *S) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if session != nil {
		k.session = session
	}
}

// A cutting is a way to split a hello into records and segments.
type cutting struct {
	name             string
	record, segments int // bytes
}

const uncut = 1 << 14

// cuttings holds all of them. The first leaves the hello as it is.
var cuttings = []cutting{
	{"one write", uncut, uncut},
	{"1-byte writes", uncut, 1},
	{"records of 1 byte", 1, uncut},
	{"records of 16 bytes", 16, uncut},
	{"records of 49 bytes", 49, uncut},
	{"records of 1000 bytes", 1000, uncut},
}

// A cutConn is a connection that splits the first record written.
type cutConn struct {
	*net.TCPConn
	cutting
	sent []byte // as it was sent
}

// Write sends b.
func (c *cutConn) Write(b []byte) (int, error) {
	if len(c.sent) > 0 {
		c.sent = append(c.sent, b...)
		return c.TCPConn.Write(b)
	}
	record := firstRecord(b)
	c.sent = append(records(record, c.record), b[len(record):]...)
	return len(b), segments(c.TCPConn, c.sent, c.segments)
}

// A visit is the result of a client's connection to a server.
type visit struct {
	local       string // its own address
	sent        []byte // all bytes sent until the server had what it needed
	answer      []byte
	resumed     bool
	echAccepted bool
	err         error
}

// visitServer connects, makes a handshake and reads the server's answer.
func visitServer(address, sni string, open func(net.Conn, string) conversation, cut cutting) (v visit) {
	dialled, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return visit{err: err}
	}
	defer dialled.Close()
	_ = dialled.SetDeadline(time.Now().Add(patience))
	conn := &cutConn{TCPConn: dialled.(*net.TCPConn), cutting: cut}
	v.local = dialled.LocalAddr().String()
	talk := open(conn, sni)
	defer talk.Close()
	if err := talk.Handshake(); err != nil {
		v.err = fmt.Errorf("handshaking: %w", err)
		return v
	}
	v.answer, v.err = io.ReadAll(talk)
	v.sent = conn.sent
	switch talk := talk.(type) {
	case *tls.Conn:
		state := talk.ConnectionState()
		v.resumed, v.echAccepted = state.DidResume, state.ECHAccepted
	case *utls.UConn:
		v.resumed = talk.ConnectionState().DidResume
	}
	return v
}

// However a hello is cut, each client reaches the backend whose rules demand all its fields, the
// server receives the client's bytes unchanged, and the handshake succeeds.
func TestClientsReachTheirBackends(t *testing.T) {
	e := startEcho(t)
	all, address := clients(t, e), freeAddress(t)
	tells := make([]fields, len(all))
	for i, c := range all {
		record, talk := c.hello()
		tells[i] = c.knownFields(t, record, talk)
	}
	p := start(t, fmt.Sprintf(`
	passthrough {
		backend expected {
			server echo %[1]s
		}
		backend raw {
			server raw %[2]s
		}
		backend wrong {
			server echo %[1]s
		}
	}
	layer4 {
		durable/%[3]s {
			route {
				passthrough {
					inspect_delay 1m
					%[4]s
					default_backend wrong
				}
			}
		}
	}`, e.address, listen(t, sendBack), address, rulesFor(all, tells)), "")
	for _, cut := range cuttings {
		t.Run(cut.name, func(t *testing.T) {
			p.forget()
			visits := make([]visit, len(all))
			var wg sync.WaitGroup
			for i, c := range all {
				wg.Go(func() { visits[i] = visitServer(address, c.sni, c.open, cut) })
			}
			wg.Wait()
			lines := make(map[string]logLine)
			for _, l := range p.sessions(t, len(all)) {
				lines[l.Client] = l
			}
			for i, c := range all {
				c.check(t, visits[i], lines[visits[i].local], tells[i])
			}
		})
	}
}

// sendBack is a server that echoes what it receives.
func sendBack(c *net.TCPConn) {
	_, _ = io.Copy(c, c)
}

// rulesFor returns rules that send a hello with fields that its client should not have to the wrong
// backend, and demand all fields that it should have.
func rulesFor(all []client, tells []fields) string {
	var text strings.Builder
	forbid := func(matcher string, has func(fields) bool) {
		fmt.Fprint(&text, "use_backend wrong {\n", matcher, "\nsni")
		for i, c := range all {
			if !has(tells[i]) {
				fmt.Fprint(&text, " ", c.sni)
			}
		}
		fmt.Fprint(&text, "\n}\n")
	}
	forbid("ech", func(f fields) bool { return f.ECH })
	forbid("post_quantum", func(f fields) bool { return f.PQ })
	forbid("alpn h2 http/1.1", func(f fields) bool { return len(f.ALPN) > 0 })
	for _, version := range []string{"1.0", "1.1", "1.2", "1.3"} {
		forbid("version "+version, func(f fields) bool { return f.Version == version })
	}
	const chrome = "_8daaf6152771_" // its cipher suites
	forbid("ja4 *"+chrome+"*", func(f fields) bool { return strings.Contains(f.ja4(), chrome) })
	for i, c := range all {
		f := tells[i]
		fmt.Fprintf(&text, "use_backend %s {\nsni %s\nversion %s\nja4 %s\n", c.backend(), c.sni, f.Version, f.ja4())
		if len(f.ALPN) > 0 {
			fmt.Fprintf(&text, "alpn none/0 %s\n", f.ALPN[len(f.ALPN)-1])
		}
		if f.ECH {
			fmt.Fprintln(&text, "ech")
		}
		if f.PQ {
			fmt.Fprintln(&text, "post_quantum")
		}
		fmt.Fprintln(&text, "}")
	}
	return text.String()
}

func (c client) backend() string {
	if c.raw {
		return "raw"
	}
	return "expected"
}

// check checks what the client, the server and the log report about a visit.
func (c client) check(t *testing.T, v visit, l logLine, known fields) {
	t.Helper()
	if v.err != nil {
		t.Errorf("%s: %v", c.name, v.err)
	}
	if !bytes.Equal(v.answer, v.sent) {
		t.Errorf("%s: the server received\n%x, the client sent\n%x", c.name, v.answer, v.sent)
	}
	if resumes := c.before != nil && !c.raw; v.resumed != resumes {
		t.Errorf("%s: resumed a session: %v", c.name, v.resumed)
	}
	if hides := c.sni == publicName; v.echAccepted != hides {
		t.Errorf("%s: ECH accepted: %v", c.name, v.echAccepted)
	}
	const most = 8 // protocols in a log line
	protocols := known.ALPN[:min(most, len(known.ALPN))]
	if l.Backend != c.backend() || l.Outcome != "hello" || l.SNI != c.sni || l.Version != known.Version || !slices.Equal(l.ALPN, protocols) {
		t.Errorf("%s: log line %+v, want backend %s, name %s, version %s, ALPN %q", c.name, l, c.backend(), c.sni, known.Version, protocols)
	}
}
