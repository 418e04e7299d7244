// SPDX-License-Identifier: Apache-2.0

package sample

import "testing"

func TestConfigured(t *testing.T) {
	l := &Loader{Open: func(string) ([]byte, error) { return []byte("192.0.2.0/24 192.0.2.1\n"), nil }}
	for text, want := range map[string]bool{
		"ipv4(192.0.2.1)":               true,
		"ipv6(::1)":                     true,
		"str(192.0.2.1)":                true,
		"int(443)":                      true,
		"req.ssl_sni,map_str_ip(file)":  true,
		"src,map_ip_ip(file,192.0.2.9)": true,
		"req.ssl_sni,map(file)":         true,

		"dst":                                   false,
		"src":                                   false,
		"req.ssl_sni":                           false,
		"var(sess.ip)":                          false,
		"var(sess.ip,192.0.2.1)":                false,
		"dst,ipmask(24)":                        false,
		"str(192.0.2.),concat(1,sess.x)":        false,
		"req.ssl_sni,map(file),concat(,sess.x)": false,
		"req.ssl_sni,map_regm(file)":            false,
		"int(1),add(sess.port)":                 false,
	} {
		e, err := l.Expression(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := e.Configured(); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}
