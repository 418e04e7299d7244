// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/httpbackend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/httprules"
)

// httpRuleLists are the rules of a section in mode http.
type httpRuleLists struct {
	request   []*httprules.Rule
	redirects []*httprules.Rule // of the keyword redirect; they run after http-request
	response  []*httprules.Rule
	after     []*httprules.Rule
}

// of returns the list of rules for a direction.
func (l *httpRuleLists) of(d direction) *[]*httprules.Rule {
	switch d {
	case ofRequest:
		return &l.request
	case ofResponse:
		return &l.response
	default:
		return &l.after
	}
}

// httpOptions are the options of a section in mode http that it inherits.
type httpOptions struct {
	errors                        map[int]*httprules.Reply
	forwardFor                    *httpbackend.ForwardedFor
	originalTo                    *httpbackend.ForwardedFor
	serverHeader                  string
	closeServer                   bool
	closeClient                   bool
	httpRequest, keepIdle, tarpit *time.Duration
}

// fetchName returns the name at the start of an expression.
func fetchName(expression string) string {
	return strings.TrimRight(expression[:len(expression)-len(strings.TrimLeft(expression, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"))], ".")
}

// isHTTPResponse reports whether a fetch is about an HTTP response, which only has a value in mode
// http.
func isHTTPResponse(expression string) bool {
	base, _, _ := strings.Cut(fetchName(expression), "_")
	return slices.Contains([]string{"status", "shdr", "scook", "res.hdr", "res.hdrs", "res.fhdr", "res.cook", "res.ver", "resp"}, base)
}
