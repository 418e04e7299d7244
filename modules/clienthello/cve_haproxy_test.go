// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// TestHAProxy_ed267f9bc: HAProxy trusted the length of a name, and read up to 50 KB past a hello of
// 65 bytes. Here a name never exceeds the list, the extension, the block and the hello that hold
// it, whatever bytes follow.
func TestHAProxy_ed267f9bc(t *testing.T) {
	const name = "a.example"
	rest := hellotest.ALPN("h2", strings.Repeat("x", 200))
	behind := slices.Concat(hellotest.Record(23, make([]byte, 20_000)), bytes.Repeat([]byte("a"), 60_000))
	// The lengths that grow with the name: of the list, of the extension and of the block.
	for growing := range 4 {
		var raw []byte // of the same length for every claim
		// Up to the longest claim that the bytes after the hello could satisfy.
		for claimed := len(name) + 1; claimed <= 0xffff-9; claimed += 1 + claimed/400 {
			more := [3]int{}
			for k := range growing {
				more[k] = claimed - len(name)
			}
			entry := slices.Concat([]byte{0}, number16(claimed), []byte(name))
			data := slices.Concat(number16(len(entry)+more[0]), entry)
			block := slices.Concat(number16(extensionServerName), number16(len(data)+more[1]), data, rest)
			if len(block)+more[2] > 0xffff {
				break
			}
			h := hellotest.Plain()
			h.Trailer = slices.Concat(number16(len(block)+more[2]), block)
			if raw == nil {
				raw = append(h.Raw(), behind...)
			}
			copy(raw, h.Raw())
			if hello, err := Parse(raw); !errors.Is(err, ErrMalformed) {
				t.Fatalf("name of %d bytes, %d lengths larger: name %q, %v", claimed, growing, hello.ServerName(), err)
			}
		}
	}
}

func number16(n int) []byte { return hellotest.Uint16s(uint16(n)) }

// A lengthField is the position of a length in a handshake message.
type lengthField struct {
	name     string
	at, size int
	skips    bool // the length of an extension that is skipped
}

func (f lengthField) wrong(by int) string { return fmt.Sprintf("length of %s: %+d", f.name, by) }

// lengthFields returns the lengths that are parsed in a valid hello.
func lengthFields(message []byte) (all []lengthField) {
	add := func(at, size int, name string) (number int) {
		all = append(all, lengthField{name: name, at: at, size: size})
		for _, b := range message[at : at+size] {
			number = number<<8 | int(b)
		}
		return number
	}
	// The bytes of the list's length, before an entry's length, and of the entry's length.
	inside := map[uint16]struct{ list, skip, entry int }{
		extensionServerName: {2, 1, 2}, extensionALPN: {2, 0, 1}, extensionKeyShare: {2, 2, 2}, extensionGroups: {2, 0, 0},
		extensionSignatures: {2, 0, 0}, extensionPointFormats: {1, 0, 0}, extensionSupportedVersions: {1, 0, 0},
	}
	add(1, 3, "message")
	at := handshakeHeaderLen + 2 + 32
	at += 1 + add(at, 1, "session id")
	at += 2 + add(at, 2, "cipher suites")
	at += 1 + add(at, 1, "compression methods")
	add(at, 2, "extensions")
	for at += 2; at < len(message); {
		kind := uint16At(message, at)
		name := fmt.Sprintf("extension %d", kind)
		end := at + 4 + add(at+2, 2, name)
		at += 4
		if in, ok := inside[kind]; ok {
			add(at, in.list, "the list in "+name)
			for at += in.list; at < end && in.entry > 0; {
				at += in.skip + in.entry + add(at+in.skip, in.entry, "an entry in "+name)
			}
		} else {
			all[len(all)-1].skips = true
		}
		at = end
	}
	return all
}

// wrongLengths calls check with hellos in which one length is off by 1 to 8, in records of the
// given size.
func wrongLengths(t *testing.T, size int, check func(raw []byte, which lengthField, by int)) {
	t.Helper()
	message := fullHello().Message()
	fields := lengthFields(message)
	if len(fields) < 25 {
		t.Fatalf("%d lengths: %v", len(fields), fields)
	}
	for _, field := range fields {
		last := field.at + field.size - 1
		for by := -8; by <= 8; by++ {
			number := int(message[last]) + by
			if field.size > 1 {
				number += int(message[last-1]) << 8
			}
			if by == 0 || number < 0 || field.size == 1 && number > 0xff {
				continue
			}
			changed := slices.Clone(message)
			changed[last] = byte(number)
			if field.size > 1 {
				changed[last-1] = byte(number >> 8)
			}
			check(hellotest.Records(changed, size), field, by)
		}
	}
}

