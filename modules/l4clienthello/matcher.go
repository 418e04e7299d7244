// SPDX-License-Identifier: Apache-2.0

// Package l4clienthello implements the matcher layer4.matchers.client_hello. It matches the
// ClientHello that a connection begins with. The hello is parsed once per connection, for all
// matchers. In a caddy-l4 route it has that package's limits: a hello of at most 16 KiB, complete
// within the route's matching_timeout. These limits do not apply in the rules of the passthrough
// handler.
package l4clienthello

import (
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
)

func init() {
	caddy.RegisterModule(new(Matcher))
}

// Matcher matches connections that begin with a TLS ClientHello. All fields that are set must
// match; without any, every ClientHello matches. The fields sni, sni_file, sni_regexp and no_sni
// count as one: the hello must have one of the names, match one of the expressions, or have no
// name.
//
// It sets these placeholders: {l4.client_hello.sni}, {l4.client_hello.alpn} (separated by commas),
// {l4.client_hello.version} (the highest offered, such as 1.3), {l4.client_hello.session_id} (in
// hexadecimal), {l4.client_hello.ja3}, {l4.client_hello.ja4}, and {l4.client_hello.outcome}, which
// is also set without a hello.
type Matcher struct {
	// SNI holds patterns, one of which must match the server name: www.example.com matches itself;
	// *.example.com any one label in place of the *, as in certificates; .example.com one or more
	// labels before it, as HAProxy's -m end; +.example.com the same and example.com itself, as nginx's
	// .example.com. Case and one trailing dot are ignored.
	SNI []string `json:"sni,omitempty"`

	// SNIFile names files with more of these patterns, one per line. Lines that begin with # are
	// skipped. Files are read when the configuration is loaded.
	SNIFile []string `json:"sni_file,omitempty"`

	// SNIRegexp holds regular expressions (Go's RE2 syntax), one of which must match part of the
	// server name: anchor them with ^ and $. Case is ignored, and a trailing dot is removed from the
	// name first.
	SNIRegexp []string `json:"sni_regexp,omitempty"`

	// NoSNI matches a hello without a server name.
	NoSNI bool `json:"no_sni,omitempty"`

	// ALPN lists protocols, one of which the hello must offer. Case matters (RFC 7301).
	ALPN []string `json:"alpn,omitempty"`

	// Version lists versions (ssl3, 1.0, 1.1, 1.2, 1.3) or inclusive ranges (1.0-1.2, 1.2-, -1.1), one
	// of which must include the highest version that the hello offers.
	Version []string `json:"version,omitempty"`

	// ECH matches a hello with an encrypted_client_hello extension. This includes GREASE, which is
	// indistinguishable from it.
	ECH bool `json:"ech,omitempty"`

	// PostQuantum matches a hello with a post-quantum key share.
	PostQuantum bool `json:"post_quantum,omitempty"`

	// JA3 lists fingerprints of 32 hexadecimal digits, one of which must be the hello's.
	JA3 []string `json:"ja3,omitempty"`

	// JA4 lists fingerprints in the form of t13d1516h2_8daaf6152771_e5627efa2ab1, one of which must be
	// the hello's. Each of the three parts may be *.
	JA4 []string `json:"ja4,omitempty"`

	names    nameCondition
	versions []versionRange
	ja4      []ja4Pattern
}

// CaddyModule returns the Caddy module information.
func (*Matcher) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "layer4.matchers.client_hello",
		New: func() caddy.Module { return new(Matcher) },
	}
}

// Empty reports whether no field is set, so that every hello matches.
func (m *Matcher) Empty() bool { return !m.asksForName() && !m.asksForMore() }

// Names returns the patterns of the matcher, including those from files. ok is false if a hello
// with another name, or without one, may match, too. It must be called after Provision.
func (m *Matcher) Names() (patterns []string, ok bool) {
	if len(m.SNIRegexp) > 0 || m.NoSNI {
		return nil, false
	}
	return m.names.patterns, len(m.names.patterns) > 0
}

// NamesOnly reports whether the matcher depends on the patterns of Names alone.
func (m *Matcher) NamesOnly() bool {
	_, ok := m.Names()
	return ok && !m.asksForMore()
}

func (m *Matcher) asksForName() bool {
	return len(m.SNI)+len(m.SNIFile)+len(m.SNIRegexp) > 0 || m.NoSNI
}

func (m *Matcher) asksForMore() bool {
	return len(m.ALPN)+len(m.Version)+len(m.JA3)+len(m.JA4) > 0 || m.ECH || m.PostQuantum
}

// MatchHello reports whether the hello of the inspection matches. An inspection without a hello
// never does. The matcher is safe for concurrent use, the inspection is not.
func (m *Matcher) MatchHello(i *clienthello.Inspection) bool {
	h := i.Hello()
	return h != nil &&
		(!m.asksForName() || m.names.match(h) || m.NoSNI && !h.HasServerName()) &&
		(len(m.ALPN) == 0 || m.offersOne(h)) &&
		(len(m.versions) == 0 || slices.ContainsFunc(m.versions, func(r versionRange) bool { return r.contains(h.Version()) })) &&
		(!m.ECH || h.ECH()) &&
		(!m.PostQuantum || h.PostQuantum()) &&
		(len(m.JA3) == 0 || slices.Contains(m.JA3, i.JA3())) &&
		(len(m.ja4) == 0 || slices.ContainsFunc(m.ja4, func(p ja4Pattern) bool { return p.match(i.JA4()) }))
}

func (m *Matcher) offersOne(h *clienthello.Hello) bool {
	for protocol := range h.ALPN() {
		// slices.Contains would copy the protocol.
		if slices.ContainsFunc(m.ALPN, func(wanted string) bool { return wanted == string(protocol) }) {
			return true
		}
	}
	return false
}

// Match reports whether the connection begins with a hello that matches. It asks for more bytes
// while the hello is incomplete.
func (m *Matcher) Match(cx *layer4.Connection) (bool, error) {
	i := Inspect(cx)
	if i.Outcome() == clienthello.Pending {
		return false, layer4.ErrConsumedAllPrefetchedBytes
	}
	return m.MatchHello(i), nil
}

// Interface guards
var (
	_ caddy.Module       = (*Matcher)(nil)
	_ layer4.ConnMatcher = (*Matcher)(nil)
)
