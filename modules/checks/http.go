// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(HTTP))
}

const (
	maxHead = 64 << 10 // bytes of status line and headers
	maxBody = 1 << 20  // bytes of the body that are examined
	maxInfo = 5        // heads read, informational (1xx) ones included
)

// HTTP sends one HTTP/1.1 request and checks the response. It is HAProxy's option httpchk and
// http-check, with one request. It does not follow redirects.
type HTTP struct {
	// Method is the request's method. Default: GET.
	Method string `json:"method,omitempty"`

	// Path is the path of the request, with its query. Default: /.
	Path string `json:"path,omitempty"`

	// Host is the Host header. Default: tls.server_name, or else the address that the check connects
	// to.
	Host string `json:"host,omitempty"`

	// Headers are further headers of the request.
	Headers map[string]string `json:"headers,omitempty"`

	// Body is the body of the request.
	Body string `json:"body,omitempty"`

	// TLS makes the check use HTTPS. It offers http/1.1 by ALPN; the server need not choose it.
	TLS *TLS `json:"tls,omitempty"`

	Expectation

	url *url.URL
}

// CaddyModule returns the Caddy module information.
func (*HTTP) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.checks.http",
		New: func() caddy.Module { return new(HTTP) },
	}
}

// Provision validates the options, compiles patterns and reads the file of trusted certificates.
func (c *HTTP) Provision(caddy.Context) (err error) {
	c.Method, c.Path = cmp.Or(c.Method, http.MethodGet), cmp.Or(c.Path, "/")
	if c.url, err = url.ParseRequestURI(c.Path); err != nil || !strings.HasPrefix(c.Path, "/") && c.Path != "*" {
		return fmt.Errorf("path %q: expected a path that begins with /, with spaces escaped as %%20", c.Path)
	}
	if !isToken(c.Method) {
		return fmt.Errorf("method %q: expected an HTTP method, such as GET", c.Method)
	}
	if strings.ContainsFunc(c.Host, func(r rune) bool { return r <= ' ' || r == '/' }) {
		return fmt.Errorf("host %q: expected HOST or HOST:PORT", c.Host)
	}
	if err := c.validateHeaders(); err != nil {
		return err
	}
	if c.Method == http.MethodHead && c.needsBody() {
		return errors.New("method HEAD: the response has no body: expected GET")
	}
	if err := c.Expectation.provision(); err != nil {
		return err
	}
	return c.provisionTLS()
}

// validateHeaders returns an error for a header that cannot be sent.
func (c *HTTP) validateHeaders() error {
	for name, value := range c.Headers {
		if !isToken(name) || strings.ContainsAny(value, "\r\n\x00") {
			return fmt.Errorf("invalid header %q: %q", name, value)
		}
		switch http.CanonicalHeaderKey(name) {
		case "Host":
			return errors.New("header Host: expected the option host")
		case "Connection", "Content-Length", "Transfer-Encoding":
			return fmt.Errorf("header %s: set by the check", name)
		}
	}
	return nil
}

func (c *HTTP) provisionTLS() error {
	if c.TLS == nil {
		return nil
	}
	if err := c.TLS.provisionHTTP(); err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	return nil
}

// provisionHTTP provisions the options for connections that carry HTTP.
func (o *TLS) provisionHTTP() error {
	for _, p := range o.ALPN {
		if p != "http/1.1" && p != "http/1.0" {
			return fmt.Errorf("alpn: %q: expected http/1.1, the protocol of the check", p)
		}
	}
	if len(o.ALPN) == 0 {
		o.ALPN, o.ALPNOptional = []string{"http/1.1"}, true
	}
	return o.provision()
}

// Check returns L7OK; L7STS for a response that is not the expected one, L7RSP for one that is not
// HTTP, L7TOUT; or what a connect or a handshake can result in. Info has the status.
func (c *HTTP) Check(ctx context.Context, t pool.Target) pool.Result {
	l, bad := openConn(ctx, t, time.Now())
	if bad != nil {
		return bad.Result
	}
	if c.TLS != nil {
		bad = c.TLS.handshake(l, t)
	}
	var r pool.Result
	if bad == nil {
		r, bad = c.exchange(l, t)
	}
	if bad != nil {
		l.abort()
		return bad.Result
	}
	l.close()
	r.Warning = l.warning
	return r
}

