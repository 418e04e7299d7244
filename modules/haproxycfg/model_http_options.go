// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"net/netip"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/httpbackend"
)

// forwardedOption makes an option that adds an address to requests: "option forwardfor [except
// NETWORK] [header NAME] [if-none]".
func forwardedOption(field func(*httpOptions) **httpbackend.ForwardedFor) func(*translation, *proxy, statement) {
	return func(t *translation, p *proxy, s statement) {
		if s.not {
			*field(&p.httpOptions) = nil
			return
		}
		f := new(httpbackend.ForwardedFor)
		for words := s.args; len(words) > 0; {
			switch word := words[0]; {
			case word == "if-none":
				f.IfNone, words = true, words[1:]
				continue
			case word != "except" && word != "header":
				t.errorf(s.Pos, "'%s' in %s only supports optional values: 'except', 'header' and 'if-none' (got '%s')", s.keyword, p, word)
				return
			case len(words) < 2:
				t.errorf(s.Pos, "'%s' in %s: '%s' requires an argument", s.keyword, p, word)
				return
			case word == "header":
				f.Header = words[1]
			default:
				if _, err := netip.ParsePrefix(words[1]); err != nil {
					if _, err := netip.ParseAddr(words[1]); err != nil {
						t.errorf(s.Pos, "'%s' in %s: 'except' requires an address or a network as argument (got '%s')", s.keyword, p, words[1])
						return
					}
				}
				f.Except = append(f.Except, words[1])
			}
			words = words[2:]
		}
		*field(&p.httpOptions) = f
	}
}

// flagOption makes an option that sets a field.
func flagOption(field func(*httpOptions) *bool) func(*translation, *proxy, statement) {
	return func(_ *translation, p *proxy, s statement) { *field(&p.httpOptions) = !s.not }
}

// httpTimeout makes a timeout that only mode http has.
func httpTimeout(field func(*httpOptions) **time.Duration) func(*translation, *proxy, statement) {
	return func(_ *translation, p *proxy, s statement) { *field(&p.httpOptions) = new(milliseconds(s.args[0])) }
}

// httpReuse reads "http-reuse never|safe|aggressive|always".
func httpReuse(t *translation, p *proxy, s statement) {
	if err := oneOf("never", "safe", "aggressive", "always")(s.args); err != nil {
		t.errorf(s.Pos, "'http-reuse' in %s %v", p, err)
		return
	}
	if p.httpOptions.closeServer = s.args[0] == "never"; p.httpOptions.closeServer && p.isHTTP() {
		t.notice(s.Pos, differs, "each request has a connection of its own to its server", "http-reuse never")
	}
}
