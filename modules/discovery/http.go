// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

func init() {
	caddy.RegisterModule(new(HTTP))
}

// HTTP asks for the servers by HTTP at regular intervals. The answer is as in a file, see the
// module file. An answer with another status than 200, 204 (no servers) or 304 changes nothing.
type HTTP struct {
	// URL is the address to ask at. Required.
	URL string `json:"url"`

	// Header are further fields of the request. Their values may have placeholders of the process,
	// such as {env.TOKEN}.
	Header http.Header `json:"header,omitempty"`

	// Interval is the time from one request to the next. Default: 10s.
	Interval caddy.Duration `json:"interval,omitempty"`

	// Timeout limits a request. Default: 5s.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	header http.Header // with placeholders replaced
	etag   string      // of the last answer
}

// Defaults of HTTP.
const (
	defaultInterval = 10 * time.Second
	defaultTimeout  = 5 * time.Second
)

// CaddyModule returns the Caddy module information.
func (*HTTP) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: Namespace + ".http", New: func() caddy.Module { return new(HTTP) }}
}

// Provision sets up the module.
func (h *HTTP) Provision(caddy.Context) error {
	if err := h.validate(); err != nil {
		return err
	}
	repl := caddy.NewReplacer()
	h.header = make(http.Header)
	for name, values := range h.Header {
		for _, v := range values {
			h.header.Add(name, repl.ReplaceAll(v, ""))
		}
	}
	return nil
}

func (h *HTTP) validate() error {
	u, err := url.Parse(h.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("url %q: expected one such as https://registry.example.com/servers", h.URL)
	}
	return cmp.Or(
		options.ValidateDuration("interval", h.Interval),
		options.ValidateDuration("timeout", h.Timeout),
	)
}

// Watch implements Source.
func (h *HTTP) Watch(ctx context.Context, set func([]Endpoint)) error {
	h.etag = "" // the servers are needed again
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: cmp.Or(time.Duration(h.Timeout), defaultTimeout)}
	for {
		all, changed, err := h.ask(ctx, client)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case changed:
			set(all)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(cmp.Or(time.Duration(h.Interval), defaultInterval)):
		}
	}
}

// ask asks once. changed is false if the servers are those of the last answer.
func (h *HTTP) ask(ctx context.Context, client *http.Client) (all []Endpoint, changed bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL, nil)
	if err != nil {
		return nil, false, err
	}
	req.Header = h.header.Clone()
	if h.etag != "" {
		req.Header.Set("If-None-Match", h.etag)
	}
	answer, err := client.Do(req)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxSize+1))
	switch {
	case err != nil:
		return nil, false, err
	case answer.StatusCode == http.StatusNotModified && h.etag != "":
		return nil, false, nil
	case answer.StatusCode == http.StatusNoContent:
		data = []byte("[]")
	case answer.StatusCode != http.StatusOK:
		return nil, false, errors.New("the answer is " + answer.Status)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, false, errors.New("the answer is empty: expected [] if there are no servers")
	}
	if all, err = parseList(data); err != nil {
		return nil, false, fmt.Errorf("the answer: %w", err)
	}
	h.etag = answer.Header.Get("ETag")
	return all, true, nil
}

// String returns the address, for logs.
func (h *HTTP) String() string {
	u, err := url.Parse(h.URL)
	if err != nil {
		return "http"
	}
	return u.Redacted()
}

// UnmarshalCaddyfile parses the module. Syntax:
//
//	http <url> {
//		header <name> <value>
//		interval <duration>
//		timeout <duration>
//	}
func (h *HTTP) UnmarshalCaddyfile(d *caddyfile.Dispenser) (err error) {
	d.Next()
	if h.URL, err = options.Arg(d); err != nil {
		return err
	}
	table := options.Table{
		"header":   options.Repeatable(h.parseHeader),
		"interval": options.Duration(&h.Interval),
		"timeout":  options.Duration(&h.Timeout),
	}
	return cmp.Or(table.ParseBlock(d), options.Wrap(d, h.validate()))
}

func (h *HTTP) parseHeader(d *caddyfile.Dispenser) error {
	var name, value string
	if !d.Args(&name, &value) {
		return d.Errf("header: expected a name and a value")
	}
	if h.Header == nil {
		h.Header = make(http.Header)
	}
	h.Header.Add(name, value)
	return nil
}

// Interface guards
var (
	_ Source                = (*HTTP)(nil)
	_ caddy.Provisioner     = (*HTTP)(nil)
	_ caddyfile.Unmarshaler = (*HTTP)(nil)
)
