// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// The tests of this file are named after vulnerabilities of other proxies; docs/security.md has a
// table of all.

// TestCVE_2026_32305: Traefik saw no name in a hello that spans several records, and chose the
// laxest configuration for it. Here a hello has the same name however it is split, and splitting a
// rejected message never makes it a hello.
func TestCVE_2026_32305(t *testing.T) {
	cuts := func(message []byte, compare func(raw []byte, how string, at int)) {
		for at := 1; at < len(message); at++ {
			compare(hellotest.Records(message, at, maxPlaintext), "two records, cut at", at)
		}
		compare(hellotest.Records(message, 1), "records of", 1)
	}
	hellos := slices.Concat(namedHellos(), flaggedHellos(), capturedHellos(t), slices.Collect(maps.Values(clientMessages(t))))
	for _, message := range hellos {
		want, err := Parse(hellotest.Records(message))
		if err != nil {
			t.Fatalf("%v: %x", err, message)
		}
		cuts(message, func(raw []byte, how string, at int) {
			got, err := Parse(raw)
			if err != nil || got.HasServerName() != want.HasServerName() || !bytes.Equal(got.ServerName(), want.ServerName()) {
				t.Fatalf("%s %d: name %q (%v), want %q: %x", how, at, got.ServerName(), err, want.ServerName(), message)
			}
		})
		// Nor is there an earlier verdict without the name.
		if got := inspect(t, hellotest.Records(message, 1), 0, 1); got.ServerName != string(want.ServerName()) {
			t.Fatalf("byte by byte: name %q, want %q: %x", got.ServerName, want.ServerName(), message)
		}
	}
	refused := 0
	for _, tt := range hellotest.Refused() {
		message, ok := messageIn(tt.Raw)
		if !ok || len(message) > 5000 {
			continue
		}
		refused++
		cuts(message, func(raw []byte, how string, at int) {
			if _, err := Parse(raw); err == nil || errors.Is(err, ErrNeedMore) {
				t.Errorf("%s, %s %d: %v", tt.Name, how, at, err)
			}
		})
	}
	t.Logf("%d hellos, %d refused messages", len(hellos), refused)
}

// TestCVE_2020_8660: Envoy did not recognize a client that offers only TLS 1.3, and chose another
// filter chain. Here a hello with any set of versions is found, with its highest version, whatever
// GREASE and ciphers it has.
func TestCVE_2020_8660(t *testing.T) {
	versions := []uint16{versionTLS10, versionTLS11, versionTLS12, versionTLS13}
	check := func(raw []byte, want uint16, what string) {
		t.Helper()
		if got := inspectAll(t, raw); got.Outcome != Found || got.ServerName != clientName || got.Version != want {
			t.Errorf("%s: %v, name %q, version %#04x; want %#04x", what, got.Outcome, got.ServerName, got.Version, want)
		}
	}
	for i, from := range versions {
		for _, to := range versions[i:] {
			raw := hellotest.Capture(t, &tls.Config{ServerName: clientName, MinVersion: from, MaxVersion: to})
			check(raw, to, fmt.Sprintf("crypto/tls from %s to %s", VersionName(from), VersionName(to)))
		}
	}
	suites := [][]uint16{{0x1301}, {0x1301, 0x1302, 0x1303}, {grease, 0x1303}, {0x1301, 0xc02f, 0x002f}, {0xc02f, 0x00ff}}
	for set := 1; set < 1<<len(versions); set++ {
		var offered []uint16 // the highest first
		for i, version := range versions {
			if set>>i&1 != 0 {
				offered = slices.Insert(offered, 0, version)
			}
		}
		lists := [][]uint16{offered, slices.Concat([]uint16{grease}, offered), append(slices.Clone(offered), 0xfafa)}
		for _, list := range lists {
			for _, suites := range suites {
				h := hellotest.Plain(hellotest.SNI(clientName), hellotest.SupportedVersions(list...))
				h.CipherSuites = hellotest.Uint16s(suites...)
				check(h.Raw(), offered[0], fmt.Sprintf("versions %04x, cipher suites %04x", list, suites))
			}
		}
	}
}

// TestCVE_2026_42505: crypto/tls exposed pre-shared key identities in the outer hello, which
// identify clients with ECH. Here fingerprints do not depend on them, nor on tickets, session IDs,
// keys and the content of ECH.
func TestCVE_2026_42505(t *testing.T) {
	hello := func(secret string) *Hello {
		identities := hellotest.Vector16(append(hellotest.Vector16([]byte(secret)), 0, 0, 0, 0))
		binders := hellotest.Vector16(hellotest.Vector8([]byte(secret)))
		h := hellotest.Plain(
			hellotest.SNI(clientName),
			hellotest.ALPN("h2"),
			hellotest.SupportedVersions(versionTLS13),
			hellotest.Extension(35, []byte(secret)),
			hellotest.Extension(extensionKeyShare, hellotest.Vector16(hellotest.KeyShare(0x001d, []byte(secret)))),
			hellotest.Extension(extensionECH, []byte(secret)),
			hellotest.Extension(extensionPreSharedKey, slices.Concat(identities, binders)),
		)
		h.SessionID = []byte(secret)[:min(len(secret), 32)]
		body := h.Body()
		copy(body[2:2+32], secret)
		parsed, err := Parse(hellotest.Records(hellotest.Handshake(typeClientHello, body)))
		if err != nil || !parsed.PSK() || !parsed.ECH() {
			t.Fatalf("%+v: %v", parsed, err)
		}
		return &parsed
	}
	want := hello("one client")
	for _, secret := range []string{"other user", "x", strings.Repeat("a long one ", 20)} {
		got := hello(secret)
		if got.JA3() != want.JA3() || got.JA4() != want.JA4() {
			t.Errorf("%q: JA3 %s, JA4 %s; another client has %s, %s", secret, got.JA3(), got.JA4(), want.JA3(), want.JA4())
		}
		if text := string(got.AppendJA3String(nil)); strings.Contains(text, secret) {
			t.Errorf("%q is in %q", secret, text)
		}
	}
}
