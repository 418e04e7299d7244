// SPDX-License-Identifier: Apache-2.0

// Package l4clienthello is the matcher layer4.matchers.client_hello. It looks at
// the ClientHello that a connection begins with, which is parsed once per
// connection however many matchers ask. In a caddy-l4 route it works within
// that package's limits: a hello of at most 16 KiB, whole within the route's
// matching_timeout. In the rules of the passthrough handler there are none of
// these.
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

// Matcher matches connections that begin with a TLS ClientHello. All that is
// asked for must be true of it; without anything, every ClientHello matches.
// What sni, sni_file, sni_regexp and no_sni list is one question: one of the
// names, or one of the expressions, or no name.
//
// It sets these placeholders: {l4.client_hello.sni}, {l4.client_hello.alpn}
// (comma between the protocols), {l4.client_hello.version} (the highest offered,
// such as 1.3), {l4.client_hello.session_id} (in hexadecimal), {l4.client_hello.ja3},
// {l4.client_hello.ja4}; and
// {l4.client_hello.outcome}, which there is without a hello, too.
type Matcher struct {
	// SNI are server names, one of which must be the hello's: www.example.com
	// as it stands; *.example.com for exactly one label, as in certificates;
	// .example.com for any number of labels before it, as HAProxy's -m end;
	// +.example.com for the same and example.com itself, as nginx's .example.com.
	// Upper and lower case and one trailing dot make no difference.
	SNI []string `json:"sni,omitempty"`

	// SNIFile are files with more of these names, one a line. Lines that begin
	// with # are skipped. They are read when the configuration is loaded.
	SNIFile []string `json:"sni_file,omitempty"`

	// SNIRegexp are regular expressions (Go's, RE2), one of which must match a
	// part of the server name: anchor them with ^ and $. Upper and lower case
	// make no difference; a trailing dot is gone.
	SNIRegexp []string `json:"sni_regexp,omitempty"`

	// NoSNI matches a hello without a server name.
	NoSNI bool `json:"no_sni,omitempty"`

	// ALPN are protocols, one of which the hello must offer. Case matters
	// (RFC 7301).
	ALPN []string `json:"alpn,omitempty"`

	// Version are versions or ranges of them, in one of which the highest that
	// the hello offers must be: ssl3, 1.0, 1.1, 1.2, 1.3, and with both ends
	// included 1.0-1.2, 1.2- and -1.1.
	Version []string `json:"version,omitempty"`

	// ECH matches a hello with an encrypted_client_hello extension, or with the
	// GREASE in its place: the two cannot be told apart.
	ECH bool `json:"ech,omitempty"`

	// PostQuantum matches a hello with a post-quantum key share.
	PostQuantum bool `json:"post_quantum,omitempty"`

	// JA3 are fingerprints, one of which must be the hello's: 32 hexadecimal
	// digits.
	JA3 []string `json:"ja3,omitempty"`

	// JA4 are the same in the form of t13d1516h2_8daaf6152771_e5627efa2ab1. Each
	// of the three parts may be *.
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

// Empty reports whether nothing is asked for: every hello matches.
func (m *Matcher) Empty() bool { return !m.asksForName() && !m.asksForMore() }

// Names are the server names that the matcher lists, those from files
// included, if there is nothing else that a hello with another name could
// match by. It can be called after Provision.
func (m *Matcher) Names() (patterns []string, ok bool) {
	if len(m.SNIRegexp) > 0 || m.NoSNI {
		return nil, false
	}
	return m.names.patterns, len(m.names.patterns) > 0
}

// NamesOnly reports whether Names is all that is looked at.
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

// MatchHello says whether the hello of the inspection matches; without a hello
// nothing does. The matcher is safe for concurrent use, the inspection is not.
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
		// slices.Contains would have the protocol copied.
		if slices.ContainsFunc(m.ALPN, func(wanted string) bool { return wanted == string(protocol) }) {
			return true
		}
	}
	return false
}

// Match says whether the connection begins with a hello that matches. While
// the hello is not whole it asks for more.
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
