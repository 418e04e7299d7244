// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// faulty returns a correct hello after a change.
func faulty(change func(*testHello)) []byte {
	h := plainHello(sni("a.example"))
	change(&h)
	return h.raw()
}

func TestRefused(t *testing.T) {
	name := func(data []byte) []byte { return plainHello(extension(extensionServerName, data)).raw() }
	protocols := func(data []byte) []byte { return plainHello(extension(extensionALPN, data)).raw() }
	versions := func(data []byte) []byte { return plainHello(extension(extensionSupportedVersions, data)).raw() }
	extensions := func(b []byte) []byte { return faulty(func(h *testHello) { h.extensions = b }) }
	body := func(b []byte) []byte { return records(handshake(typeClientHello, b), maxPlaintext) }
	good := plainHello(sni("a.example"))
	fixed := plainHello().body() // version, random, session id, suites, compressions
	beforeSuites := fixed[:2+32+1+32]

	tests := []struct {
		name   string
		raw    []byte
		detail error
	}{
		{"empty record", record(22, nil), errEmptyRecord},
		{"empty second record", concat(record(22, good.message()[:9]), record(22, nil)), errEmptyRecord},
		{"record of 16385 bytes", []byte{22, 3, 1, 0x40, 0x01}, errLongRecord},
		{"record of 65535 bytes", []byte{22, 3, 1, 0xff, 0xff}, errLongRecord},
		{"second record of 16385 bytes", concat(record(22, good.message()[:1]), []byte{22, 3, 3, 0x40, 0x01}), errLongRecord},
		{"alert in the hello", concat(record(22, good.message()[:9]), record(21, []byte{1, 0})), errInterleaved},
		{"change_cipher_spec in the hello", concat(record(22, good.message()[:9]), record(20, []byte{1})), errInterleaved},
		{"application data in the hello", concat(record(22, good.message()[:9]), record(23, []byte{1})), errInterleaved},
		{"heartbeat in the hello", concat(record(22, good.message()[:2]), record(24, []byte{1})), errInterleaved},
		{"other protocol in the hello", concat(record(22, good.message()[:9]), []byte("GET")), errInterleaved},

		{"HelloRequest", record(22, handshake(0, good.body())), errNotClientHello},
		{"ServerHello", record(22, handshake(2, good.body())), errNotClientHello},
		{"Finished", record(22, handshake(20, good.body())), errNotClientHello},
		{"handshake type 255", record(22, []byte{255}), errNotClientHello},
		{"body of 0 bytes", body(nil), errShortHello},
		{"body of 1 byte", body([]byte{3}), errShortHello},
		{"body of 40 bytes", body(make([]byte, 40)), errShortHello},

		{"session id of 33 bytes", faulty(func(h *testHello) { h.sessionID = make([]byte, 33) }), errSessionID},
		{"session id of 255 bytes", faulty(func(h *testHello) { h.sessionID = make([]byte, 255) }), errSessionID},
		{"session id cut off", body(append(fixed[:34:34], 32, 1, 2, 3, 4, 5, 6, 7)), errSessionID},
		{"no cipher suites", faulty(func(h *testHello) { h.cipherSuites = nil }), errCipherSuites},
		{"odd cipher suites", faulty(func(h *testHello) { h.cipherSuites = []byte{0x13, 1, 0x13} }), errCipherSuites},
		{"cipher suites cut off", body(slices.Concat(beforeSuites, []byte{0xff, 0xfe, 0x13, 1})), errCipherSuites},
		{"cipher suites missing", body(beforeSuites), errCipherSuites},
		{"no compression methods", faulty(func(h *testHello) { h.compressions = nil }), errCompressions},
		{"compression methods cut off", body(append(fixed[:len(fixed)-2:len(fixed)-2], 2, 0)), errCompressions},
		{"compression methods missing", body(fixed[:len(fixed)-2]), errCompressions},

		{"extensions of one byte", faulty(func(h *testHello) { h.extensions, h.trailer = nil, []byte{0} }), errExtensions},
		{"extensions cut off", faulty(func(h *testHello) { h.extensions, h.trailer = nil, []byte{0, 1} }), errExtensions},
		{"byte after empty extensions", faulty(func(h *testHello) { h.extensions, h.trailer = []byte{}, []byte{0} }), errExtensions},
		{"byte after the extensions", faulty(func(h *testHello) { h.trailer = []byte{0} }), errExtensions},
		{"second message in the length", faulty(func(h *testHello) { h.trailer = good.message() }), errExtensions},

		{"extension of one byte", extensions([]byte{0}), errExtension},
		{"extension without length", extensions([]byte{0, 5}), errExtension},
		{"extension with half a length", extensions([]byte{0, 5, 0}), errExtension},
		{"extension too long", extensions([]byte{0, 5, 0, 1}), errExtension},
		{"unknown extension too long", extensions(concat(sni("a.b"), []byte{0xab, 0xcd, 0xff, 0xff, 0})), errExtension},
		{"server_name twice", extensions(concat(sni("a.b"), sni("a.b"))), errDuplicate},
		{"ALPN twice", extensions(concat(alpn("h2"), sni("a.b"), alpn("h2"))), errDuplicate},
		{"supported_versions twice", extensions(concat(supportedVersions(versionTLS13), supportedVersions(versionTLS12))), errDuplicate},
		{
			"nameless server_name twice",
			extensions(bytes.Repeat(extension(extensionServerName, vector16(sniEntry(1, "x"))), 2)), errDuplicate,
		},

		{"server_name without data", name(nil), errNameList},
		{"server_name of one byte", name([]byte{0}), errNameList},
		{"server_name list too long", name([]byte{0, 9, 0, 0, 1, 'a'}), errNameList},
		{"server_name list too short", name(append(vector16(sniEntry(0, "a.b")), 0)), errNameList},
		{"server_name list empty", name(vector16(nil)), errNoName},
		{"server_name entry without length", name(vector16([]byte{0})), errNameList},
		{"server_name entry too long", name(vector16([]byte{0, 0, 9, 'a'})), errNameList},
		{"server_name entry of unknown type too long", name(vector16([]byte{7, 0xff, 0xff, 'a'})), errNameList},
		{"byte after the name", name(vector16(append(sniEntry(0, "a.b"), 0))), errNameList},
		{"empty name", name(vector16(sniEntry(0, ""))), errEmptyName},
		{"name that is a dot", name(vector16(sniEntry(0, "."))), errEmptyName},
		{"name of 256 bytes", name(vector16(sniEntry(0, strings.Repeat("a", 256)))), errLongName},
		{"name of 255 bytes and a dot", name(vector16(sniEntry(0, strings.Repeat("a", 255)+"."))), errLongName},
		{"name of 60000 bytes", name(vector16(sniEntry(0, strings.Repeat("a", 60000)))), errLongName},
		{"NUL first", name(vector16(sniEntry(0, "\x00a.example"))), errNameNUL},
		{"NUL inside", name(vector16(sniEntry(0, "a.example\x00.evil.example"))), errNameNUL},
		{"NUL last", name(vector16(sniEntry(0, "a.example\x00"))), errNameNUL},
		{"second name", plainHello(sni("a.example", "b.example")).raw(), errSecondName},
		{"the same name again", plainHello(sni("a.example", "a.example")).raw(), errSecondName},

		{"ALPN without data", protocols(nil), errALPN},
		{"ALPN list too long", protocols([]byte{0, 4, 2, 'h', '2'}), errALPN},
		{"ALPN list too short", protocols([]byte{0, 3, 2, 'h', '2', 0}), errALPN},
		{"ALPN list empty", protocols(vector16(nil)), errNoALPN},
		{"ALPN name too long", protocols(vector16([]byte{3, 'h', '2'})), errALPN},
		{"ALPN name empty", plainHello(alpn("h2", "", "http/1.1")).raw(), errEmptyALPN},
		{"ALPN of 16000 empty names", protocols(vector16(make([]byte, 16000))), errEmptyALPN},

		{"supported_versions without data", versions(nil), errVersionList},
		{"supported_versions empty", versions(vector8(nil)), errVersionList},
		{"supported_versions odd", versions(vector8([]byte{3, 4, 3})), errVersionList},
		{"supported_versions list too long", versions([]byte{4, 3, 4}), errVersionList},
		{"supported_versions list too short", versions([]byte{2, 3, 4, 3, 3}), errVersionList},
		{"supported_versions with a 16-bit length", versions(vector16([]byte{3, 4})), errVersionList},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := verdict{Outcome: Malformed, Detail: tt.detail.Error(), SpokeTLS: true}
			if diff := difference(want, inspectAll(t, tt.raw)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestMalformedInRecords sends what is wrong with a message in small records: the verdict is the same.
func TestMalformedInRecords(t *testing.T) {
	message := plainHello(sni("a.example", "b.example")).message()
	want := verdict{Outcome: Malformed, Detail: errSecondName.Error(), SpokeTLS: true}
	for size := 1; size <= len(message); size++ {
		if diff := difference(want, inspectAll(t, records(message, size))); diff != "" {
			t.Fatalf("records of %d bytes (-want +got):\n%s", size, diff)
		}
	}
}
