// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
	"strings"
	"testing"
)

// sent returns the backend of a server with options, behind lines of its own.
func sent(t *testing.T, lines, options string) map[string]any {
	t.Helper()
	return at(t, apps(t, "defaults\n"+timeoutLines+"frontend f\n\tbind 192.0.2.1:443\n\tdefault_backend b\nbackend b\n\t"+lines+"\n\tserver s 192.0.2.9:443 "+options+"\n"), "passthrough", "backends", "b", "servers", 0).(map[string]any)
}

// The words of a server line make one header, in HAProxy's way: version 2 takes precedence.
func TestSendProxy(t *testing.T) {
	for options, want := range map[string]string{
		"":                            `{}`,
		"send-proxy":                  `{"send_proxy": "v1"}`,
		"send-proxy no-send-proxy":    `{}`,
		"send-proxy-v2":               `{"send_proxy": "v2"}`,
		"send-proxy-v2 send-proxy":    `{"send_proxy": "v2"}`,
		"send-proxy-v2 no-send-proxy": `{"send_proxy": "v2"}`,
		"send-proxy send-proxy-v2 no-send-proxy-v2":            `{"send_proxy": "v1"}`,
		"send-proxy-v2-ssl":                                    `{"send_proxy": "v2", "proxy_v2_options": ["ssl"]}`,
		"send-proxy-v2-ssl-cn":                                 `{"send_proxy": "v2", "proxy_v2_options": ["ssl"]}`,
		"send-proxy-v2-ssl no-send-proxy-v2-ssl":               `{}`,
		"send-proxy-v2-ssl no-send-proxy-v2-ssl send-proxy-v2": `{"send_proxy": "v2"}`,
		"send-proxy-v2-ssl no-send-proxy-v2 send-proxy-v2":     `{"send_proxy": "v2", "proxy_v2_options": ["ssl"]}`,
		"proxy-v2-options crc32c":                              `{}`,
		"send-proxy proxy-v2-options crc32c":                   `{"send_proxy": "v1"}`,
		"send-proxy-v2 proxy-v2-options crc32c,unique-id proxy-v2-options cert-cn,cert-key,cert-sig,ssl-cipher,authority": `{"send_proxy": "v2", "proxy_v2_options": ["crc32c", "unique_id", "ssl", "authority"]}`,
		"send-proxy-v2 set-proxy-v2-tlv-fmt(0xE1) a%[src] set-proxy-v2-tlv-fmt(5) %ci:%cp":                                `{"send_proxy": "v2", "proxy_v2_tlvs": [{"type": 225, "format": "a%[src]"}, {"type": 5, "format": "%[src]:%[src_port]"}]}`,
	} {
		got := sent(t, "balance roundrobin", options)
		delete(got, "name")
		delete(got, "address")
		equal(t, options, got, want)
	}
}

// The words of default-server come first, and those of one server do not change another's.
func TestSendProxyOfDefaultServer(t *testing.T) {
	got := apps(t, "defaults\n"+timeoutLines+"frontend f\n\tbind 192.0.2.1:443\n\tdefault_backend b\nbackend b\n\tbalance roundrobin\n\tdefault-server send-proxy-v2 proxy-v2-options crc32c set-proxy-v2-tlv-fmt(1) a\n"+
		"\tserver s1 192.0.2.9:443 proxy-v2-options ssl set-proxy-v2-tlv-fmt(2) b\n\tserver s2 192.0.2.9:443 send-proxy-v2-ssl set-proxy-v2-tlv-fmt(4) c\n\tserver s3 192.0.2.9:443 no-send-proxy-v2\n")
	equal(t, "servers", at(t, got, "passthrough", "backends", "b", "servers"), `[
		{"name": "s1", "address": "192.0.2.9:443", "send_proxy": "v2", "proxy_v2_options": ["crc32c", "ssl"], "proxy_v2_tlvs": [{"type": 1, "format": "a"}, {"type": 2, "format": "b"}]},
		{"name": "s2", "address": "192.0.2.9:443", "send_proxy": "v2", "proxy_v2_options": ["crc32c", "ssl"], "proxy_v2_tlvs": [{"type": 1, "format": "a"}, {"type": 4, "format": "c"}]},
		{"name": "s3", "address": "192.0.2.9:443"}]`)
}

