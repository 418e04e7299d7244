// SPDX-License-Identifier: Apache-2.0

package haproxysites

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConditions(t *testing.T) {
	for condition, want := range map[string]string{
		"{ hdr(host) -i a.test b.test }":              "host('a.test', 'b.test')",
		"{ req.hdr(Host),lower -m str a.test }":       "host('a.test')",
		"{ hdr(host) a.test }":                        `header_regexp('host', '^(?:a\\.test)$')`,
		"{ hdr(host),field(1,:) a.test }":             "host('a.test')",
		"{ hdr_end(host) -i .a.test }":                `header_regexp('host', '(?i)(?:\\.a\\.test)$')`,
		"{ hdr_dom(host) a }":                         `header_regexp('host', '(?:^|[/?.:])(?:a)(?:$|[/?.:])')`,
		"{ hdr(x-a) -m found }":                       "header({'x-a': '*'})",
		"{ path_beg /a /b } METH_POST":                "path_regexp('^(?:/a|/b)') && method('POST')",
		"{ path /a } || !{ path -m end b }":           "(path_regexp('^(?:/a)$')) || (!path_regexp('(?:b)$'))",
		"{ path_reg ^/[0-9]{3}$ }":                    `path_regexp('^/[0-9]\x7b3\x7d$')`,
		"{ src 192.0.2.0/24 ::1 }":                    "remote_ip('192.0.2.0/24', '::1')",
		"!{ ssl_fc } or LOCALHOST":                    "(!protocol('https')) || (remote_ip('127.0.0.1/8', '::1'))",
		"{ method GET }":                              "method('GET')",
		"METH_GET ! TRUE":                             "method('GET', 'HEAD') && !true",
		"{ url_param(a) b }":                          "query({'a': ['b']})",
		"{ ssl_fc_sni -i a.test }":                    "{http.request.tls.server_name} in ['a.test']",
		"{ dst_port 80 }":                             "{http.request.local.port} in ['80']",
		"named":                                       "(path_regexp('^(?:/n)') || header({'n': '*'}))",
		"{ path it's }":                               `path_regexp('^(?:it\'s)$')`,
		"{ nbsrv(b) lt 1 }":                           "",
		"{ src -f /etc/list }":                        "",
		"unknown":                                     "",
		"{ path_reg ( }":                              "",
		"{ path }":                                    "",
		"{ hdr(host),map(x) a }":                      "",
		"{ path /a":                                   "",
		"{ path /a } or":                              "",
		"{ path -m":                                   "",
		"{ ssl_fc_sni -m end .test }":                 "",
		"{ always_true } { always_false } FALSE HTTP": "true && false && false && true",
	} {
		words := strings.Fields(condition)
		got, ok := acls{"named": {{"path_beg", "/n"}, {"hdr(n)", "-m", "found"}}}.expression(words)
		if !ok {
			got = ""
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", condition, diff)
		}
	}
}
