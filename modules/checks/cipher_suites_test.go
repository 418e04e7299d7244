// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// The hello offers exactly the configured versions, cipher suites and curves.
func TestOfferedVersionsSuitesAndCurves(t *testing.T) {
	s := secureServer(t, leaf("web.example"))
	var mu sync.Mutex
	seen := ""
	s.config.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		mu.Lock()
		defer mu.Unlock()
		var suites []string
		for _, id := range h.CipherSuites {
			if !slices.ContainsFunc(tls.CipherSuites(), func(s *tls.CipherSuite) bool { return s.ID == id && s.SupportedVersions[0] == tls.VersionTLS13 }) {
				suites = append(suites, tls.CipherSuiteName(id))
			}
		}
		seen = fmt.Sprint(tls.VersionName(slices.Min(h.SupportedVersions)), "-", tls.VersionName(slices.Max(h.SupportedVersions)), " ", len(suites), suites[:min(2, len(suites))], h.SupportedCurves)
		return nil, nil
	}
	address := s.serve(t)
	for config, want := range map[string]string{
		`"min_version": "1.0", "max_version": "1.1"`:                                                                   "TLS 1.0-TLS 1.1",
		`"max_version": "1.2", "ciphers": ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]`:                                 "TLS 1.2-TLS 1.2 1 [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]",
		`"ciphers": ["TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"], "curves": ["secp384r1"]`: "TLS 1.2-TLS 1.3 2 [TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA TLS_RSA_WITH_AES_128_CBC_SHA] [CurveP384]",
	} {
		checked(provisioned(t, "tls", `{"verify": "none", `+config+`}`), to(address))
		mu.Lock()
		if !strings.HasPrefix(seen, want) {
			t.Errorf("%s: got %s, want %s", config, seen, want)
		}
		mu.Unlock()
	}
	newer := secureServer(t, leaf("web.example"))
	newer.config.MinVersion = tls.VersionTLS13
	expectResult(t, checked(provisioned(t, "tls", `{"verify": "none", "max_version": "1.2"}`), to(newer.serve(t))), pool.Layer6Response, "server says: protocol version not supported")
}

func TestInvalidOffers(t *testing.T) {
	for config, want := range map[string]string{
		`{"max_version": "1.4"}`:                                              `max_version: unknown word "1.4"`,
		`{"max_version": "1.1"}`:                                              "max_version 1.1 is less than min_version 1.2",
		`{"min_version": "1.3", "max_version": "1.2"}`:                        "max_version 1.2 is less than min_version 1.3",
		`{"ciphers": ["TLS_RSA_WITH_AES_128_CBC_SHA1"]}`:                      `ciphers: unknown cipher suite "TLS_RSA_WITH_AES_128_CBC_SHA1" of TLS 1.2; did you mean "TLS_RSA_WITH_AES_128_CBC_SHA"?`,
		`{"ciphers": ["TLS_AES_128_GCM_SHA256"]}`:                             `unknown cipher suite "TLS_AES_128_GCM_SHA256" of TLS 1.2`,
		`{"ciphers": ["TLS_RSA_WITH_AES_128_CBC_SHA"], "min_version": "1.3"}`: "ciphers and min_version 1.3 are mutually exclusive",
		`{"curves": ["x448"]}`:                                                `curves: unknown word "x448"`,
		`{"curves": [""]}`:                                                    "expected the name of a curve",
	} {
		_, err := load("tls", config)
		contains(t, err, want)
	}
}
