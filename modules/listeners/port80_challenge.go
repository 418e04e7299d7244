// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
)

const (
	// challengeTimeout bounds a request as a whole. ACME servers wait about as long.
	challengeTimeout = 10 * time.Second
	// challengeConnect bounds each connect, so that there is time for the next server.
	challengeConnect = 2 * time.Second
	// challengeAnswer bounds the wait for the header of a response.
	challengeAnswer = 3 * time.Second
	// maxChallengeServers is the maximum number of servers that one request is sent to.
	maxChallengeServers = 8
)

// challengePath is the prefix of RFC 8555, section 8.3.
const challengePath = "/.well-known/acme-challenge/"

// isChallenge reports whether a request is one of an ACME server: GET or HEAD of one path segment
// below the prefix, without characters that a server could take for a separator or an escape. The
// token itself has only letters, digits, - and _; the others allow a test with a file.
func isChallenge(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.URL.EscapedPath(), challengePath)
	return ok && (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		token != "" && token != "." && token != ".." && !strings.ContainsFunc(token, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-_.~", c)
	})
}

// newChallengeProxy returns the proxy of challenges.
func newChallengeProxy() *reverseproxy.Handler {
	return &reverseproxy.Handler{DynamicUpstreams: firstServer{}, Transport: challengeTransport{&http.Transport{
		DialContext:            dialChallenge,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		ResponseHeaderTimeout:  challengeAnswer,
		MaxResponseHeaderBytes: 16 << 10,
	}}}
}

// errLoop is the error of a request that this process has forwarded before.
var errLoop = errors.New("the request has been forwarded by this process already: acme_to or the backend leads back here")

// loopID names this process in CDN-Loop headers (RFC 8586), so that a request that comes back is
// not forwarded again.
var loopID = "passthrough-" + strings.ToLower(rand.Text())

// forward sends a challenge to the first of the servers that answers 200. The Host stays as it is;
// a body and an upgrade are removed. The transport removes the query.
func (p *Port80) forward(w http.ResponseWriter, r *http.Request, to []*balancer.Destination) error {
	for _, value := range r.Header.Values("CDN-Loop") {
		if strings.Contains(value, loopID) {
			return caddyhttp.Error(http.StatusLoopDetected, errLoop)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), challengeKey{}, to), challengeTimeout)
	defer cancel()
	out := r.WithContext(ctx)
	out.Body, out.ContentLength, out.TransferEncoding, out.Trailer = http.NoBody, 0, nil, nil
	out.Header = r.Header.Clone()
	for _, name := range []string{"Connection", "Upgrade", "Expect", "Te", "Trailer", "Content-Length", "Transfer-Encoding"} {
		out.Header.Del(name)
	}
	out.Header.Add("CDN-Loop", loopID)
	return p.proxy.ServeHTTP(w, out, nil)
}

// challengeKey is the key of the servers in a context, and attemptKey that of the one that is
// tried.
type (
	challengeKey struct{}
	attemptKey   struct{}
)

// serversOf returns the servers that a challenge is for, at least one.
func serversOf(r *http.Request) []*balancer.Destination {
	return r.Context().Value(challengeKey{}).([]*balancer.Destination)
}

// firstServer gives the proxy one upstream to log: challengeTransport chooses the server.
type firstServer struct{}

// GetUpstreams implements reverseproxy.UpstreamSource.
func (firstServer) GetUpstreams(r *http.Request) ([]*reverseproxy.Upstream, error) {
	return []*reverseproxy.Upstream{{Dial: serversOf(r)[0].Address}}, nil
}

// challengeTransport sends a request to one server after another until one answers 200: only that
// one has asked the ACME server for the challenge. Without one, it returns the first response that
// there was.
type challengeTransport struct{ *http.Transport }

// RoundTrip implements http.RoundTripper.
func (t challengeTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	var first *http.Response
	var failed error
	for _, d := range serversOf(r) {
		out := r.WithContext(context.WithValue(r.Context(), attemptKey{}, d))
		out.URL = &url.URL{Scheme: "http", Host: "server", Path: r.URL.Path}
		response, err := t.Transport.RoundTrip(out)
		switch {
		case err != nil:
			failed = cmp.Or(failed, fmt.Errorf("asking %s: %w", d.Address, err))
		case response.StatusCode == http.StatusOK:
			closeBody(first)
			return response, nil
		case first == nil:
			first = response
		default:
			closeBody(response)
		}
	}
	if first != nil {
		return first, nil
	}
	return nil, failed
}

func closeBody(r *http.Response) {
	if r != nil {
		_ = r.Body.Close()
	}
}

func dialChallenge(ctx context.Context, _, _ string) (net.Conn, error) {
	return ctx.Value(attemptKey{}).(*balancer.Destination).Connect(ctx)
}

// Interface guards
var (
	_ reverseproxy.UpstreamSource = firstServer{}
	_ http.RoundTripper           = challengeTransport{}
)
