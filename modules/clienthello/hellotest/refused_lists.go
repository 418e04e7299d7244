// SPDX-License-Identifier: Apache-2.0

package hellotest

import (
	"bytes"
	"slices"
	"strings"
)

func refusedNames() []Refusal {
	const (
		list  = "server_name: entries do not fill the list, or the list not the extension"
		none  = "server_name: empty list"
		empty = "server_name: empty name"
		long  = "server_name: name longer than 255 bytes"
		nul   = "server_name: NUL byte in the name"
		again = "server_name: second host_name"
	)
	data := func(b ...byte) []byte { return Plain(Extension(TypeServerName, b)).Raw() }
	entries := func(parts ...[]byte) []byte { return data(Vector16(slices.Concat(parts...))...) }
	name := func(name string) []byte { return Plain(SNI(name)).Raw() }

	return []Refusal{
		malformed(list, "server_name without data", data()),
		malformed(list, "server_name of one byte", data(0)),
		malformed(list, "server_name list too long", data(0, 9, 0, 0, 1, 'a')),
		malformed(list, "server_name list too short", data(append(Vector16(SNIEntry(0, "a.b")), 0)...)),
		malformed(list, "server_name entry of one byte", entries([]byte{0})),
		malformed(list, "server_name entry with half a length", entries([]byte{0, 0})),
		malformed(list, "server_name entry too long", entries([]byte{0, 0, 9, 'a'})),
		malformed(list, "server_name entry of unknown type too long", entries([]byte{7, 0xff, 0xff, 'a'})),
		malformed(list, "byte after the name", entries(SNIEntry(0, "a.b"), []byte{0})),
		malformed(list, "name cut off after 10000 of unknown type", entries(
			bytes.Repeat(SNIEntry(1, ""), 10_000), []byte{0, 0, 9, 'a'})),
		malformed(none, "server_name list empty", entries()),
		malformed(empty, "empty name", name("")),
		malformed(empty, "name that is a dot", name(".")),
		malformed(empty, "empty name before a good one", entries(SNIEntry(0, ""), SNIEntry(0, "a.b"))),
		malformed(long, "name of 256 bytes", name(strings.Repeat("a", 256))),
		malformed(long, "name of 255 bytes and a dot", name(strings.Repeat("a", 255)+".")),
		malformed(long, "name of 60000 bytes", name(strings.Repeat("a", 60_000))),
		malformed(nul, "NUL first", name("\x00a.example")),
		malformed(nul, "NUL inside", name("a.example\x00.evil.example")),
		malformed(nul, "NUL last", name("a.example\x00")),
		malformed(nul, "NUL alone", name("\x00")),
		malformed(again, "second name", Plain(SNI("a.example", "b.example")).Raw()),
		malformed(again, "the same name again", Plain(SNI("a.example", "a.example")).Raw()),
		malformed(again, "second name after one of unknown type", entries(
			SNIEntry(0, "a.example"), SNIEntry(7, "x"), SNIEntry(0, "b.example"))),
		malformed(again, "second name empty", entries(SNIEntry(0, "a.example"), SNIEntry(0, ""))),
	}
}

func refusedALPN() []Refusal {
	const (
		list  = "ALPN: names do not fill the list, or the list not the extension"
		none  = "ALPN: empty list"
		empty = "ALPN: empty protocol name"
	)
	data := func(b ...byte) []byte { return Plain(SNI("a.example"), Extension(TypeALPN, b)).Raw() }
	names := func(names ...string) []byte { return Plain(SNI("a.example"), ALPN(names...)).Raw() }

	return []Refusal{
		malformed(list, "ALPN without data", data()),
		malformed(list, "ALPN with half a length", data(0)),
		malformed(list, "ALPN list too long", data(0, 4, 2, 'h', '2')),
		malformed(list, "ALPN list too short", data(0, 3, 2, 'h', '2', 0)),
		malformed(list, "ALPN name too long", data(Vector16([]byte{3, 'h', '2'})...)),
		malformed(list, "ALPN name of 255 bytes that are not there", data(Vector16([]byte{2, 'h', '2', 255})...)),
		malformed(none, "ALPN list empty", names()),
		malformed(empty, "ALPN name empty", names("")),
		malformed(empty, "ALPN name empty, the second", names("h2", "", "http/1.1")),
		malformed(empty, "ALPN name empty, the last", names("h2", "")),
		malformed(empty, "ALPN of 16384 empty names", data(Vector16(make([]byte, 16<<10))...)),
	}
}

