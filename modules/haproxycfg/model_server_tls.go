// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// serverWord is an option of a server line with its value and its place.
type serverWord struct {
	haproxyfile.Pos
	keyword, value string
}

func (w serverWord) String() string { return "'" + strings.TrimSpace(w.keyword+" "+w.value) + "'" }

// tlsSettings are the TLS options of a server line, or those of global for all servers. Here only
// health checks use TLS towards servers.
type tlsSettings struct {
	crt, crl, ciphers, ciphersuites, curves, sigalgs, clientSigalgs, alpn, npn serverWord

	versions tlsVersions
	given    []serverWord // all options, for the message if no check uses TLS
}

// tlsVersions are the options about versions. They count from 1, which is SSLv3.
type tlsVersions struct {
	min, max int // 0: not given
	off      [6]bool
}

var (
	versionNames = []string{"", "SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"}
	versionWords = []string{"", "sslv3", "tlsv10", "tlsv11", "tlsv12", "tlsv13"}
	ourVersions  = []string{"", "", "1.0", "1.1", "1.2", "1.3"}
)

const (
	oldestTLS, usualTLS, newestTLS = 2, 4, 5

	noteChecks      = "it only affects checks over TLS: the client's TLS is passed through"
	noteNotInChecks = "this server has no check over TLS, and the client's TLS is passed through"
	noteNoTickets   = "checks never resume a session, and the client's TLS is passed through"
	noteCannotCheck = "refused if checks use TLS, and otherwise ignored: the client's TLS is passed through"
)

// serverTLS returns the TLS options that affect health checks.
func serverTLS() []serverKeyword {
	all := []serverKeyword{
		tlsOption("crt", supported, noteChecks, func(s *tlsSettings) *serverWord { return &s.crt }),
		tlsOption("crl-file", supported, noteChecks, func(s *tlsSettings) *serverWord { return &s.crl }),
		tlsOption("alpn", supported, noteChecks, func(s *tlsSettings) *serverWord { return &s.alpn }),
		tlsOption("ciphers", differs, noteChecks+"; cipher suites that Go's TLS does not have are left out", func(s *tlsSettings) *serverWord { return &s.ciphers }),
		tlsOption("ciphersuites", differs, noteChecks+"; all suites of TLS 1.3 that Go's TLS has must be among them", func(s *tlsSettings) *serverWord { return &s.ciphersuites }),
		tlsOption("curves", differs, noteChecks+"; curves that Go's TLS does not have are left out", func(s *tlsSettings) *serverWord { return &s.curves }),
		tlsOption("sigalgs", differs, noteCannotCheck, func(s *tlsSettings) *serverWord { return &s.sigalgs }),
		tlsOption("client-sigalgs", differs, noteCannotCheck, func(s *tlsSettings) *serverWord { return &s.clientSigalgs }),
		tlsOption("npn", differs, noteCannotCheck, func(s *tlsSettings) *serverWord { return &s.npn }),
		{names: "no-tls-tickets|tls-tickets|ssl-reuse|renegotiate|no-renegotiate", grade: ignored, note: noteNoTickets},
	}
	for name, do := range versionOptions {
		k := serverKeyword{names: name, grade: supported, ownMessage: true, note: noteChecks, tls: do}
		if isLimit(name) {
			k.values = 1
		}
		all = append(all, k)
	}
	return all
}

// tlsOption returns a TLS option with one value.
func tlsOption(name string, g grade, note string, field func(*tlsSettings) *serverWord) serverKeyword {
	return serverKeyword{names: name, values: 1, grade: g, ownMessage: true, note: note, tls: func(s *tlsSettings, w serverWord) error {
		*field(s) = w
		return nil
	}}
}

// versionOptions are the options about TLS versions.
var versionOptions = newVersionOptions()

func isLimit(name string) bool { return name == "ssl-min-ver" || name == "ssl-max-ver" }

func newVersionOptions() map[string]func(*tlsSettings, serverWord) error {
	all := make(map[string]func(*tlsSettings, serverWord) error)
	for v := 1; v <= newestTLS; v++ {
		all["no-"+versionWords[v]] = func(s *tlsSettings, _ serverWord) error { s.versions.off[v] = true; return nil }
		all["force-"+versionWords[v]] = func(s *tlsSettings, _ serverWord) error { s.versions.min, s.versions.max = v, v; return nil }
	}
	limit := func(field func(*tlsVersions) *int) func(*tlsSettings, serverWord) error {
		return func(s *tlsSettings, w serverWord) error {
			v := slices.Index(versionNames[1:], w.value) + 1
			if v == 0 {
				return fmt.Errorf("'%s': '%s': unknown ssl/tls version: expected one of %s", w.keyword, w.value, strings.Join(versionNames[1:], ", "))
			}
			*field(&s.versions) = v
			return nil
		}
	}
	all["ssl-min-ver"] = limit(func(v *tlsVersions) *int { return &v.min })
	all["ssl-max-ver"] = limit(func(v *tlsVersions) *int { return &v.max })
	return all
}

// set applies an option and records it.
func (s *tlsSettings) set(do func(*tlsSettings, serverWord) error, w serverWord) error {
	if err := do(s, w); err != nil {
		return err
	}
	s.given = append(slices.Clip(s.given), w) // the default-server's list is shared
	return nil
}

// withDefaults returns the settings, with those of global where the server's line has none.
func (s *tlsSettings) withDefaults(global *tlsSettings) *tlsSettings {
	s = new(*s)
	for _, f := range []struct{ own, global *serverWord }{
		{&s.ciphers, &global.ciphers},
		{&s.ciphersuites, &global.ciphersuites},
		{&s.curves, &global.curves},
		{&s.sigalgs, &global.sigalgs},
		{&s.clientSigalgs, &global.clientSigalgs},
	} {
		if f.own.keyword == "" {
			*f.own = *f.global
		}
	}
	if s.versions.min == 0 {
		s.versions.min = global.versions.min
	}
	if s.versions.max == 0 {
		s.versions.max = global.versions.max
	}
	for v, off := range global.versions.off {
		s.versions.off[v] = s.versions.off[v] || off
	}
	return s
}

// limits returns the oldest and the newest TLS version that a health check offers. All versions
// between them are offered, as in HAProxy.
func (v tlsVersions) limits() (oldest, newest int, err error) {
	var allowed []int
	for i := max(v.min, oldestTLS); i <= newestTLS && (v.max == 0 || i <= v.max); i++ {
		if v.min != 0 || v.max != 0 || !v.off[i] {
			allowed = append(allowed, i)
		}
	}
	if len(allowed) == 0 {
		return 0, 0, errors.New("all SSL/TLS versions are disabled for its checks")
	}
	return allowed[0], allowed[len(allowed)-1], nil
}

// offer sets the versions in the options of a health check. Unless an oldest version is given, it
// is 1.2, or older if that would leave no version.
func (v tlsVersions) offer(o *checks.TLS) (oldest, newest int, err error) {
	if oldest, newest, err = v.limits(); err != nil {
		return 0, 0, err
	}
	if oldest == oldestTLS && v.min == 0 && newest >= usualTLS {
		oldest = usualTLS
	}
	if oldest != usualTLS {
		o.MinVersion = ourVersions[oldest]
	}
	if newest != newestTLS {
		o.MaxVersion = ourVersions[newest]
	}
	return oldest, newest, nil
}
