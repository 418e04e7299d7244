// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import "slices"

// bindTLS holds the TLS options of a bind line, of a line of a crt-list, or those of global for all
// bind lines.
type bindTLS struct {
	tlsSettings
	on         bool         // ssl
	files      []serverWord // crt, crt-list and default-crt, in order
	verify, ca serverWord
	noALPN     bool
	strictSNI  bool
	noTickets  bool
	refused    []unavailableWord

	listener *tlsListener // made from the options
}

// unavailableWord is an option that is refused, with its note.
type unavailableWord struct {
	serverWord
	note string
}

// plainPort is the port on which Caddy's http app uses no TLS.
const plainPort = 80

const (
	noteListener       = "in mode http only; in mode tcp TLS is passed through"
	noteListenerLess   = "in mode http; what Go's TLS does not have is left out, with a warning"
	noteListenerSuites = "in mode http; all suites of TLS 1.3 that Go's TLS has are always available"
	noteListenerOld    = "in mode http; the versions are 1.2 and 1.3, older ones are left out with a warning"
	noteListenerUnused = "in mode http: Go's TLS has nothing like it"
	noteTickets        = "in mode http: on one bind it is for all of them"
	noteTicketKeys     = "tickets are encrypted with keys of this process, which change every 12 hours: another machine does not resume its sessions"
	noteNoRevocations  = "Caddy's http app knows no revocation lists: clients with a revoked certificate would be let in"
	noteIgnoredErrors  = "Caddy's http app has no exceptions for certificates that are not valid"
	noteSigns          = "certificates are not made at run time: expected crt"
	noteAlgorithms     = "Go's TLS has its own signature algorithms"
	noteRevokedNames   = "expected its certificates in ca-file"
	noteWithoutSSL     = "the line has no 'ssl'"
)

// bindTLSOptions returns the options of a bind line about TLS.
func bindTLSOptions() []bindOption {
	all := []bindOption{
		{names: "ssl", grade: differs, note: noteListener, tls: flagTLS(func(b *bindTLS) { b.on = true })},
		{names: "crt|crt-list|default-crt", values: 1, absent: "missing certificate location", grade: supported, note: noteListener, tls: func(b *bindTLS, w serverWord) { b.files = append(b.files, w) }},
		{names: "alpn", values: 1, absent: "missing the comma-delimited ALPN protocol suite", grade: supported, note: noteListener, tls: func(b *bindTLS, w serverWord) { b.alpn, b.noALPN = w, false }},
		{names: "no-alpn", grade: supported, note: noteListener, tls: func(b *bindTLS, _ serverWord) { b.alpn, b.noALPN = serverWord{}, true }},
		{names: "verify", values: 1, absent: "missing verify method", grade: supported, note: noteListener, tls: wordTLS(func(b *bindTLS) *serverWord { return &b.verify })},
		{names: "ca-file", values: 1, absent: "missing CAfile path", grade: supported, note: noteListener, tls: wordTLS(func(b *bindTLS) *serverWord { return &b.ca })},
		{names: "ciphers", values: 1, absent: "missing cipher suite", grade: differs, note: noteListenerLess, tls: wordTLS(func(b *bindTLS) *serverWord { return &b.ciphers })},
		{names: "ciphersuites", values: 1, absent: "missing cipher suite", grade: differs, note: noteListenerSuites, tls: wordTLS(func(b *bindTLS) *serverWord { return &b.ciphersuites })},
		{names: "curves|ecdhe", values: 1, absent: "missing curve suite", grade: differs, note: noteListenerLess, tls: wordTLS(func(b *bindTLS) *serverWord { return &b.curves })},
		{names: "strict-sni", grade: differs, note: noteListener + "; the alert is internal_error", tls: flagTLS(func(b *bindTLS) { b.strictSNI = true })},
		{names: "no-strict-sni", grade: supported, note: noteListener, tls: flagTLS(func(b *bindTLS) { b.strictSNI = false })},
		{names: "no-tls-tickets", grade: differs, note: noteTickets, tls: flagTLS(func(b *bindTLS) { b.noTickets = true })},
		{names: "tls-tickets", grade: supported, note: noteListener, tls: flagTLS(func(b *bindTLS) { b.noTickets = false })},
		{names: "tls-ticket-keys", values: 1, grade: ignored, note: noteTicketKeys, tls: ignoredTLS},
		{names: "npn|ocsp-update|ktls", values: 1, grade: ignored, note: noteListenerUnused, tls: ignoredTLS},
		{names: "allow-0rtt|no-ca-names|prefer-client-ciphers", grade: ignored, note: noteListenerUnused, tls: ignoredTLS},
	}
	for _, no := range []struct{ names, note string }{
		{"crl-file", noteNoRevocations},
		{"ca-ignore-err|crt-ignore-err", noteIgnoredErrors},
		{"ca-sign-file|ca-sign-pass", noteSigns},
		{"ca-verify-file", noteRevokedNames},
		{"sigalgs|client-sigalgs", noteAlgorithms},
	} {
		all = append(all, bindOption{names: no.names, values: 1, grade: refused, note: no.note, tls: refusedTLS(no.note)})
	}
	all = append(all, bindOption{names: "generate-certificates", grade: refused, note: noteSigns, tls: refusedTLS(noteSigns)})
	for name, do := range versionOptions {
		o := bindOption{names: name, grade: differs, note: noteListenerOld, check: versionCheck(do, name), tls: func(b *bindTLS, w serverWord) { _ = do(&b.tlsSettings, w) }}
		if isLimit(name) {
			o.values = 1
		}
		all = append(all, o)
	}
	return all
}

