// SPDX-License-Identifier: Apache-2.0

package options

import (
	"strings"
	"testing"
)

func TestValidateProtocol(t *testing.T) {
	for name, want := range map[string]string{
		"h2": "", "h3": "", "http/1.1": "", "http/1.0": "", "imap": "", "acme-tls/1": "", "My-Own": "", strings.Repeat("a", 255): "",
		"":                       `"": expected a protocol name`,
		"h2,http/1.1":            `"h2,http/1.1": expected a protocol name`,
		"h2 x":                   `"h2 x": expected a protocol name`,
		strings.Repeat("a", 256): `expected a protocol name`,
		"http2":                  `"http2": ALPN's name for it is h2: write h2`,
		"HTTP/2":                 `"HTTP/2": ALPN's name for it is h2: write h2`,
		"http1.1":                `"http1.1": ALPN's name for it is http/1.1: write http/1.1`,
		"http1":                  `write http/1.1`,
		"http3":                  `"http3": ALPN's name for HTTP/3 is h3, and it runs over QUIC (UDP)`,
		"H2":                     `"H2": case matters: write h2`,
		"HTTP/1.1":               `"HTTP/1.1": case matters: write http/1.1`,
	} {
		got := ""
		if err := ValidateProtocol(name); err != nil {
			got = err.Error()
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
