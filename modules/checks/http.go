// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
func (c *HTTP) Provision(caddy.Context) error {
	c.Method, c.Path = cmp.Or(c.Method, http.MethodGet), cmp.Or(c.Path, "/")
	if err := c.parseRequest(); err != nil {
		return err
	}
	if err := c.Expectation.provision(); err != nil {
		return err
	}
	return provisionHTTPS(c.TLS)
}

// parseRequest validates the options of the request, and parses its path.
func (c *HTTP) parseRequest() (err error) {
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
	return nil
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
