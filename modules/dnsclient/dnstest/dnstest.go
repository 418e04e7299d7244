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
	// Change changes the message before it is sent; nil: not at all. If it returns bytes, these are sent
	// before it.
	Change func(*dns.Msg) []byte
}

// Server is a DNS server on a port of the loopback interface, over UDP and TCP.
type Server struct {
	// Address is IP:PORT.
	Address string

	mu      sync.Mutex
	replies map[string]Reply
	asked   map[string]int
}

// Start starts a server, which stops when the test ends. It knows no names.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{replies: make(map[string]Reply), asked: make(map[string]int)}
	stream, packets := listen(t)
	s.Address = stream.Addr().String()
	s.serve(t, &dns.Server{Listener: stream})
	s.serve(t, &dns.Server{PacketConn: packets})
	return s
}

// StartTLS starts a server that speaks TLS.
func StartTLS(t testing.TB, config *tls.Config) *Server {
	t.Helper()
	s := &Server{replies: make(map[string]Reply), asked: make(map[string]int)}
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	s.Address = l.Addr().String()
	s.serve(t, &dns.Server{Listener: l})
	return s
}

// listen returns sockets of the same port.
func listen(t testing.TB) (net.Listener, net.PacketConn) {
	t.Helper()
	for range 100 {
		stream, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		packets, err := net.ListenPacket("udp", stream.Addr().String())
		if err == nil {
			return stream, packets
		}
		_ = stream.Close()
	}
	t.Fatal("no port is free for both UDP and TCP")
	return nil, nil
}

func (s *Server) serve(t testing.TB, d *dns.Server) {
	t.Helper()
	ready := make(chan struct{})
	d.Handler, d.NotifyStartedFunc = s, func() { close(ready) }
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = d.ActivateAndServe()
	}()
	<-ready
	t.Cleanup(func() {
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
