// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/httpbackend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/httprules"
)

// httpRuleLists is what a section of mode http does itself.
type httpRuleLists struct {
	request   []*httprules.Rule
	redirects []*httprules.Rule // the keyword redirect: they come after http-request
	response  []*httprules.Rule
	after     []*httprules.Rule
}

// httpOptions are what a section of mode http has from its defaults.
type httpOptions struct {
	errors                        map[int]*httprules.Reply
	forwardFor                    *httpbackend.ForwardedFor
	originalTo                    *httpbackend.ForwardedFor
	serverHeader                  string
	closeServer                   bool
	closeClient                   bool
	logged                        bool // a log target
	httpRequest, keepIdle, tarpit *time.Duration
}

// fetchName is the name at the beginning of an expression.
func fetchName(expression string) string {
	return strings.TrimRight(expression[:len(expression)-len(strings.TrimLeft(expression, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"))], ".")
}

// isHTTPResponse tells whether a fetch is about an HTTP response, which has a value
// in mode http only.
func isHTTPResponse(expression string) bool {
	base, _, _ := strings.Cut(fetchName(expression), "_")
	return slices.Contains([]string{"status", "shdr", "scook", "res.hdr", "res.hdrs", "res.fhdr", "res.cook", "res.ver", "resp"}, base)
}
