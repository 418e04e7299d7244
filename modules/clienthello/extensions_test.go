// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

func TestHelloLists(t *testing.T) {
	groups := func(values ...uint16) verdict { return fields(func(v *verdict) { v.Groups = values }) }
	schemes := func(values ...uint16) verdict { return fields(func(v *verdict) { v.SignatureAlgorithms = values }) }
	formats := func(values string) verdict { return fields(func(v *verdict) { v.PointFormats = values }) }
	protocols := func(names ...string) verdict { return fields(func(v *verdict) { v.ALPN = names }) }
	short := slices.Repeat([]string{"x"}, 30_000)
	long := []string{strings.Repeat("x", 255), "y", strings.Repeat("z", 255)}
	many := slices.Repeat([]uint16{0x0403, grease}, 16_000)

	for _, tt := range []helloTest{
		{"ALPN in order", hellotest.Plain(hellotest.ALPN("h2", "http/1.1", "\x3a\x3a")), protocols("h2", "http/1.1", "\x3a\x3a")},
		{"ALPN twice the same", hellotest.Plain(hellotest.ALPN("h2", "h2")), protocols("h2", "h2")},
		{"ALPN of any bytes", hellotest.Plain(hellotest.ALPN("\x00", "\xff\r\n")), protocols("\x00", "\xff\r\n")},
		{"ALPN of 255 bytes", hellotest.Plain(hellotest.ALPN(long...)), protocols(long...)},
		{"30000 ALPN protocols", hellotest.Plain(hellotest.ALPN(short...)), protocols(short...)},

		{"one group", hellotest.Plain(hellotest.Groups(0x001d)), groups(0x001d)},
		{"groups with GREASE and one twice", hellotest.Plain(hellotest.Groups(grease, 0x001d, 0, 0x001d)), groups(grease, 0x001d, 0, 0x001d)},
		{"post-quantum group without a share", hellotest.Plain(hellotest.Groups(0x11ec, 0x6399)), groups(0x11ec, 0x6399)},
		{"32000 groups", hellotest.Plain(hellotest.Groups(many...)), groups(many...)},

		{"one signature algorithm", hellotest.Plain(hellotest.SignatureAlgorithms(0x0403)), schemes(0x0403)},
		{"32000 signature algorithms", hellotest.Plain(hellotest.SignatureAlgorithms(many...)), schemes(many...)},
		{"point format", hellotest.Plain(hellotest.PointFormats(0)), formats("\x00")},
		{"point formats", hellotest.Plain(hellotest.PointFormats(2, 0, 2)), formats("\x02\x00\x02")},
	} {
		tt.run(t)
	}
}

func TestHelloKeyShares(t *testing.T) {
	shares := func(postQuantum bool, groups ...uint16) verdict {
		return fields(func(v *verdict) { v.KeyShares, v.PostQuantum = groups, postQuantum })
	}
	entries := func(entries ...[]byte) hellotest.ClientHello {
		return hellotest.Plain(hellotest.Extension(extensionKeyShare, hellotest.Vector16(slices.Concat(entries...))))
	}
	for _, tt := range []helloTest{
		{"no share", entries(), shares(false)},
		{"no share of a post-quantum group", hellotest.Plain(hellotest.Groups(0x11ec), hellotest.KeyShares()), fields(func(v *verdict) { v.Groups = []uint16{0x11ec} })},
		{"keys of other lengths", entries(hellotest.KeyShare(0x001d, []byte{1}), hellotest.KeyShare(0x11ec, make([]byte, 60_000))), shares(true, 0x001d, 0x11ec)},
		{"post-quantum share before others", hellotest.Plain(hellotest.KeyShares(0x11ec, 0x001d)), shares(true, 0x11ec, 0x001d)},
		{"the same group twice", hellotest.Plain(hellotest.KeyShares(0x001d, 0x001d)), shares(false, 0x001d, 0x001d)},
		{
			"13000 shares", entries(bytes.Repeat(hellotest.KeyShare(0x0017, []byte{1}), 13_000)),
			shares(false, slices.Repeat([]uint16{0x0017}, 13_000)...),
		},
	} {
		tt.run(t)
	}
	// The groups of groups.go, repeated so that a change there is deliberate.
	postQuantum := []uint16{
		0x0200, 0x0201, 0x0202, 0x11eb, 0x11ec, 0x11ed, 0x11ee, 0x6399, 0x639a, 0xfe30, 0xfe31, 0xfe32,
	}
	for group := range 1 << 16 {
		if want := slices.Contains(postQuantum, uint16(group)); isPostQuantum(uint16(group)) != want {
			t.Errorf("group %#04x: post-quantum %v, want %v", group, !want, want)
		}
	}
	for _, group := range slices.Concat(postQuantum, []uint16{0x001d, 0x001e, 0x0017, 0x0018, 0x0019, 0x0100, 0x0a0a, 0xfafa, 0, 0xffff}) {
		helloTest{
			fmt.Sprintf("share of group %#04x", group), hellotest.Plain(hellotest.KeyShares(0x0018, group)),
			shares(slices.Contains(postQuantum, group), 0x0018, group),
		}.run(t)
	}
}

