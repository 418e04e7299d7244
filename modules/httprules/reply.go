// SPDX-License-Identifier: Apache-2.0

package httprules

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Header is a header line of a reply.
type Header struct {
	Name string `json:"name"`
	// Value is a log format.
	Value string `json:"value"`

	format *sample.Format
}

// Reply is a response of the proxy itself.
type Reply struct {
	// Status is the status. Default: that of the rule or error.
	Status int `json:"status,omitempty"`

	// Plain says that the reply has content of its own, even if empty: without it, deny replies as an
	// error does.
	Plain bool `json:"plain,omitempty"`

	// Headers are added to the response.
	Headers []*Header `json:"headers,omitempty"`

	// ContentType is the Content-Type.
	ContentType string `json:"content_type,omitempty"`

	// Body is the body, or File a file with it, read when the configuration is loaded; Formatted makes
	// it a log format.
	Body      string `json:"body,omitempty"`
	File      string `json:"file,omitempty"`
	Formatted bool   `json:"formatted,omitempty"`

	// ErrorFile is a file with a whole response, including headers, read when the configuration is
	// loaded. An empty file closes the connection. It is HAProxy's errorfile.
	ErrorFile string `json:"error_file,omitempty"`

	// Location makes it a redirect.
	Location string `json:"location,omitempty"`

	body   []byte
	format *sample.Format
	fixed  *answer // of ErrorFile
}

// answer is a response of the proxy itself, ready to be sent, or the handler that sends it.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	service caddyhttp.MiddlewareHandler // nil: none
}

func (p *Reply) provision(loader *sample.Loader) (err error) {
	if p == nil {
		return nil
	}
	for _, h := range p.Headers {
		if h.format, err = loader.Format(h.Value); err != nil {
			return fmt.Errorf("header %q: %w", h.Name, err)
		}
	}
	if p.ErrorFile != "" {
		p.fixed, err = readErrorFile(p.ErrorFile)
		return err
	}
	p.body = []byte(p.Body)
	if p.File != "" {
		if p.body, err = os.ReadFile(p.File); err != nil {
			return err
		}
	}
	if p.Formatted {
		p.format, err = loader.Format(string(p.body))
	}
	return err
}

// ValidateErrorFile returns an error if the file is not a whole response.
func ValidateErrorFile(name string) error {
	_, err := readErrorFile(name)
	return err
}

func readErrorFile(name string) (*answer, error) {
	text, err := os.ReadFile(name) //nolint:gosec // the configuration names it
	if err != nil {
		return nil, err
	}
	if len(text) == 0 {
		return &answer{}, nil
	}
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
	if err != nil {
		return nil, fmt.Errorf("%s: expected a response with status line and headers: %w", name, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	header := response.Header
	for _, hop := range []string{"Connection", "Content-Length", "Transfer-Encoding"} {
		header.Del(hop)
	}
	return &answer{status: response.StatusCode, header: header, body: body}, nil
}

// answer returns the response to a request, or nil to close the connection.
func (p *Reply) answer(in *sample.Input, status int) *answer {
	if p.fixed != nil {
		if p.fixed.status == 0 {
			return nil
		}
		return p.fixed
	}
	status = cmp.Or(p.Status, status)
	a := &answer{status: status, header: make(http.Header), body: p.body}
	for _, h := range p.Headers {
		a.header.Add(h.Name, h.format.String(in))
	}
	if p.format != nil {
		a.body = []byte(p.format.String(in))
	}
	switch {
	case p.ContentType != "":
		a.header.Set("Content-Type", p.ContentType)
	case len(a.body) == 0:
		a.header["Content-Type"] = nil // net/http would guess
	}
	if p.Location != "" {
		a.header.Set("Location", p.Location)
	}
	if status != http.StatusNoContent && status != http.StatusNotModified {
		a.header.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	return a
}

// defaultReply returns the reply to a request that cannot be served.
func defaultReply(status int) *Reply {
	title := html.EscapeString(strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status)))
	p := &Reply{ContentType: "text/html", Body: "<html><head><title>" + title + "</title></head><body><h1>" + title + "</h1></body></html>\n", Headers: []*Header{{Name: "Cache-Control", Value: "no-cache"}}}
	_ = p.provision(new(sample.Loader)) // constant: no error
	return p
}

// replace replaces a server's response.
func (a *answer) replace(r *http.Response) {
	_ = r.Body.Close()
	r.StatusCode, r.Status = a.status, http.StatusText(a.status)
	clear(r.Header)
	maps.Copy(r.Header, a.header)
	r.Trailer = nil
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(a.body)), int64(len(a.body))
}