// Checks send the server's header to the server's own address; nothing in the check says so.
func TestHeadersOfChecks(t *testing.T) {
	const script = "option tcp-check\n\t" + "tcp-check connect"
	for text, want := range map[string]string{
		"\tsend-proxy-v2":                                       `{"checker": {"module": "tcp"}}`,
		"\tcheck-send-proxy":                                    `{"checker": {"module": "tcp"}, "send_proxy": "v1"}`,
		"\tcheck-send-proxy no-check-send-proxy":                `{"checker": {"module": "tcp"}}`,
		"\tsend-proxy-v2 check-send-proxy port 3":               `{"checker": {"module": "tcp"}, "port": 3, "send_proxy": "v2"}`,
		"\tsend-proxy send-proxy-v2 check-send-proxy":           `{"checker": {"module": "tcp"}, "send_proxy": "v2"}`,
		"\tproxy-v2-options crc32c check-send-proxy":            `{"checker": {"module": "tcp"}, "send_proxy": "v1"}`,
		script + "\tsend-proxy-v2":                              `{"checker": {"module": "tcp_script", "steps": [{"connect": {}}]}, "send_proxy": "off"}`,
		script + "\tsend-proxy-v2 check-send-proxy":             `{"checker": {"module": "tcp_script", "steps": [{"connect": {}}]}, "send_proxy": "off"}`,
		script + " default\tsend-proxy-v2":                      `{"checker": {"module": "tcp_script", "steps": [{"connect": {"send_proxy": 2}}]}, "send_proxy": "off"}`,
		script + " default\tsend-proxy-v2 port 3":               `{"checker": {"module": "tcp_script", "steps": [{"connect": {}}]}, "port": 3, "send_proxy": "off"}`,
		script + " default\tsend-proxy port 3 check-send-proxy": `{"checker": {"module": "tcp_script", "steps": [{"connect": {"send_proxy": 1}}]}, "port": 3, "send_proxy": "off"}`,
		script + " send-proxy\tsend-proxy-v2":                   `{"checker": {"module": "tcp_script", "steps": [{"connect": {"send_proxy": 2}}]}, "send_proxy": "off"}`,
		script + " send-proxy\t":                                `{"checker": {"module": "tcp_script", "steps": [{"connect": {"send_proxy": 1}}]}}`,
		"option tcp-check\n\t" + "tcp-check send x\tsend-proxy": `{"checker": {"module": "tcp_script", "steps": [{"send": "x"}]}}`,
	} {
		i := strings.LastIndex(text, "\t")
		config := apps(t, "defaults\n"+timeoutLines+"frontend f\n\tbind 192.0.2.1:443\n\tdefault_backend b\nbackend b\n\t"+text[:i]+"\n\tserver s 192.0.2.9:443 check "+text[i+1:]+"\n")
		equal(t, text, at(t, config, "passthrough", "backends", "b", "check"), want)
	}
}

