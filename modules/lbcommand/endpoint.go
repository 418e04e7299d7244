// SPDX-License-Identifier: Apache-2.0

package lbcommand

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
)

// endpoint is the admin endpoint of a process.
type endpoint struct {
	address, config, adapter string // flags

	client *http.Client // nil before the first request
	origin string
}

// answerTimeout limits a request.
const answerTimeout = 30 * time.Second

// connect finds the address, and makes the client. It makes no connection.
func (e *endpoint) connect() error {
	if e.client != nil {
		return nil
	}
	address, err := caddycmd.DetermineAdminAPIAddress(e.address, nil, e.config, e.adapter)
	if err != nil {
		return fmt.Errorf("finding the admin endpoint: %w", err)
	}
	parsed, err := caddy.ParseNetworkAddress(address)
	if err != nil || parsed.PortRangeSize() > 1 || !parsed.IsUnixNetwork() && parsed.StartPort == 0 {
		return usage("admin endpoint %q: expected HOST:PORT or unix//PATH", address)
	}
	e.address, e.origin = address, "http://"+parsed.JoinHostPort(0)
	if parsed.IsUnixNetwork() {
		parsed.Host, _, _ = strings.Cut(parsed.Host, "|") // the permissions
		e.origin = "http://127.0.0.1"
	}
	e.client = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, parsed.Network, parsed.JoinHostPort(0))
		},
	}}
	return nil
}

// open sends a request and returns the body of the answer. The body of the request is JSON; nil:
// none.
func (e *endpoint) open(ctx context.Context, method, path string, body any, headers http.Header) (io.ReadCloser, error) {
	if err := e.connect(); err != nil {
		return nil, err
	}
	text, ok := body.([]byte)
	if !ok && body != nil {
		text, _ = json.Marshal(body) // of strings and numbers
	}
	request, err := http.NewRequestWithContext(ctx, method, e.origin+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	if headers != nil {
		request.Header = headers
	}
	request.Header.Set("Origin", e.origin)
	if text != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := e.client.Do(request)
	if err != nil {
		return nil, e.unreachable(err)
	}
	if answer.StatusCode < http.StatusBadRequest {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	return nil, e.refusal(answer)
}

// unreachable says how to reach the endpoint.
func (e *endpoint) unreachable(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return fmt.Errorf("cannot reach the admin endpoint at %s: %w\n"+
		"Is caddy running? Give the address of its admin endpoint by --address HOST:PORT or --address unix//PATH, or its configuration by --config FILE", e.address, err)
}

// refusal returns the error in an answer.
func (e *endpoint) refusal(answer *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	var says struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(text, &says) != nil || says.Error == "" {
		says.Error = fmt.Sprintf("the admin endpoint at %s answers %s to %s: does the process have this module?", e.address, answer.Status, answer.Request.URL.Path)
	}
	switch answer.StatusCode {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict:
		return usage("%s", says.Error)
	}
	return errors.New(says.Error)
}

// ask sends a request and returns the answer.
func (e *endpoint) ask(ctx context.Context, method, path string, body any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	answer, err := e.open(ctx, method, path, body, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	text, err := io.ReadAll(answer)
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", e.address, err)
	}
	return text, nil
}

// get requests a path below /passthrough/ and decodes the answer.
func get[T any](ctx context.Context, e *endpoint, path string) (v T, err error) {
	text, err := e.ask(ctx, http.MethodGet, "/passthrough/"+path, nil)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return v, fmt.Errorf("reading the answer of %s: %w", e.address, err)
	}
	return v, nil
}

// show prints the answer of a path below /passthrough/: as JSON, or by a function.
func show[T any](ctx context.Context, c *commands, path string, write func(T) error) error {
	text, err := c.endpoint.ask(ctx, http.MethodGet, "/passthrough/"+path, nil)
	if err != nil {
		return err
	}
	if c.json {
		_, err := c.out.Write(text)
		return err
	}
	var v T
	if err := json.Unmarshal(text, &v); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", c.endpoint.address, err)
	}
	return write(v)
}

// serverPath returns the path of BACKEND/SERVER.
func serverPath(argument string) (string, error) {
	backend, server, ok := strings.Cut(argument, "/")
	if !ok || backend == "" || server == "" {
		return "", usage("server %q: expected BACKEND/SERVER", argument)
	}
	return "backends/" + url.PathEscape(backend) + "/servers/" + url.PathEscape(server), nil
}