// exchange sends the request and judges the response.
func (c *HTTP) exchange(l *checkConn, t pool.Target) (pool.Result, *failure) {
	request := c.request(t)
	var text bytes.Buffer
	if err := request.Write(&text); err != nil {
		return pool.Result{}, layer7.failf("writing the request: %v", err)
	}
	if _, err := text.WriteTo(l); err != nil {
		return pool.Result{}, layer7.classify(l.ctx, err)
	}
	limit := &io.LimitedReader{R: l, N: maxHead}
	answer := bufio.NewReader(limit)
	response, bad := readResponse(l, answer, request)
	if bad != nil {
		return pool.Result{}, bad
	}
	defer response.Body.Close()
	limit.N = math.MaxInt64
	var body []byte
	if c.needsBody() {
		var err error
		if body, err = io.ReadAll(io.LimitReader(response.Body, maxBody)); err != nil {
			return pool.Result{}, layer7.classify(l.ctx, err)
		}
	}
	status := printable(response.Status)
	if wrong := c.mismatch(response.StatusCode, body); wrong != "" {
		return pool.Result{Code: pool.Layer7Status, Info: status + ": " + wrong}, nil
	}
	return pool.Result{Code: pool.Layer7OK, Info: status}, nil
}

// request builds the request anew for each check: its body can be read only once.
func (c *HTTP) request(t pool.Target) *http.Request {
	host := c.Host
	if host == "" && c.TLS != nil {
		host = c.TLS.ServerName
	}
	if host == "" && t.Network == "unix" {
		host = "localhost"
	}
	r := &http.Request{
		Method: c.Method, URL: c.url, Host: cmp.Or(host, t.Address), Close: true,
		ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"User-Agent": {"caddy-passthrough"}},
	}
	for name, value := range c.Headers {
		r.Header.Set(name, value)
	}
	if c.Body != "" {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(c.Body)), int64(len(c.Body))
	}
	return r
}

// readResponse reads the head of the final response and skips informational ones.
func readResponse(l *checkConn, answer *bufio.Reader, request *http.Request) (*http.Response, *failure) {
	for range maxInfo {
		if _, err := answer.Peek(1); errors.Is(err, io.EOF) {
			return nil, layer7.failf("closed without an answer")
		} else if err != nil {
			return nil, layer7.classify(l.ctx, err)
		}
		begin, _ := answer.Peek(min(answer.Buffered(), maxQuoted+1))
		seen := quoted(begin)
		response, err := http.ReadResponse(answer, request)
		var broken *failure
		switch {
		case err == nil && (response.StatusCode >= http.StatusOK || response.StatusCode == http.StatusSwitchingProtocols):
			return response, nil
		case err == nil:
			continue
		default:
			broken = layer7.classify(l.ctx, err)
		}
		if broken.Code == pool.Layer7Response {
			broken.Info = "not HTTP: got " + seen
		}
		return nil, broken
	}
	return nil, layer7.failf("more than %d informational answers", maxInfo-1)
}

// isToken reports whether s is a token (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// CheckOptions returns the options of the checker's block. Syntax:
//
//	check http {
//		method <method>
//		path <path>
//		host <host>
//		header <name> <value>
//		body <text>
//		tls {
//			<options of checker tls>
//		}
//		status <code|low-high|Nxx…>
//		status_not <code|low-high|Nxx…>
//		status_matches <regexp>
//		body_contains|body_not_contains <text>
//		body_matches|body_not_matches <regexp>
//	}
func (c *HTTP) CheckOptions() options.Table {
	table := c.Expectation.options()
	table["method"] = options.Text(&c.Method)
	table["path"] = options.Text(&c.Path)
	table["host"] = options.Text(&c.Host)
	table["header"] = options.Repeatable(c.parseHeader)
	table["body"] = options.Text(&c.Body)
	table["tls"] = tlsOption(&c.TLS)
	return table
}

func (c *HTTP) parseHeader(d *caddyfile.Dispenser) error {
	var name, value string
	if !d.Args(&name, &value) {
		return d.Err("expected header NAME VALUE")
	}
	for other := range c.Headers {
		if strings.EqualFold(name, other) {
			return d.Errf("header %s is given twice", name)
		}
	}
	if c.Headers == nil {
		c.Headers = make(map[string]string)
	}
	c.Headers[name] = value
	return nil
}

// Interface guards
var (
	_ caddy.Module      = (*HTTP)(nil)
	_ caddy.Provisioner = (*HTTP)(nil)
	_ pool.Checker      = (*HTTP)(nil)
)
