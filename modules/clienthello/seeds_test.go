// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// A seed is an input for the fuzz targets, which framed turns into bytes.
type seed struct {
	data []byte
	body bool
	size uint16
}

// framed turns fuzzer input into bytes on the wire. The input is either the raw bytes, or the body
// of a ClientHello, so that the lengths around it stay correct while the fuzzer changes it.
func framed(data []byte, body bool, size uint16) []byte {
	if !body || len(data) > DefaultMaxHello {
		return data
	}
	return hellotest.Records(hellotest.Handshake(typeClientHello, data), int(size)%maxPlaintext+1)
}

// seeds returns hellos of real clients, all combinations of extensions, a hello with a fault at
// each byte, and the table of hellotest; alternately as bodies and in records of different sizes.
func seeds(t testing.TB) (all []seed) {
	sizes := []int{maxPlaintext, 100, 1, 300, 48}
	add := func(message []byte) {
		size := sizes[len(all)%len(sizes)]
		if body := message[handshakeHeaderLen:]; len(all)%2 == 0 && slices.Equal(message, hellotest.Handshake(typeClientHello, body)) {
			all = append(all, seed{body, true, uint16(size - 1)})
			return
		}
		all = append(all, seed{hellotest.Records(message, size), false, uint16(size)})
	}
	for _, messages := range [][][]byte{namedHellos(), listedHellos(), flaggedHellos(), damagedHellos(), capturedHellos(t)} {
		for _, message := range messages {
			add(message)
		}
	}
	for _, message := range clientMessages(t) {
		add(message)
	}
	for _, refused := range hellotest.Refused() {
		if message, ok := messageIn(refused.Raw); ok {
			add(message)
		} else {
			all = append(all, seed{refused.Raw, false, uint16(len(refused.Raw) / 2)})
		}
	}
	return all
}

func addSeeds(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s.data, s.body, s.size)
	}
}

// TestSeeds checks the number of seeds. The same message in other records does not count as another
// hello.
func TestSeeds(t *testing.T) {
	hellos, outcomes := make(map[string]bool), make(map[Outcome]int)
	for _, s := range seeds(t) {
		raw := framed(s.data, s.body, s.size)
		outcomes[inspect(t, raw, 0, len(raw)+1).Outcome]++
		if message, ok := messageIn(raw); ok {
			raw = message
		}
		hellos[string(raw)] = true
	}
	t.Logf("%d distinct: %v", len(hellos), outcomes)
	if len(hellos) < 1000 {
		t.Errorf("%d distinct hellos, want 1000", len(hellos))
	}
}

// with returns hellos with each combination of one element from each list. A nil element is no
// extension.
func with(lists ...[][]byte) (messages [][]byte) {
	blocks := [][]byte{{}}
	for _, list := range lists {
		var longer [][]byte
		for _, block := range blocks {
			for _, extension := range list {
				longer = append(longer, slices.Concat(block, extension))
			}
		}
		blocks = longer
	}
	for _, block := range blocks {
		messages = append(messages, hellotest.Plain(block).Message())
	}
	return messages
}

func namedHellos() [][]byte {
	unknown := hellotest.SNIEntry(9, "x")
	names := [][]byte{
		nil,
		hellotest.SNI("a"),
		hellotest.SNI("A.Example."),
		hellotest.SNI("xn--bcher-kva.example"),
		hellotest.SNI("192.0.2.1"),
		hellotest.SNI("2001:db8::1"),
		hellotest.SNI(strings.Repeat("a", 255)),
		hellotest.SNI("../\r\n\xff"),
		hellotest.Extension(extensionServerName, hellotest.Vector16(unknown)),
		hellotest.Extension(extensionServerName, hellotest.Vector16(slices.Concat(unknown, hellotest.SNIEntry(0, "a.example")))),
	}
	protocols := [][]byte{
		nil,
		hellotest.ALPN("h2", "http/1.1"),
		hellotest.ALPN("http/1.1"),
		hellotest.ALPN("acme-tls/1"),
		hellotest.ALPN("\x3a\x3a", "h2"),
		hellotest.ALPN(strings.Repeat("x", 255), "y"),
	}
	versions := [][]byte{
		nil,
		hellotest.SupportedVersions(versionTLS13),
		hellotest.SupportedVersions(grease, versionTLS13, versionTLS12),
		hellotest.SupportedVersions(versionTLS12, versionTLS11, versionTLS10),
		hellotest.SupportedVersions(0x7f1c, 0x7f17),
	}
	return with(names, protocols, versions)
}

