// SPDX-License-Identifier: Apache-2.0

package options

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

func TestValidatePlaceholders(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "",
		"no placeholder":                         "",
		"{l4.client_hello.sni}:443":              "",
		"{l4.client_hello.ja4}-{l4.vars.sess.x}": "",
		"{env.WEB}{file./etc/x}{l4.regexp.1}":    "",
		"{l4.conn.remote_addr}":                  "",
		"{l4.tls.server_name}":                   "", // of the matcher tls
		"{l4.tls.client.san.dns_names.0}":        "",
		"{l4.proxy_protocol.authority}":          "",
		"{l4.proxy_protocol.tlv.0xEA}":           "",
		"{l4.proxy_protocol.autority}":           "did you mean {l4.proxy_protocol.authority}?",
		"{l4.proxy_protocol.tlv}":                "placeholder {l4.proxy_protocol.tlv}: nothing provides it",
		"{fc_pp_authority}":                      "did you mean {l4.proxy_protocol.authority}?",
		"{l4.rdp.cookie_ip}{system.hostname}":    "",
		"{l4.client_helo.sni}":                   "placeholder {l4.client_helo.sni}: nothing provides it; did you mean {l4.client_hello.sni}? (known: {l4.client_hello.alpn|",
		"a-{l4.client-hello.SNI}":                "did you mean {l4.client_hello.sni}?",
		"{env.A}{l4.tls.sni}":                    "placeholder {l4.tls.sni}: nothing provides it; did you mean {l4.client_hello.sni}?",
		"{http.request.host}":                    "did you mean {l4.client_hello.sni}?",
		"{l4.tls.servername}":                    "did you mean {l4.tls.server_name}?",
		"{remote_ip}":                            "did you mean {l4.conn.remote_addr}?",
		"{l4.client_hello.}":                     "placeholder {l4.client_hello.}: nothing provides it",
		"{l4.vars.}":                             "placeholder {l4.vars.}: nothing provides it (known:",
		"{}":                                     "placeholder {}: nothing provides it (known:",
		"{geo.country}":                          "placeholder {geo.country}: nothing provides it (known:",
	} {
		got := ""
		if err := ValidatePlaceholders(text); err != nil {
			got = err.Error()
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// If there are modules of other projects, they may provide unknown names; a misspelled known name
// is still refused.
func TestPlaceholdersOfOtherModules(t *testing.T) {
	for text, refused := range map[string]bool{"{geo.country}": false, "{l4.geo.country}": false, "{l4.client_helo.sni}": true, "{l4.tls.sni}": true} {
		if err := validatePlaceholders(text, true); (err != nil) != refused {
			t.Errorf("%s: %v", text, err)
		}
	}
	if othersProvide() {
		t.Error("a test without any module finds some")
	}
	if isOfOthers(ownModule{}.CaddyModule().New()) || !isOfOthers(&struct{ ownModule }{}) {
		t.Error("modules are not told apart")
	}
}

// ownModule is a module of this project; a type built from it has no package path.
type ownModule struct{}

func (ownModule) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "layer4.matchers.ours", New: func() caddy.Module { return new(ownModule) }}
}
