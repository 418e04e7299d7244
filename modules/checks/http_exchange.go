// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

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