func listedHellos() [][]byte {
	groups := [][]byte{
		nil,
		hellotest.Groups(0x001d),
		hellotest.Groups(grease, 0x11ec, 0x001d, 0x0017, 0x0018),
		hellotest.Groups(0x6399, 0xfe31),
	}
	shares := [][]byte{
		nil,
		hellotest.KeyShares(),
		hellotest.KeyShares(0x001d),
		hellotest.KeyShares(grease, 0x11ec, 0x001d),
		hellotest.Extension(extensionKeyShare, hellotest.Vector16(hellotest.KeyShare(0x6399, []byte{1}))),
	}
	signatures := [][]byte{
		nil,
		hellotest.SignatureAlgorithms(0x0403),
		hellotest.SignatureAlgorithms(0x0403, 0x0804, 0x0401, grease, 0x0201),
	}
	formats := [][]byte{
		nil,
		hellotest.PointFormats(0),
		hellotest.PointFormats(0, 1, 2),
	}
	return with(groups, shares, signatures, formats)
}

func flaggedHellos() (messages [][]byte) {
	psk := [][]byte{nil, hellotest.Extension(extensionPreSharedKey, []byte{0, 7, 0, 1, 'x', 0, 0, 0, 0, 0, 2, 1, 9})}
	early := [][]byte{nil, hellotest.Extension(extensionEarlyData, nil)}
	ech := [][]byte{nil, hellotest.Extension(extensionECH, []byte{0, 0, 1, 0, 1, 7, 0, 1, 2, 0, 1, 3})}
	unknown := [][]byte{
		nil,
		slices.Concat(hellotest.Extension(grease, nil), hellotest.Extension(63, []byte{1}), hellotest.Extension(64, []byte{2})),
		hellotest.Extension(hellotest.TypePadding, make([]byte, 200)),
	}
	messages = with(early, ech, unknown, psk)
	for _, version := range []uint16{0, versionSSL3, versionTLS10, versionTLS11, versionTLS12, versionTLS13, 0xffff} {
		for _, id := range []int{0, 1, 31, 32} {
			for _, suites := range [][]uint16{{0x1301}, {grease, 0x1301, 0x1302, 0x00ff}, slices.Repeat([]uint16{0xc02f}, 100)} {
				messages = append(messages, hellotest.ClientHello{
					Version: version, SessionID: make([]byte, id), CipherSuites: hellotest.Uint16s(suites...), Compressions: make([]byte, 1+id),
				}.Message())
			}
		}
	}
	return messages
}

// damagedHellos returns copies of fullHello with one byte after the random changed, and copies that
// end there.
func damagedHellos() (messages [][]byte) {
	const random = 2 + 32
	body := fullHello().Body()
	for at := random; at < len(body); at++ {
		for _, change := range []byte{1, 0xff} {
			damaged := slices.Clone(body)
			damaged[at] += change
			messages = append(messages, hellotest.Handshake(typeClientHello, damaged))
		}
		messages = append(messages, hellotest.Handshake(typeClientHello, body[:at]))
	}
	return messages
}

// capturedHellos returns the hellos of crypto/tls in many configurations.
func capturedHellos(t testing.TB) (messages [][]byte) {
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS12, tls.VersionTLS13} {
		for _, protocols := range [][]string{nil, {"h2", "http/1.1"}} {
			for _, curves := range [][]tls.CurveID{nil, {tls.X25519, tls.CurveP256}, {tls.CurveP256}} {
				for _, name := range []string{clientName, "WWW.EXAMPLE.COM.", "192.0.2.1"} {
					raw := hellotest.Capture(t, &tls.Config{
						ServerName: name, NextProtos: protocols, CurvePreferences: curves,
						MinVersion: tls.VersionTLS10, MaxVersion: version, SessionTicketsDisabled: len(protocols) > 0,
					})
					messages = append(messages, raw[recordHeaderLen:])
				}
			}
		}
	}
	return append(messages, hellotest.Capture(t, echConfig(t))[recordHeaderLen:])
}
