// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"time"
)

const (
	// maxLine is the maximum length of a line, HAProxy's tune.bufsize.
	maxLine = 16 << 10
	// maxPayload is the maximum length of the lines after a command.
	maxPayload = 4 << 20
	// bufferSize is the size of the buffer for answers.
	bufferSize = 16 << 10
)

// client is the connection of a client.
type client struct {
	server     *server
	conn       net.Conn
	in         *bufio.Reader
	out        *bufio.Writer
	timeout    time.Duration
	level      Level
	severities severityOutput
	prompt     bool // interactive
	over       bool // quit was given

	pending    string // what follows a semicolon on the line
	hasPending bool
}

// severityOutput is the form in which messages show their severity.
type severityOutput uint8

const (
	severityNone severityOutput = iota
	severityNumber
	severityString
)

func newClient(s *server, conn net.Conn) *client {
	c := &client{server: s, conn: conn, timeout: s.timeout, level: s.level}
	c.in = bufio.NewReaderSize(c, maxLine)
	c.out = bufio.NewWriterSize(c, bufferSize)
	return c
}

// Read moves the deadline: the timeout is for the next byte, not for a whole line.
func (c *client) Read(p []byte) (int, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.conn.Read(p)
}

// Write moves the deadline for each portion.
func (c *client) Write(p []byte) (n int, err error) {
	const portion = 4 << 10
	for n < len(p) && err == nil {
		var wrote int
		if err = c.conn.SetWriteDeadline(time.Now().Add(c.timeout)); err == nil {
			wrote, err = c.conn.Write(p[n:min(n+portion, len(p))])
		}
		n += wrote
	}
	return n, err
}

// serve answers the client's commands: those of one line, or with prompt all until quit. Lines that
// arrived together count as one line, as in HAProxy.
func (c *client) serve(ctx context.Context) {
	for !c.over {
		line, err := c.readLine()
		if err != nil {
			return
		}
		line, c.pending, c.hasPending = cut(line)
		if err := c.perform(ctx, line); err != nil {
			return
		}
		if !c.prompt && !c.hasPending && c.in.Buffered() == 0 {
			return
		}
	}
}

var errTooLong = errors.New("line too long")

// readLine returns the next line without its end, or the rest of the current one after a semicolon.
// The end of the connection does not end a line.
func (c *client) readLine() (string, error) {
	if c.hasPending {
		c.hasPending = false
		return c.pending, nil
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		if errors.Is(err, bufio.ErrBufferFull) {
			err = errTooLong
		}
		return "", err
	}
	return string(bytes.TrimSuffix(line[:len(line)-1], []byte("\r"))), nil
}

// perform performs a command and sends the answer.
func (c *client) perform(ctx context.Context, line string) (err error) {
	r := &request{ctx: ctx, client: c}
	line, pattern, follows := cutPayload(line)
	if follows {
		if r.payload, err = c.readPayload(pattern); err != nil {
			return err
		}
	}
	r.loaded = follows
	r.answer(split(line))
	switch {
	case c.over:
	case c.prompt:
		r.print("\n> ")
	default:
		r.print("\n")
	}
	return c.out.Flush()
}

// readPayload reads the lines up to an empty one, or up to the pattern.
func (c *client) readPayload(end string) (string, error) {
	var b strings.Builder
	for {
		if c.prompt {
			_, _ = c.out.WriteString("+ ")
			if err := c.out.Flush(); err != nil {
				return "", err
			}
		}
		line, err := c.readLine()
		if err != nil {
			return "", err
		}
		if line == end {
			return strings.TrimSuffix(b.String(), "\n"), nil
		}
		if b.Len()+len(line) >= maxPayload {
			return "", errTooLong
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
}

// answer performs the command with these words.
func (r *request) answer(words []string) {
	c, n := find(words)
	if c == nil {
		r.print(unknown(words))
		return
	}
	r.args = words[n:]
	err := r.may(c.level)
	if err == nil {
		err = c.run(r)
	}
	switch err := err.(type) { //nolint:errorlint // commands do not wrap it
	case nil:
	case bare:
		r.print(string(err))
	default:
		r.say(severityError, err.Error())
	}
}

// message is the text of an error in HAProxy's words.
type message string

func (m message) Error() string { return string(m) }

// bare is the text of an error that HAProxy writes without a newline.
type bare string

func (b bare) Error() string { return string(b) }