// refusedLists returns faults in the extensions that hold one list of numbers.
func refusedLists() []Refusal {
	const (
		versions   = "supported_versions: list empty, of odd length or not as long as the extension"
		groups     = "supported_groups: list empty, of odd length or not as long as the extension"
		formats    = "ec_point_formats: list empty or not as long as the extension"
		signatures = "signature_algorithms: list empty, of odd length or not as long as the extension"
	)
	var all []Refusal
	add := func(detail string, kind uint16, what string, data ...byte) {
		name, _, _ := strings.Cut(detail, ":")
		all = append(all, malformed(detail, name+" "+what, Plain(SNI("a.example"), Extension(kind, data)).Raw()))
	}
	for _, list := range []struct {
		detail string
		kind   uint16
	}{{groups, TypeGroups}, {signatures, TypeSignatureAlgorithms}} {
		add(list.detail, list.kind, "without data")
		add(list.detail, list.kind, "with half a length", 0)
		add(list.detail, list.kind, "empty", 0, 0)
		add(list.detail, list.kind, "of one byte", 0, 1, 4)
		add(list.detail, list.kind, "odd", 0, 3, 4, 3, 4)
		add(list.detail, list.kind, "list too long", 0, 4, 4, 3)
		add(list.detail, list.kind, "list of 65535 bytes that are not there", 0xff, 0xff, 4, 3)
		add(list.detail, list.kind, "list too short", 0, 2, 4, 3, 8, 4)
		add(list.detail, list.kind, "empty before a byte", 0, 0, 4)
		add(list.detail, list.kind, "with an 8-bit length", 2, 4, 3)
	}
	add(versions, TypeSupportedVersions, "without data")
	add(versions, TypeSupportedVersions, "empty", 0)
	add(versions, TypeSupportedVersions, "of one byte", 1, 3)
	add(versions, TypeSupportedVersions, "odd", 3, 3, 4, 3)
	add(versions, TypeSupportedVersions, "list too long", 4, 3, 4)
	add(versions, TypeSupportedVersions, "list too short", 2, 3, 4, 3, 3)
	add(versions, TypeSupportedVersions, "with a 16-bit length", 0, 2, 3, 4)
	add(formats, TypePointFormats, "without data")
	add(formats, TypePointFormats, "empty", 0)
	add(formats, TypePointFormats, "list too long", 2, 0)
	add(formats, TypePointFormats, "list too short", 1, 0, 1)
	add(formats, TypePointFormats, "with a 16-bit length", 0, 1, 0)
	return all
}

func refusedKeyShares() []Refusal {
	const detail = "key_share: shares do not fill the list, or the list not the extension, or an empty key"
	refuse := func(name string, data ...byte) Refusal {
		return malformed(detail, "key_share "+name, Plain(SNI("a.example"), Extension(TypeKeyShare, data)).Raw())
	}
	list := func(name string, parts ...[]byte) Refusal { return refuse(name, Vector16(slices.Concat(parts...))...) }
	x25519 := KeyShare(0x001d, make([]byte, 32))

	return []Refusal{
		refuse("without data"),
		refuse("with half a length", 0),
		refuse("list too long", append([]byte{0, 37}, x25519...)...),
		refuse("list too short", append(Vector16(x25519), 0)...),
		refuse("empty before a byte", 0, 0, 0),
		list("with one byte of a group", []byte{0}),
		list("with a group alone", []byte{0, 0x1d}),
		list("with half a length of a key", []byte{0, 0x1d, 0}),
		list("with an empty key", KeyShare(0x001d, nil)),
		list("with an empty key, the second", x25519, KeyShare(0x0017, nil)),
		list("with an empty key for GREASE", KeyShare(0x2a2a, nil), x25519),
		list("with a key too long", []byte{0, 0x1d, 0, 33}, make([]byte, 32)),
		list("with a key of 65535 bytes that are not there", []byte{0, 0x1d, 0xff, 0xff}, make([]byte, 32)),
		list("with half a header after a share", x25519, []byte{0, 0x17, 0}),
		list("with a byte after the shares", x25519, []byte{0}),
		list("with a key too long after 10000 others", bytes.Repeat(KeyShare(0x001d, []byte{1}), 10_000), []byte{0, 0x17, 0, 2, 0}),
	}
}

// refusedTogether returns messages with several faults, of which the first decides.
func refusedTogether() []Refusal {
	oddGroups := Extension(TypeGroups, []byte{0, 1, 0})
	return []Refusal{
		malformed("server_name: second host_name", "second name, then an odd list", Plain(SNI("a", "b"), oddGroups).Raw()),
		malformed(
			"supported_groups: list empty, of odd length or not as long as the extension",
			"odd list, then a second name", Plain(oddGroups, SNI("a", "b")).Raw(),
		),
		malformed("extension present twice", "extension twice, the second one odd", Plain(Groups(0x001d), oddGroups).Raw()),
		malformed("ALPN: empty list", "fault after a server name and 10000 extensions", Plain(
			SNI("a.example"), manyExtensions(20_000, 10_000), ALPN()).Raw()),
		malformed(
			"cipher suites cut off, empty or of odd length", "no cipher suites, no compression methods and no extensions",
			ClientHello{Version: 0x0303, SessionID: make([]byte, 9), Extensions: []byte{}}.Raw(),
		),
	}
}
