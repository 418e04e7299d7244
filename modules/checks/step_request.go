// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Request is an HTTP request of an http_script. It is sent as given: no Host header is added, and
// no other header but "Connection: close" and, with a body, Content-Length. It is HAProxy's
// http-check send.
type Request struct {
	// Method is the request's method. Default: GET.
	Method string `json:"method,omitempty"`

	// URI is the request's target. Default: /.
	URI string `json:"uri,omitempty"`

	// URIFormat is a format to use instead of URI. If the result is empty, the target is /.
	URIFormat string `json:"uri_format,omitempty"`

	// Version is the HTTP version: HTTP/1.0 or HTTP/1.1. Default: HTTP/1.0, which needs no Host
	// header.
	Version string `json:"version,omitempty"`

	// Headers are sent in this order.
	Headers []Header `json:"headers,omitempty"`

	// Body is the body of the request.
	Body string `json:"body,omitempty"`

	// BodyFormat is a format to use instead of Body.
	BodyFormat string `json:"body_format,omitempty"`

	uri, body *sample.Format
}

// Header is a header of a request.
type Header struct {
	Name string `json:"name"`

	// Value is a format. A header with an empty value is not sent.
	Value string `json:"value"`

	value *sample.Format
}

const (
	http10 = "HTTP/1.0"
	http11 = "HTTP/1.1"
)

func (q *Request) provision() (err error) {
	q.Method = cmp.Or(q.Method, "GET")
	if err := q.validate(); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	for i := range q.Headers {
		if err := q.Headers[i].provision(); err != nil {
			return fmt.Errorf("request: %w", err)
		}
	}
	if q.uri, err = compileFormat("request: uri_format", q.URIFormat); err != nil {
		return err
	}
	q.body, err = compileFormat("request: body_format", q.BodyFormat)
	return err
}

// validate returns an error for options that are invalid or exclude each other.
func (q *Request) validate() error {
	switch {
	case strings.ContainsFunc(q.Method, isControl):
		return fmt.Errorf("method %q: expected an HTTP method, such as GET", q.Method)
	case strings.ContainsFunc(q.URI, isControl):
		return fmt.Errorf("uri %q: expected a URI without control characters", q.URI)
	case strings.ContainsFunc(q.Version, isControl):
		return fmt.Errorf("version %q: expected HTTP/1.0 or HTTP/1.1", q.Version)
	case q.URI != "" && q.URIFormat != "":
		return errors.New("uri and uri_format are mutually exclusive")
	case q.Body != "" && q.BodyFormat != "":
		return errors.New("body and body_format are mutually exclusive")
	}
	return nil
}

func (h *Header) provision() (err error) {
	switch {
	case !isToken(h.Name):
		return fmt.Errorf("header %q: expected the name of a header", h.Name)
	case strings.EqualFold(h.Name, "Content-Length") || strings.EqualFold(h.Name, "Transfer-Encoding"):
		return fmt.Errorf("header %s: set by the check", h.Name)
	}
	h.value, err = compileFormat("header "+h.Name, h.Value)
	return err
}

// isControl reports whether a character is a control character, such as a line end.
func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// oneLine removes from a value the characters that would end its header line. The value may come
// from the server.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if isControl(r) && r != '\t' {
			return -1
		}
		return r
	}, s)
}

// bodilessMethods are the methods whose requests get no Content-Length unless a body is given.
var bodilessMethods = []string{"GET", "HEAD", "OPTIONS", "DELETE", "TRACE", "CONNECT"}

// encode returns the request as sent. state is the value of X-Haproxy-Server-State; if empty, the
// header is left out.
func (q *Request) encode(in *sample.Input, state string) []byte {
	uri, body := q.URI, []byte(q.Body)
	if q.uri != nil {
		uri = oneLine(q.uri.String(in))
	}
	if q.body != nil {
		body = []byte(q.body.String(in))
	}
	version := cmp.Or(q.Version, http10)
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s %s\r\n", q.Method, cmp.Or(uri, "/"), version)
	hasConnection := q.writeHeaders(&b, in)
	if state != "" {
		fmt.Fprintf(&b, "X-Haproxy-Server-State: %s\r\n", state)
	}
	if !hasConnection && version == http11 {
		b.WriteString("Connection: close\r\n")
	}
	if len(body) > 0 || !slices.Contains(bodilessMethods, q.Method) {
		b.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// writeHeaders writes the headers that have a value. It reports whether Connection is one of them.
func (q *Request) writeHeaders(b *bytes.Buffer, in *sample.Input) (hasConnection bool) {
	for _, h := range q.Headers {
		if h.value == nil {
			continue
		}
		if value := oneLine(h.value.String(in)); value != "" {
			fmt.Fprintf(b, "%s: %s\r\n", h.Name, value)
			hasConnection = hasConnection || strings.EqualFold(h.Name, "Connection")
		}
	}
	return hasConnection
}

var hostname = sync.OnceValue(func() string {
	name, _ := os.Hostname() // empty on error
	return name
})

// serverState returns the state of the checked server in the format of HAProxy's header.
func serverState(t *pool.Target) string {
	if t.Subject == nil || t.Subject.Snapshot == nil {
		return ""
	}
	now := t.Subject.Snapshot()
	state, whole := "UP", now.Counter == now.Of
	switch {
	case now.Down:
		state, whole = "DOWN", now.Counter == 0
	case now.Draining:
		state = "NOLB"
	}
	if !whole {
		state += fmt.Sprintf(" %d/%d", now.Counter, now.Of)
	}
	address := ""
	if host, port, err := net.SplitHostPort(t.Address); err == nil && t.Network != "unix" {
		address = fmt.Sprintf(" address=%s; port=%s;", host, port)
	}
	return fmt.Sprintf("%s;%s name=%s/%s; node=%s; weight=%d/%d; scur=%d/%d; qcur=%d", state, address,
		t.Subject.Backend, t.Subject.Server, hostname(), now.Weight, now.TotalWeight, now.Sessions, now.TotalSessions, now.Queued)
}

// String returns the request as messages name it.
func (q *Request) String() string {
	return fmt.Sprintf("request %s %s", printable(q.Method), printable(cmp.Or(q.URIFormat, q.URI, "/")))
}

// parseRequest parses METHOD URI and a block.
func (s *Step) parseRequest(d *caddyfile.Dispenser) (err error) {
	s.Request = new(Request)
	return s.Request.parse(d, &s.Comment)
}

func (q *Request) parse(d *caddyfile.Dispenser, comment *string) (err error) {
	if q.Method, err = options.Arg(d); err != nil {
		return err
	}
	if q.URI, err = options.Arg(d); err != nil {
		return err
	}
	table := options.Table{
		"uri_format": options.Once(func(d *caddyfile.Dispenser) (err error) {
			q.URI = ""
			q.URIFormat, err = options.Arg(d)
			return err
		}),
		"version":     options.OneOf(&q.Version, []string{http10, http11}),
		"header":      options.Repeatable(q.parseHeader),
		"body":        options.Text(&q.Body),
		"body_format": options.Text(&q.BodyFormat),
	}
	if comment != nil {
		table["comment"] = options.Text(comment)
	}
	return table.ParseLine(d)
}

func (q *Request) parseHeader(d *caddyfile.Dispenser) error {
	var h Header
	if !d.Args(&h.Name, &h.Value) {
		return d.Err("expected header NAME VALUE")
	}
	q.Headers = append(q.Headers, h)
	return nil
}
