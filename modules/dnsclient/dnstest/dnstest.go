// SPDX-License-Identifier: Apache-2.0

// Package dnstest is a DNS server for tests, whose answers a test changes, and which fails or lies
// as a test says.
package dnstest

import (
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Reply is the answer to questions for a name. Its records are lines of a zone file, such as
// "web.test. 1 IN A 192.0.2.1".
type Reply struct {
	Code           int
	Records, Extra []string
	// All sends records of other types and names than the question's, too.
	All bool
	// Silent sends nothing, Truncate over UDP nothing but the bit that says so.
	Silent, Truncate bool
	After            time.Duration
	// Change changes the message before it is sent; nil: not at all. If it returns bytes, these are
	// sent before it.
	Change func(*dns.Msg) []byte
}

// Server is a DNS server on a port of the loopback interface, over UDP and TCP.
type Server struct {
	// Address is IP:PORT.
	Address string

	mu      sync.Mutex
	replies map[string]Reply
	asked   map[string]int
	running []func() // each stops one
}

// Start starts a server, which stops when the test ends. It knows no names.
func Start(t testing.TB) *Server {
	t.Helper()
	for range 100 {
		s, err := Open("127.0.0.1:0")
		if err == nil {
			t.Cleanup(s.Close)
			return s
		}
	}
	t.Fatal("no port is free for both UDP and TCP")
	return nil
}

// Open starts a server at an address, over UDP and TCP. Close it afterwards.
func Open(address string) (*Server, error) {
	stream, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	packets, err := net.ListenPacket("udp", stream.Addr().String())
	if err != nil {
		_ = stream.Close()
		return nil, err
	}
	s := newServer(stream.Addr())
	s.serve(&dns.Server{Listener: stream})
	s.serve(&dns.Server{PacketConn: packets})
	return s, nil
}

func newServer(at net.Addr) *Server {
	return &Server{Address: at.String(), replies: make(map[string]Reply), asked: make(map[string]int)}
}

// Close stops the server.
func (s *Server) Close() {
	for _, stop := range s.running {
		stop()
	}
	s.running = nil
}

// StartTLS starts a server that speaks TLS.
func StartTLS(t testing.TB, config *tls.Config) *Server {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(l.Addr())
	s.serve(&dns.Server{Listener: l})
	t.Cleanup(s.Close)
	return s
}

func (s *Server) serve(d *dns.Server) {
	ready := make(chan struct{})
	d.Handler, d.NotifyStartedFunc = s, func() { close(ready) }
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = d.ActivateAndServe()
	}()
	<-ready
	s.running = append(s.running, func() {
		_ = d.Shutdown()
		<-ended
	})
}

// Set sets the reply for a name from now on.
func (s *Server) Set(name string, r Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replies[dns.CanonicalName(name)] = r
}

// Has sets the records of a name from now on.
func (s *Server) Has(name string, records ...string) { s.Set(name, Reply{Records: records}) }

// Asked returns the number of questions for a name so far.
func (s *Server) Asked(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[dns.CanonicalName(name)]
}

// ServeDNS implements dns.Handler.
func (s *Server) ServeDNS(w dns.ResponseWriter, question *dns.Msg) {
	name := dns.CanonicalName(question.Question[0].Name)
	s.mu.Lock()
	s.asked[name]++
	r, known := s.replies[name]
	s.mu.Unlock()
	if !known {
		r.Code = dns.RcodeNameError
	}
	if r.Silent {
		return
	}
	time.Sleep(r.After)
	m := r.message(question, w.RemoteAddr().Network() == "udp")
	if r.Change != nil {
		if before := r.Change(m); before != nil {
			_, _ = w.Write(before)
		}
	}
	_ = w.WriteMsg(m)
}

// message returns the answer to a question.
func (r *Reply) message(question *dns.Msg, udp bool) *dns.Msg {
	m := new(dns.Msg).SetRcode(question, r.Code)
	m.RecursionAvailable = true
	if m.Truncated = r.Truncate && udp; m.Truncated {
		return m
	}
	for _, line := range r.Records {
		record := Record(line)
		kind := record.Header().Rrtype
		if r.All || kind == dns.TypeCNAME || kind == question.Question[0].Qtype {
			m.Answer = append(m.Answer, record)
		}
	}
	for _, line := range r.Extra {
		m.Extra = append(m.Extra, Record(line))
	}
	return m
}

// Record returns the record of a line of a zone file.
func Record(line string) dns.RR {
	r, err := dns.NewRR(strings.TrimSpace(line))
	if err != nil {
		panic(err)
	}
	return r
}