// A unique ID has the format of a line of the log.
func TestUniqueIDFormat(t *testing.T) {
	frontend := func(mode, lines, options string) string {
		return "defaults\n" + timeoutLines + "frontend f\n\tmode " + mode + "\n\tbind 192.0.2.1:443\n\t" + lines + "\n\tdefault_backend b\nbackend b\n\tmode " + mode + "\n\tserver s 192.0.2.9:443 " + options + "\n"
	}
	got := apps(t, frontend("tcp", `unique-id-format %ci:%cp_%fi:%fp_%[uuid]%%`, ""))
	equal(t, "format", at(t, got, "passthrough", "frontends", "f", "unique_id"), `"%ci:%cp_%fi:%fp_%[uuid]%%"`)
	const counted = `unique-id-format %ci_%[lat_ns_avg]`
	for text, want := range map[string]string{
		frontend("tcp", counted, ""):                                         "ignored, without any effect on the traffic: 'unique-id-format': no server gets the ID",
		frontend("tcp", counted, "proxy-v2-options unique-id"):               "ignored, without any effect on the traffic: 'unique-id-format': no server gets the ID",
		frontend("tcp", counted, "send-proxy-v2 proxy-v2-options unique-id"): "E 'unique-id-format' : [lat_ns_avg] is not available, in frontend 'f'",
		frontend("http", "unique-id-format %ci", ""):                         "ignored, without any effect on the traffic: 'unique-id-format': requests are not numbered",
		frontend("tcp", "unique-id-format %nope", ""):                        "E failed to parse log-format : no such format alias 'nope'",
	} {
		if said := messages(t, text); !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("%s: said\n\t%s\nwant\n\t%s", text, strings.Join(said, "\n\t"), want)
		}
	}
}

// Mistakes are reported in HAProxy's words.
func TestMistakesAboutSentHeaders(t *testing.T) {
	for options, want := range map[string]string{
		"send-proxy-v2 proxy-v2-options foo":                         "'server b/s' : 'foo' : proxy v2 option not implemented",
		"send-proxy-v2 proxy-v2-options ssl,,crc32c":                 "'server b/s' : '' : proxy v2 option not implemented",
		"send-proxy-v2 proxy-v2-options":                             "'server b/s' : 'proxy-v2-options' expects an argument as argument",
		"send-proxy-v2 set-proxy-v2-tlv-fmt(256) a":                  "'server b/s' : 'set-proxy-v2-tlv-fmt(256)' : the maximum allowed TLV ID is 255",
		"send-proxy-v2 set-proxy-v2-tlv-fmt(-1) a":                   "'server b/s' : 'set-proxy-v2-tlv-fmt(-1)' : the maximum allowed TLV ID is 255",
		"send-proxy-v2 set-proxy-v2-tlv-fmt(x) a":                    "'server b/s' : 'set-proxy-v2-tlv-fmt(x)' : could not convert TLV ID",
		"send-proxy-v2 set-proxy-v2-tlv-fmt(2 a":                     "'server b/s' : 'set-proxy-v2-tlv-fmt(2' : expects set-proxy-v2-tlv-fmt(<TLV ID>)",
		"send-proxy-v2 set-proxy-v2-tlv-fmt a":                       "'server b/s' : 'set-proxy-v2-tlv-fmt' : expects set-proxy-v2-tlv-fmt(<TLV ID>)",
		"send-proxy-v2 set-proxy-v2-tlv-fmt(2) %[srcx]":              "'server b/s' : failed to parse sample expression <srcx]> : unknown fetch method 'srcx'",
		"send-proxy-v2 set-proxy-v2-tlv-fmt(2) %[src":                "'server b/s' : missing ']' after 'src'",
		"send-proxy-v2 set-proxy-v2-tlv-fmt(2) %[res.len]":           "'server b/s' : 'set-proxy-v2-tlv-fmt(2)' : sample fetch <%[res.len]> may not be reliably used here because it needs 'response buffer'",
		"send-proxy-v2 proxy-v2-options crc32c send-proxy-v3 weight": "'server b/s' : unknown keyword 'send-proxy-v3'",
	} {
		said := messages(t, "defaults\n"+timeoutLines+"frontend f\n\tbind 192.0.2.1:443\n\tdefault_backend b\nbackend b\n\tserver s 192.0.2.9:443 "+options+"\n")
		if !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, "E "+want) }) {
			t.Errorf("%s: said\n\t%s\nwant\n\t%s", options, strings.Join(said, "\n\t"), want)
		}
	}
}
