// SPDX-License-Identifier: Apache-2.0

package dnsclient

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Server is a DNS server.
type Server struct {
	// Name is for statistics.
	Name string
	// Address is IP:PORT.
	Address string
	// TCP asks over TCP alone.
	TCP bool
	// TLS asks over TLS (RFC 7858); nil: without.
	TLS *tls.Config

	counts counts

	mu     sync.Mutex
	closed bool
	idle   []*dns.Conn // over TLS, unused since the last answer
}

// maxIdle is the number of connections over TLS to keep.
const maxIdle = 2

// ask asks for one name.
func (s *Server) ask(ctx context.Context, name string, kind uint16, size int) (answer, error) {
	question := new(dns.Msg).SetQuestion(name, kind) // with an unpredictable ID
	if size > dns.MinMsgSize {
		question.SetEdns0(uint16(size), false)
	}
	m, err := s.exchange(ctx, question, size)
	if err == nil && m.Rcode == dns.RcodeFormatError && len(question.Extra) > 0 { // of before EDNS
		question.Extra = nil
		m, err = s.exchange(ctx, question, size)
	}
	if err != nil {
		return answer{}, err
	}
	return read(m)
}

// exchange returns the answer to a question.
func (s *Server) exchange(ctx context.Context, question *dns.Msg, size int) (*dns.Msg, error) {
	s.counts.sent.Add(1)
	if s.TLS != nil {
		return s.askTLS(ctx, question)
	}
	if s.TCP {
		return s.askNew(ctx, "tcp", question, dns.MaxMsgSize)
	}
	m, err := s.askNew(ctx, "udp", question, size)
	if err == nil && m.Truncated {
		s.counts.truncated.Add(1)
		return s.askNew(ctx, "tcp", question, dns.MaxMsgSize)
	}
	return m, err
}

// askNew asks by a new socket, whose source port others cannot know.
func (s *Server) askNew(ctx context.Context, network string, question *dns.Msg, size int) (*dns.Msg, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, s.Address)
	if err != nil {
		s.counts.sendErrors.Add(1)
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	return s.askBy(ctx, &dns.Conn{Conn: conn, UDPSize: uint16(size)}, question)
}

// askBy writes a question and waits for its answer; others are ignored.
func (s *Server) askBy(ctx context.Context, conn *dns.Conn, question *dns.Msg) (*dns.Msg, error) {
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if err := conn.WriteMsg(question); err != nil {
		s.counts.sendErrors.Add(1)
		return nil, err
	}
	for {
		m, err := conn.ReadMsg()
		var network net.Error
		_, isPacket := conn.Conn.(net.PacketConn)
		switch {
		case m != nil && isAnswerTo(m, question) && (err == nil || isPacket && m.Truncated):
			return m, nil
		case err != nil && (!isPacket || errors.As(err, &network)):
			return nil, err
		default: // a packet that cannot be read, or that answers something else
			s.counts.invalid.Add(1)
		}
	}
}

// askTLS asks by a connection that is kept afterwards.
func (s *Server) askTLS(ctx context.Context, question *dns.Msg) (*dns.Msg, error) {
	for conn := s.take(); conn != nil; conn = s.take() {
		m, err := s.askBy(ctx, conn, question)
		if err == nil {
			s.keep(ctx, conn)
			return m, nil
		}
		_ = conn.Close() // the server may have closed it
		if ctx.Err() != nil {
			return nil, err
		}
	}
	dialer := tls.Dialer{Config: s.TLS}
	tcp, err := dialer.DialContext(ctx, "tcp", s.Address)
	if err != nil {
		s.counts.sendErrors.Add(1)
		return nil, err
	}
	conn := &dns.Conn{Conn: tcp}
	m, err := s.askBy(ctx, conn, question)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	s.keep(ctx, conn)
	return m, nil
}

func (s *Server) take() *dns.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.idle)
	if n == 0 {
		return nil
	}
	conn := s.idle[n-1]
	s.idle = s.idle[:n-1]
	return conn
}

// keep keeps a connection for the next question, unless ctx may have changed its deadline.
func (s *Server) keep(ctx context.Context, conn *dns.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.idle) >= maxIdle || ctx.Err() != nil {
		_ = conn.Close()
		return
	}
	s.idle = append(s.idle, conn)
}

func (s *Server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, conn := range s.idle {
		_ = conn.Close()
	}
	s.idle = nil
}
