// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// behaviour is the sequence of a server's actions on a connection. At the end it waits for the
// client to close, and closes.
type behaviour struct {
	refuses bool // nothing listens
	drops   bool // the kernel does not answer
	acts    []func(*session) error
}

// parseBehaviour parses words such as "greets, waits 300ms, resets".
func parseBehaviour(list []string) (b behaviour, err error) {
	w := words{slices.Clone(list)}
	for i, word := range w.rest {
		if n := len(word) - 1; n > 0 && word[n] == ',' {
			w.rest[i] = word[:n]
		}
	}
	for len(w.rest) > 0 && err == nil {
		switch verb := w.next(); verb {
		case "refuses":
			b.refuses = true
		case "drops":
			b.drops = true
		case "waits":
			var d time.Duration
			d, err = w.duration()
			b.acts = append(b.acts, func(*session) error { time.Sleep(d); return nil })
		case "says":
			text := w.next()
			if n, err := strconv.Atoi(text); err == nil && n > 0 && w.take("bytes") {
				text = strings.Repeat("x", n-1) + "\n"
			}
			b.acts = append(b.acts, func(s *session) error { _, err := io.WriteString(s.conn, text); return err })
		case "says-hex":
			var data []byte
			data, err = hex.DecodeString(w.next())
			b.acts = append(b.acts, func(s *session) error { _, err := s.conn.Write(data); return err })
		case "awaits":
			b.acts = append(b.acts, awaitText(w.next()))
		case "handshakes":
			var config *tls.Config
			config, err = parseHandshake(&w)
			b.acts = append(b.acts, handshake(config))
		case "answers":
			var status int
			status, err = w.number()
			config := offers(authority().issue(time.Hour))
			if w.take("demands-certificate") {
				demand(config)
			}
			b.acts = append(b.acts, answer(status, config))
		case "serves":
			var act func(*session) error
			act, err = parseServes(&w)
			b.acts = append(b.acts, act)
		case "silent":
			b.acts = append(b.acts, (*session).awaitEnd)
		default:
			act, known := acts[verb]
			if !known {
				return b, fmt.Errorf("unknown behaviour %q", verb)
			}
			b.acts = append(b.acts, act)
		}
	}
	if !b.refuses && !b.drops && len(b.acts) == 0 {
		return b, errors.New("expected the server's actions")
	}
	return b, err
}

// parseServes parses STATUS [after TIME] [with HEADER]...
func parseServes(w *words) (func(*session) error, error) {
	status, err := w.number()
	var after time.Duration
	if w.take("after") && err == nil {
		after, err = w.duration()
	}
	var headers []string
	for w.take("with") {
		headers = append(headers, w.next())
	}
	return serve(status, after, headers), err
}

var acts = map[string]func(*session) error{
	"greets":     (*session).greet,
	"reads":      (*session).awaitData,
	"awaits-fin": (*session).awaitEnd,
	"unwraps":    (*session).unwrap,

	"unwraps-silently": (*session).unwrapSilently,

	"fin":    func(s *session) error { return s.conn.CloseWrite() },
	"closes": func(s *session) error { return s.conn.Close() },
	"resets": func(s *session) error {
		_ = s.conn.SetLinger(0)
		return s.conn.Close()
	},
}

// server is one behind the proxy.
type server struct {
	name    string
	address string
	ports   map[string]string // the scenario's names of ports

	mu       sync.Mutex
	listener net.Listener
	fillers  []net.Conn // connections that keep the kernel from answering others
	acts     []func(*session) error
	sessions []*session
}

// session is a connection to a server.
type session struct {
	server string
	ports  map[string]string
	number int
	conn   *net.TCPConn

	mu       sync.Mutex
	received []byte
	begun    bool          // bytes have come
	any      chan struct{} // closed with the first bytes
	more     chan struct{} // closed with the next bytes
	ended    chan struct{} // closed when the client's direction is
}

// behave changes a server's behaviour from now on; existing connections continue.
func (s *server) behave(b behaviour) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acts = b.acts
	if b.refuses || b.drops {
		s.close()
	}
	if b.refuses || s.listener != nil {
		return nil
	}
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		return err
	}
	s.listener = listener
	if b.drops {
		return s.fill()
	}
	go s.accept(listener)
	return nil
}

// fill fills the kernel's queue.
func (s *server) fill() error {
	raw, err := s.listener.(*net.TCPListener).SyscallConn()
	if err != nil {
		return err
	}
	if err := errors.Join(raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) }), err); err != nil {
		return err
	}
	d := new(net.Dialer) // the queue has room for one, however busy this machine is
	for range 8 {
		c, err := d.Dial("tcp", s.address)
		if err != nil {
			return nil //nolint:nilerr // the queue is full
		}
		s.fillers = append(s.fillers, c)
		d.Timeout = 100 * time.Millisecond
	}
	return errors.New("the kernel still answers connects")
}

func (s *server) close() {
	if s.listener != nil {
		syscall.ForkLock.RLock() // a child that is being forked would keep the socket listening
		_ = s.listener.Close()
		syscall.ForkLock.RUnlock()
	}
	for _, c := range s.fillers {
		_ = c.Close()
	}
	s.listener, s.fillers = nil, nil
}

func (s *server) accept(listener net.Listener) {
	for {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		one := &session{
			server: s.name, ports: s.ports, number: len(s.sessions) + 1, conn: c.(*net.TCPConn),
			any: make(chan struct{}), more: make(chan struct{}), ended: make(chan struct{}),
		}
		s.sessions = append(s.sessions, one)
		acts := s.acts
		s.mu.Unlock()
		go one.read()
		go one.serve(acts)
	}
}

// kill breaks the connections, and refuses new ones.
func (s *server) kill() error {
	err := s.behave(behaviour{refuses: true})
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.sessions {
		_ = one.conn.SetLinger(0)
		_ = one.conn.Close()
	}
	return err
}

// session returns a connection by its number, from 1.
func (s *server) session(number int) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[number-1]
}

func (s *session) serve(acts []func(*session) error) {
	for _, act := range acts {
		if act(s) != nil {
			break
		}
	}
	<-s.ended
	_ = s.conn.Close()
}

func (s *session) read() {
	defer close(s.ended)
	buf := make([]byte, 32<<10)
	for {
		n, err := s.conn.Read(buf)
		s.mu.Lock()
		if n > 0 && !s.begun {
			s.begun = true
			close(s.any)
		}
		s.received = append(s.received, buf[:n]...)
		if n > 0 {
			close(s.more)
			s.more = make(chan struct{})
		}
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// greet sends the server's name, and the number of this connection.
func (s *session) greet() error {
	_, err := fmt.Fprintf(s.conn, "%s %04d\n", s.server, s.number)
	return err
}

func (s *session) awaitData() error {
	select {
	case <-s.any:
		return nil
	case <-s.ended:
		return io.EOF
	}
}

// awaitText waits until a text has come.
func awaitText(text string) func(*session) error {
	return func(s *session) error {
		for {
			s.mu.Lock()
			found, more := bytes.Contains(s.received, []byte(text)), s.more
			s.mu.Unlock()
			if found {
				return nil
			}
			select {
			case <-more:
			case <-s.ended:
				return io.EOF
			}
		}
	}
}

func (s *session) awaitEnd() error {
	<-s.ended
	return nil
}

// bytes returns the bytes received so far.
func (s *session) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.received)
}

// port returns the port of an address.
func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}
