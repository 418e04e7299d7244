// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// slack is the longest delay allowed for an event.
	slack = 750 * time.Millisecond
	// early is the largest allowed lead over the expected time.
	early = 50 * time.Millisecond
	// patience is the wait for an event that does not come, in case another one comes instead.
	patience = 5 * time.Second
	// timeless is the time of an outcome without one.
	timeless = -1
)

// outcome is an observation, and its time since the client had connected.
type outcome struct {
	what string
	at   time.Duration
	// asked is when it was asked for.
	asked time.Duration
	// line means that it is a line of the log, which a text with placeholders describes.
	line bool
	// broken means that the step could not be made: no expectation matches that.
	broken bool
}

// failed returns the outcome of a step that only has one if it fails.
func failed(err error) outcome {
	if err == nil {
		return outcome{at: timeless}
	}
	return outcome{what: err.Error(), at: timeless, broken: true}
}

// client is a connection of the script.
type client struct {
	name    string
	conn    *net.TCPConn
	local   netip.AddrPort
	began   time.Time
	known   func(server string) bool
	step    int   // in which it connected
	looked  []int // steps that check its line in the log
	counted []int // steps that check the counts there
	lined   []int // steps that check the whole line

	mu     sync.Mutex
	sent   []byte
	events []outcome
	more   chan struct{} // with a buffer of one
	ended  chan struct{} // closed when nothing more can come
	served served

	begins func() // starts reading, if it has not started
}

// served is the server's connection for a client.
type served struct {
	server string
	number int
}

// lazyBuffer is the receive buffer of a lazy client.
const lazyBuffer = 8192

// dialClient connects. A lazy client uses a small receive buffer, and reads only once an event is
// expected of it.
func dialClient(name, address, source string, lazy bool, known func(string) bool) (*client, error) {
	if source == "" {
		source = "127.0.0.1"
		if address[0] == '[' {
			source = "::1"
		}
	}
	c := &client{name: name, known: known, more: make(chan struct{}, 1), ended: make(chan struct{})}
	dialer := net.Dialer{Timeout: patience, Control: func(_, _ string, raw syscall.RawConn) error {
		n, err := bindTo(raw, net.ParseIP(source))
		c.local = addressOf(source, n)
		if lazy {
			_ = raw.Control(func(fd uintptr) {
				_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, lazyBuffer)
			})
		}
		return err
	}}
	conn, err := dialer.Dial("tcp", address)
	c.began = time.Now()
	switch {
	case errors.Is(err, syscall.ECONNRESET): // made, and reset right away
		c.conn = new(net.TCPConn)
		c.begins = func() {}
		c.event("reset")
		close(c.ended)
		return c, nil
	case err != nil:
		return nil, err
	}
	c.conn = conn.(*net.TCPConn)
	c.begins = sync.OnceFunc(func() { go c.read() })
	if !lazy {
		c.begins()
	}
	return c, nil
}

// bindTo binds a socket to an address, with a port that is known even if the connection ends too
// soon to be asked.
func bindTo(raw syscall.RawConn, source net.IP) (port string, err error) {
	var to syscall.Sockaddr = &syscall.SockaddrInet6{Addr: [16]byte(source.To16())}
	if four := source.To4(); four != nil {
		to = &syscall.SockaddrInet4{Addr: [4]byte(four)}
	}
	failed := raw.Control(func(fd uintptr) {
		if err = syscall.Bind(int(fd), to); err != nil {
			return
		}
		var name syscall.Sockaddr
		name, err = syscall.Getsockname(int(fd))
		switch name := name.(type) {
		case *syscall.SockaddrInet4:
			port = strconv.Itoa(name.Port)
		case *syscall.SockaddrInet6:
			port = strconv.Itoa(name.Port)
		}
	})
	return port, errors.Join(failed, err)
}

// read turns input into events: one per line, and the end.
func (c *client) read() {
	defer close(c.ended)
	for in := bufio.NewReader(c.conn); ; {
		line, err := in.ReadString('\n')
		if line != "" {
			c.event(c.hear(strings.TrimRight(line, "\r\n")))
		}
		switch {
		case err == nil:
			continue
		case errors.Is(err, io.EOF):
			c.event("closed")
		case errors.Is(err, syscall.ECONNRESET):
			c.event("reset")
		case errors.Is(err, net.ErrClosed): // by the script
		default:
			c.event(err.Error())
		}
		return
	}
}

// long is the length from which a line is represented by its length.
const long = 1000

// hear returns what a line stands for: the server's name, if it greets. TLS records before it are
// left out.
func (c *client) hear(line string) string {
	for len(line) > 5 && strings.HasPrefix(line, "\x16\x03") {
		line = line[min(len(line), 5+int(line[3])<<8|int(line[4])):]
	}
	var s served
	if n, err := fmt.Sscanf(line, "%s %d", &s.server, &s.number); err == nil && n == 2 && c.known(s.server) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.served = s
		return s.server
	}
	if len(line) >= long {
		return fmt.Sprintf("%d bytes", len(line)+1)
	}
	return "text " + line
}

func (c *client) event(what string) {
	c.mu.Lock()
	c.events = append(c.events, outcome{what: what, at: time.Since(c.began)})
	c.mu.Unlock()
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// next returns the next event, for comparison with the expected one.
func (c *client) next(e expectation) outcome {
	c.begins()
	asked := time.Since(c.began)
	late := asked + max(slack, e.within) + patience
	switch {
	case e.what == "nothing":
		late = asked
	case e.after >= 0:
		late = max(late, e.after+slack+patience)
	}
	over := time.After(late - asked)
	for {
		c.mu.Lock()
		if len(c.events) > 0 {
			seen := c.events[0]
			c.events, seen.asked = c.events[1:], asked
			c.mu.Unlock()
			return seen
		}
		c.mu.Unlock()
		select {
		case <-c.more:
		case <-over:
			return outcome{what: "nothing", at: timeless}
		}
	}
}

// send writes in segments of at most a number of bytes (0: in one).
func (c *client) send(p payload) outcome {
	data, segment := slices.Concat(p.data, p.then), p.segment
	sent := data
	if p.header {
		sent = p.then
	}
	c.mu.Lock()
	c.sent = append(c.sent, sent...)
	c.mu.Unlock()
	if segment == 0 {
		segment = len(data)
	}
	for len(data) > 0 {
		n := min(segment, len(data))
		switch _, err := c.conn.Write(data[:n]); {
		case err != nil && p.header: // it may be refused before its end
			return outcome{}
		case err != nil:
			return outcome{what: "cannot send", at: timeless}
		}
		if data = data[n:]; len(data) > 0 {
			time.Sleep(time.Millisecond)
		}
	}
	return outcome{}
}

// fin closes the client's direction.
func (c *client) fin() outcome {
	_ = c.conn.CloseWrite() // it may be closed already, which an expectation shows
	return outcome{}
}

// rst resets the connection.
func (c *client) rst() outcome {
	_ = c.conn.SetLinger(0)
	_ = c.conn.Close()
	return outcome{}
}

// close closes the connection in order, as far as the client decides that.
func (c *client) close() outcome {
	_ = c.fin()
	c.awaitEnd()
	_ = c.conn.Close()
	return outcome{}
}

// awaitEnd waits until the other side has closed, too.
func (c *client) awaitEnd() {
	c.begins()
	select {
	case <-c.ended:
	case <-time.After(patience):
	}
}

// got returns the server's connection, if it greeted, and the bytes that the client sent.
func (c *client) got() (served, []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.served, c.sent
}