// behindHello returns bytes to append to a hello, which a parser might take for part of it if a
// length is wrong.
func behindHello() map[string][]byte {
	other := hellotest.Plain(hellotest.SNI("evil.example"), hellotest.ALPN("evil"))
	return map[string][]byte{
		"nothing":              nil,
		"another hello":        other.Raw(),
		"its message alone":    other.Message(),
		"another server_name":  bytes.Repeat(hellotest.SNI("evil.example"), 20),
		"handshake record":     hellotest.Record(22, hellotest.SNI("evil.example")),
		"application data":     hellotest.Record(23, bytes.Repeat([]byte("evil.example"), 500)),
		"zeros":                make([]byte, 9000),
		"ones":                 bytes.Repeat([]byte{0xff}, 5000),
		"PROXY v2 TLV of SNI":  {2, 0, 12, 'e', 'v', 'i', 'l', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e'},
		"half a record header": {22, 3, 1},
	}
}

// TestHAProxy_265393651: HAProxy read four bytes too many of a preamble. Here a hello with a wrong
// length is malformed, whatever bytes follow. Only the length of a skipped extension may vary: the
// result is another valid hello, whose name is the same or missing.
func TestHAProxy_265393651(t *testing.T) {
	found := 0
	for _, size := range []int{maxPlaintext, 60, 1} {
		for what, behind := range behindHello() {
			wrongLengths(t, size, func(raw []byte, which lengthField, by int) {
				raw = slices.Concat(raw, behind)
				hello, err := Parse(raw)
				if err == nil && which.skips && slices.Contains([]string{"", clientName}, string(hello.ServerName())) {
					checkFields(t, &hello, firstMessage(raw))
					found++
					return
				}
				pending := errors.Is(err, ErrNeedMore) && which.name == "message" && by > 0
				if !errors.Is(err, ErrMalformed) && !pending {
					t.Errorf("records of %d bytes, %s behind, %s: name %q, %v", size, what, which.wrong(by), hello.ServerName(), err)
				}
			})
		}
	}
	t.Logf("%d of those with an extension that is skipped are hellos", found)
	// The length of a record decides where the next one begins, not how long the hello is.
	raw := fullHello().Raw()
	want := inspectAll(t, raw)
	for by := -8; by <= 8; by++ {
		changed := slices.Clone(raw)
		copy(changed[3:], number16(len(raw)-recordHeaderLen+by))
		for what, behind := range behindHello() {
			got := inspect(t, slices.Concat(changed, behind), 0, 1<<20)
			if by < 0 && got.Outcome != Malformed || by >= 0 && difference(want, got) != "" {
				t.Errorf("length of the record: %+d, %s behind: %+v", by, what, got)
			}
		}
	}
}

// TestHAProxy_8f507ae75: HAProxy had to fix that twice, since it had two copies of the parser. Here
// there is one: Parse and Inspection agree on every hello with a wrong length, however it is split.
func TestHAProxy_8f507ae75(t *testing.T) {
	verdicts := make(map[string]verdict)
	for _, size := range []int{maxPlaintext, 60, 7, 1} {
		wrongLengths(t, size, func(raw []byte, which lengthField, by int) {
			got := inspectAll(t, raw) // compares both
			key := fmt.Sprint(which.at, by)
			want, known := verdicts[key]
			if diff := difference(want, got); known && diff != "" {
				t.Errorf("records of %d bytes, %s (-in one record +here):\n%s", size, which.wrong(by), diff)
			}
			verdicts[key] = got
		})
	}
	t.Logf("%d hellos", len(verdicts))
}

// TestHAProxy_488ee7fb6: HAProxy read fields (TLVs) past their end, from the payload. Here no bytes
// after the first message, in its segment or its record, change the verdict.
func TestHAProxy_488ee7fb6(t *testing.T) {
	for what, behind := range behindHello() {
		for name, message := range clientMessages(t) {
			want := inspect(t, hellotest.Records(message), 0, 1<<20)
			for how, raw := range map[string][]byte{
				"in its segment": slices.Concat(hellotest.Records(message), behind),
				"after records":  slices.Concat(hellotest.Records(message, 100), behind),
				"in its record":  hellotest.Records(slices.Concat(message, behind)),
			} {
				if diff := difference(want, inspect(t, raw, 0, len(raw)+1)); diff != "" {
					t.Errorf("%s, %s %s (-alone +here):\n%s", name, what, how, diff)
				}
			}
		}
		for _, tt := range hellotest.Refused() {
			outcome, detail := refusal(inspect(t, slices.Concat(tt.Raw, behind), 0, 1<<20))
			if outcome != tt.Outcome || detail != tt.Detail {
				t.Errorf("%s, %s behind: %s, %q; want %s, %q", tt.Name, what, outcome, detail, tt.Outcome, tt.Detail)
			}
		}
	}
}

// TestHAProxy_efd3aa934: HAProxy accepted a short address block. Here a list that is cut off, with
// correct lengths around it, is malformed, or parsed up to its end.
func TestHAProxy_efd3aa934(t *testing.T) {
	whole := walkThrough(fullHello().Message())
	lists := map[uint16]int{ // bytes of the length of each list
		extensionServerName: 2, extensionALPN: 2, extensionKeyShare: 2, extensionGroups: 2, extensionSignatures: 2,
		extensionPointFormats: 1, extensionSupportedVersions: 1,
	}
	outcomes := make(map[Outcome]int)
	check := func(changed uint16, data []byte, mayBeFound bool) {
		t.Helper()
		var extensions [][]byte
		for _, kind := range whole.types {
			content := whole.data[kind]
			if kind == changed {
				content = data
			}
			extensions = append(extensions, hellotest.Extension(kind, content))
		}
		message := hellotest.Plain(extensions...).Message()
		got := inspectAll(t, hellotest.Records(message))
		outcomes[got.Outcome]++
		switch {
		case got.Outcome == Found && mayBeFound:
			hello, _ := Parse(hellotest.Records(message))
			checkFields(t, &hello, message)
		case got.Outcome != Malformed:
			t.Errorf("extension %d of %x: %+v", changed, data, got)
		}
	}
	for _, kind := range whole.types {
		data, size := whole.data[kind], lists[kind]
		for end := range len(data) {
			check(kind, data[:end], size == 0)
		}
		for end := size; size > 0 && end < len(data); end++ {
			list := data[size:end]
			if size == 1 {
				check(kind, hellotest.Vector8(list), true)
			} else {
				check(kind, hellotest.Vector16(list), true)
			}
		}
	}
	body := fullHello().Body()
	beforeExtensions := len(hellotest.Plain().Body())
	for end := range body {
		got := inspectAll(t, hellotest.Records(hellotest.Handshake(typeClientHello, body[:end])))
		want := Malformed
		if end == beforeExtensions { // extensions may be omitted
			want = Found
		}
		if got.Outcome != want || got.HasServerName {
			t.Errorf("body of %d bytes: %+v, want %v", end, got, want)
		}
	}
	t.Logf("%v", outcomes)
}

// TestHAProxy_d017f113c: HAProxy got the length of one session ID in 256 wrong. Here every length
// counts: up to 32 bytes the hello has its ID and its name, above that it is malformed.
func TestHAProxy_d017f113c(t *testing.T) {
	for size := range 256 {
		for _, fill := range []byte{0, 0x16, 0x7f, 0x80, 0xff, byte(size)} {
			h := hellotest.Plain(hellotest.SNI(clientName), hellotest.ALPN("h2"))
			h.SessionID = bytes.Repeat([]byte{fill}, size)
			got := inspectAll(t, h.Raw())
			want := verdict{Outcome: Malformed, SpokeTLS: true, Detail: errSessionID.Error()}
			if size <= 32 {
				want = fields(func(v *verdict) {
					v.HasServerName, v.ServerName, v.ALPN = true, clientName, []string{"h2"}
					v.SessionID, v.Extensions = string(h.SessionID), []uint16{extensionServerName, extensionALPN}
				})
			}
			if diff := difference(want, got); diff != "" {
				t.Errorf("session id of %d bytes %#x (-want +got):\n%s", size, fill, diff)
			}
		}
	}
}

// TestHAProxy_57d229747: HAProxy mishandled hellos in records with the version of SSL 3.0. Here
// every version below 16.0 is accepted in the first record, and any version in later ones; higher
// ones in the first record are other protocols.
func TestHAProxy_57d229747(t *testing.T) {
	h := hellotest.Plain(hellotest.SNI(clientName), hellotest.SupportedVersions(versionTLS13))
	one, two := h.Raw(), hellotest.Records(h.Message(), 30, maxPlaintext)
	const second = recordHeaderLen + 30
	for version := range 1 << 16 {
		copy(one[1:], number16(version))
		copy(two[second+1:], number16(version))
		hello, err := Parse(one)
		if version < 0x1000 && (err != nil || string(hello.ServerName()) != clientName || hello.Version() != versionTLS13) ||
			version >= 0x1000 && !errors.Is(err, ErrNotTLS) {
			t.Errorf("version %#04x of the first record: name %q, %v", version, hello.ServerName(), err)
		}
		if hello, err := Parse(two); err != nil || string(hello.ServerName()) != clientName {
			t.Errorf("version %#04x of the second record: name %q, %v", version, hello.ServerName(), err)
		}
	}
	// SSL 3.0 itself has no extensions.
	old := hellotest.Plain()
	old.Version = versionSSL3
	raw := old.Raw()
	copy(raw[1:], number16(versionSSL3))
	if got := inspectAll(t, raw); got.Outcome != Found || got.HasServerName || got.Version != versionSSL3 {
		t.Errorf("a hello of SSL 3.0: %+v", got)
	}
}