func TestExtensions(t *testing.T) {
	of := func(types ...uint16) verdict {
		return fields(func(v *verdict) { v.Extensions = types })
	}
	empty := func(types ...uint16) hellotest.ClientHello {
		var block []byte
		for _, kind := range types {
			block = append(block, hellotest.Extension(kind, nil)...)
		}
		return hellotest.Plain(block)
	}
	with := func(v verdict, change func(*verdict)) verdict {
		change(&v)
		return v
	}
	many := make([]uint16, 10_000)
	for k := range many {
		many[k] = uint16(5000 + 6*k) // not parsed
	}
	psk := func(v *verdict) { v.PSK = true }
	early := func(v *verdict) { v.EarlyData = true }
	ech := func(v *verdict) { v.ECH = true }

	for _, tt := range []helloTest{
		{"unknown ones in order", empty(4711, 1, grease, 62, 17, 0x0a0a, 2), of(4711, 1, grease, 62, 17, 0x0a0a, 2)},
		{"63", empty(63), of(63)},
		{"64", empty(64), of(64)},
		{"65535", empty(65535), of(65535)},
		{"those with the same bit as known ones", empty(64, 64+10, 64+16, 128+43, 0x8000, 256+51), of(64, 64+10, 64+16, 128+43, 0x8000, 256+51)},
		{"all GREASE", empty(0x0a0a, 0x1a1a, 0xfafa), of(0x0a0a, 0x1a1a, 0xfafa)},
		{"10000 unknown ones", empty(many...), of(many...)},
		{"odd contents of unknown ones", hellotest.Plain(
			hellotest.Extension(4711, []byte("?")), hellotest.Extension(5, []byte{0, 0, 9}), hellotest.Extension(35, make([]byte, 60_000)),
		), of(4711, 5, 35)},

		{"pre_shared_key without data", empty(41), with(of(41), psk)},
		{"pre_shared_key of nonsense, not last", hellotest.Plain(hellotest.Extension(41, []byte{0, 99, 1}), hellotest.Extension(5, nil)), with(of(41, 5), psk)},
		{"early_data without data", empty(42), with(of(42), early)},
		{"early_data of nonsense", hellotest.Plain(hellotest.Extension(42, []byte{0, 99, 1})), with(of(42), early)},
		{"ECH without data", empty(extensionECH), with(of(extensionECH), ech)},
		{"ECH of nonsense", hellotest.Plain(hellotest.Extension(extensionECH, []byte{9, 99, 1})), with(of(extensionECH), ech)},
		{"ECH draft of another number", empty(0xfe08, 0xfe09, 0xffce), of(0xfe08, 0xfe09, 0xffce)},
	} {
		tt.run(t)
	}
}
