// SPDX-License-Identifier: Apache-2.0

package options

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// HelloPlaceholders has the names of a ClientHello's placeholders, after "l4.client_hello.".
var HelloPlaceholders = []string{"alpn", "ja3", "ja4", "outcome", "session_id", "sni", "version"}

// HeaderPlaceholders has the names of a PROXY header's placeholders, after "l4.proxy_protocol.".
// Those of any TLV are tlv.NUMBER.
var HeaderPlaceholders = []string{"alpn", "authority", "peer", "unique_id", "version"}

// provided has the names of the other placeholders of Caddy and caddy-l4. Those of a matcher only
// have a value on routes and rules with that matcher.
var provided = strings.Fields(`
	l4.conn.remote_addr l4.conn.local_addr l4.conn.wrap_time
	l4.tls.server_name l4.tls.version l4.tls.cipher_suite l4.tls.resumed l4.tls.proto l4.tls.proto_mutual l4.tls.ech
	l4.http.host
	l4.quic.tls.server_name l4.quic.tls.version l4.quic.version
	l4.rdp.cookie_hash l4.rdp.cookie_ip l4.rdp.cookie_port l4.rdp.custom_info l4.rdp.correlation_id
	l4.winbox.username
	system.hostname system.slash system.os system.wd system.arch
	time.now time.now.http time.now.rfc3339 time.now.common_log time.now.year time.now.unix time.now.unix_ms`)

// providedBelow has the prefixes of placeholders with names that the user chooses, or of which
// there are many.
var providedBelow = strings.Fields("env. file. l4.vars. l4.regexp. l4.tls.client. l4.proxy_protocol.tlv.")

// placeholderSynonyms has the names under which users expect a placeholder.
var placeholderSynonyms = map[string][]string{
	"l4.client_hello.sni": strings.Fields(`sni l4.sni tls.sni l4.tls.sni host hostname l4.host server_name ssl_preread_server_name l4.server_name
		client_hello.sni l4.client_hello.server_name l4.client_hello.host http.request.host http.request.tls.server_name tls.server_name req.ssl_sni ssl_fc_sni`),
	"l4.client_hello.alpn":    strings.Fields("alpn l4.alpn l4.tls.alpn ssl_preread_alpn_protocols client_hello.alpn"),
	"l4.client_hello.version": strings.Fields("l4.client_hello.tls_version tls.version ssl_preread_protocol"),
	"l4.conn.remote_addr": strings.Fields(`remote remote_addr remote_ip remote_host src client_ip l4.remote_addr l4.remote_ip l4.conn.remote l4.conn.remote_ip
		l4.conn.remote_host http.request.remote http.request.remote.host`),
	"l4.proxy_protocol.authority": strings.Fields("proxy_protocol.authority proxy_protocol_tlv_authority fc_pp_authority l4.proxy_protocol.sni l4.proxy_protocol.host"),
	"l4.conn.local_addr":          strings.Fields("local_addr dst l4.local_addr l4.conn.local l4.conn.local_ip"),
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// ValidatePlaceholders returns an error for a placeholder in text that no module provides: it would
// be empty for each connection. Modules of other projects may provide more; if there are any, only
// a name that is nearly a known one is an error.
func ValidatePlaceholders(text string) error {
	return validatePlaceholders(text, strings.Contains(text, "{") && othersProvide())
}

func validatePlaceholders(text string, others bool) error {
	for _, p := range placeholder.FindAllString(text, -1) {
		name := strings.Trim(p, "{}")
		if isProvided(name) {
			continue
		}
		near := nearestPlaceholder(name)
		if near == "" && others {
			continue
		}
		if near != "" {
			near = fmt.Sprintf("; did you mean {%s}?", near)
		}
		return fmt.Errorf("placeholder %s: nothing provides it%s (known: {l4.client_hello.%s}, {l4.conn.remote_addr|local_addr}, {l4.proxy_protocol.%s|tlv.NUMBER}, {l4.vars.NAME}, {env.NAME}, and those of caddy-l4's matchers)",
			p, near, strings.Join(HelloPlaceholders, "|"), strings.Join(HeaderPlaceholders, "|"))
	}
	return nil
}

func isProvided(name string) bool {
	return slices.Contains(ours(), name) || slices.Contains(provided, name) ||
		slices.ContainsFunc(providedBelow, func(prefix string) bool { return strings.HasPrefix(name, prefix) && name != prefix })
}

// ours returns the names of the placeholders that this project provides.
func ours() (names []string) {
	for _, hello := range HelloPlaceholders {
		names = append(names, "l4.client_hello."+hello)
	}
	for _, header := range HeaderPlaceholders {
		names = append(names, "l4.proxy_protocol."+header)
	}
	return names
}

// nearestPlaceholder returns the name that was probably meant, or "".
func nearestPlaceholder(name string) string {
	for near, names := range placeholderSynonyms {
		if slices.Contains(names, strings.ToLower(name)) {
			return near
		}
	}
	known := slices.Concat(provided, ours())
	lower := strings.ToLower(name)
	if near := sameLetters(lower, known); near != "" {
		return near
	}
	// These names are long: a third of their letters would be too many edits.
	i := slices.IndexFunc(known, func(k string) bool { return edits(lower, k) <= 2 })
	if i < 0 {
		return ""
	}
	return known[i]
}

// othersProvide reports whether there are layer4 modules of other projects, whose placeholders are
// not known here.
func othersProvide() bool {
	modules := append(caddy.GetModules("layer4.matchers"), caddy.GetModules("layer4.handlers")...)
	return slices.ContainsFunc(modules, func(m caddy.ModuleInfo) bool { return isOfOthers(m.New()) })
}

// isOfOthers reports whether a module is from neither caddy-l4 nor this project.
func isOfOthers(m caddy.Module) bool {
	path := reflect.TypeOf(m).Elem().PkgPath()
	return !strings.Contains(path, "/caddy-l4/") && !strings.Contains(path, "/caddy-passthrough/")
}