// versionCheck returns the validation of an option about versions.
func versionCheck(do func(*tlsSettings, serverWord) error, name string) func(string) error {
	return func(v string) error { return do(new(tlsSettings), serverWord{keyword: name, value: v}) }
}

func flagTLS(set func(*bindTLS)) func(*bindTLS, serverWord) {
	return func(b *bindTLS, _ serverWord) { set(b) }
}

func wordTLS(field func(*bindTLS) *serverWord) func(*bindTLS, serverWord) {
	return func(b *bindTLS, w serverWord) { *field(b) = w }
}

// ignoredTLS takes an option that only causes a warning.
func ignoredTLS(*bindTLS, serverWord) {}

func refusedTLS(note string) func(*bindTLS, serverWord) {
	return func(b *bindTLS, w serverWord) { b.refused = append(b.refused, unavailableWord{w, note}) }
}

// takeTLS takes an option about TLS. It has an effect once the whole line is known.
func (b *bindTLS) takeTLS(o *bindOption, w serverWord) {
	o.tls(b, w)
	b.given = append(b.given, w)
}

// finishBindTLS applies the TLS options of a bind line, after all of its words.
func (t *translation) finishBindTLS(p *proxy, s statement, made []bind) {
	b := made[0].tls
	switch {
	case len(b.given) == 0:
	case !b.on:
		for _, w := range b.given {
			t.notice(w.Pos, ignored, noteWithoutSSL, "bind ... "+w.keyword)
		}
	case !p.isHTTP(): // refused
	case slices.ContainsFunc(made, func(b bind) bool { return b.isTCP() && b.has(plainPort) }):
		t.errorf(s.Pos, "'bind %s' : 'ssl' on port %d is not available: Caddy's http app speaks plain text there", s.args[0], plainPort)
	default:
		t.tlsListens = true
		t.listenTLS(s, b)
	}
	if b.listener != nil {
		return
	}
	for i := range made {
		made[i].tls = nil
	}
}

// warnUnusedBindTLS warns that global's TLS options for binds have no effect if no bind uses TLS.
func (t *translation) warnUnusedBindTLS() {
	if !t.tlsListens {
		t.warnUnusedTLS(t.bindTLS.given, noteTLS)
	}
}

// noTickets reports whether a bind turns session tickets off.
func (t *translation) noTickets() bool {
	return slices.ContainsFunc(t.proxies, func(p *proxy) bool {
		return slices.ContainsFunc(p.binds, func(b bind) bool { return b.tls != nil && b.tls.noTickets })
	})
}
