// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// messages are all that is said of a configuration, errors with an E before them.
func messages(t *testing.T, text string) (said []string) {
	t.Helper()
	for _, p := range translated(t, text).Problems {
		message := p.Message
		if p.Severity == haproxyfile.Error {
			message = "E " + message
		}
		said = append(said, message)
	}
	return said
}

// A rule that asks for what only the end of a TLS connection knows is warned of, wherever it stands.
func TestFetchesOfTLS(t *testing.T) {
	const of = "'ssl_fc_sni' never has a value, since TLS does not end here: use req.ssl_sni"
	for line, want := range map[string]string{
		"acl known ssl_fc_sni a.test":                                      "acl 'known': " + of,
		"tcp-request content reject if { ssl_fc_sni a.test }":              "anonymous acl: " + of,
		"use_backend b if !{ ssl_fc_sni,lower -m end .test }":              "anonymous acl: " + of,
		"tcp-request content set-var(sess.sni) ssl_fc_sni":                 "'set-var(sess.sni)': " + of,
		"use_backend be_%[ssl_fc_sni,lower]":                               "'use_backend be_%[ssl_fc_sni,lower]': " + of,
		"tcp-request connection reject unless { ssl_c_used }":              "anonymous acl: 'ssl_c_used' never has a value, since TLS does not end here",
		"tcp-request content accept if { ssl_fc }":                         "anonymous acl: 'ssl_fc' is always false, since TLS does not end here: use req.ssl_hello_type, which is 1 for TLS",
		"tcp-request content accept if { hdr(host) a.test }":               "anonymous acl will never match: 'hdr' has a meaning in mode http only, as in HAProxy",
		"acl known path_beg /a":                                            "acl 'known' will never match: 'path_beg' has a meaning in mode http only, as in HAProxy",
		"acl known ssl_fc_sni_end .test":                                   "E error detected while parsing ACL 'known' : fetch method 'ssl_fc_sni_end' is not supported: TLS does not end here: what a ClientHello says is in req.ssl_sni and the other req.ssl_ fetches (not available here)",
		"tcp-request content reject if { req.ssl_sni -m end .ssl_fc_sni }": "",
	} {
		said := messages(t, frontend("tcp-request inspect-delay 1s", line, "default_backend b"))
		if want == "" && len(said) > 0 || want != "" && !slices.Equal(said, []string{want}) {
			t.Errorf("%s: -want +got\n%s", line, cmp.Diff(want, strings.Join(said, "\n")))
		}
	}
	said := messages(t, backend("balance hash ssl_fc_sni", "server s1 192.0.2.2:443"))
	if !slices.Equal(said, []string{"'balance hash ssl_fc_sni' in backend 'b': " + of}) {
		t.Errorf("%q", said)
	}
}
