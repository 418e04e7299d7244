// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// TestFirstBytes has beginnings that are still undecided, and next to them those that are decided;
// hellotest.Refused has more.
func TestFirstBytes(t *testing.T) {
	hello := hellotest.Plain(hellotest.SNI("a.example")).Raw()
	tests := []struct {
		name string
		raw  string
		want Outcome
		tls  bool
	}{
		{"nothing", "", Pending, false},
		{"handshake type", "\x16", Pending, false},
		{"handshake record of SSL 3.0", "\x16\x03", Pending, true},
		{"handshake record of version 0.0", "\x16\x00", Pending, true},
		{"handshake record of version 15.255", "\x16\x0f\xff", Pending, true},
		{"handshake record of version 16.0", "\x16\x10", NotTLS, false},
		{"SYN and letters", "\x16GET", NotTLS, false},
		{"half a record header", string(hello[:4]), Pending, true},
		{"record header", string(hello[:5]), Pending, true},
		{"all but one byte", string(hello[:len(hello)-1]), Pending, true},
		{"all", string(hello), Found, true},

		{"SSLv2, one byte", "\x80", Pending, false},
		{"SSLv2, two bytes", "\x80\x2e", Pending, false},
		{"SSLv2, three bytes", "\x80\x2e\x01", Pending, false},
		{"SSLv2, four bytes", "\x80\x2e\x01\x00", Pending, false},
		{"SSLv2", "\x80\x2e\x01\x00\x02", SSLv2, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := inspectAll(t, []byte(tt.raw))
			if got.Outcome != tt.want || got.SpokeTLS != tt.tls {
				t.Errorf("got %v, spoke TLS %v; want %v, %v", got.Outcome, got.SpokeTLS, tt.want, tt.tls)
			}
		})
	}
}

func TestEveryFirstByte(t *testing.T) {
	for first := range 256 {
		want := NotTLS
		if first == 22 || first >= 128 {
			want = Pending
		}
		if got := inspect(t, []byte{byte(first)}, 0, 1).Outcome; got != want {
			t.Errorf("first byte %#x: got %v, want %v", first, got, want)
		}
	}
}

func TestTooLarge(t *testing.T) {
	padded := func(size int) []byte { return hellotest.Plain(hellotest.SNI("a.example")).Pad(size).Message() }
	tests := []struct {
		name  string
		raw   []byte
		limit int
		want  Outcome
	}{
		{"at the highest limit", hellotest.Records(padded(65536)), 0, Found},
		{"over the highest limit", []byte{22, 3, 1, 0x40, 0, 1, 1, 0, 1}, 0, TooLarge},
		{"the largest length", []byte{22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff}, 0, TooLarge},
		{"length over several records", hellotest.Records([]byte{1, 0xff, 0xff, 0xff}, 1), 0, TooLarge},
		{"at a lower limit", hellotest.Records(padded(600), 100), 600, Found},
		{"over a lower limit", hellotest.Records(padded(601), 100)[:9], 600, TooLarge},
		{"a byte before that is known", hellotest.Records(padded(601), 100)[:8], 600, Pending},
		{"a limit below zero is the highest", hellotest.Records(padded(65536)), -1, Found},
		{"a limit above the highest is the highest", []byte{22, 3, 1, 0x40, 0, 1, 1, 0, 1}, 1 << 20, TooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int{1, 7, 1 << 20} {
				if got := inspect(t, tt.raw, tt.limit, size); got.Outcome != tt.want || !got.SpokeTLS {
					t.Errorf("segments of %d bytes: got %+v, want %v", size, got, tt.want)
				}
			}
		})
	}
}

func TestTooLargeSaysHowMuch(t *testing.T) {
	_, err := Parse([]byte{22, 3, 1, 0x40, 0, 1, 1, 0, 1})
	if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "65537") || !strings.Contains(err.Error(), "65536") {
		t.Errorf("got %v", err)
	}
}

// TestVerdictStays calls Expire and Leave before and after each kind of verdict.
func TestVerdictStays(t *testing.T) {
	hello := hellotest.Plain(hellotest.SNI("a.example")).Raw()
	for raw, verdict := range map[string]Outcome{
		"":                                     Pending,
		string(hello[:30]):                     Pending,
		string(hello):                          Found,
		"GET":                                  NotTLS,
		"\x80\x2e\x01\x03":                     SSLv2,
		"\x16\x03\x01\x00\x00":                 Malformed,
		"\x16\x03\x01\x00\x04\x01\xff":         Pending,
		"\x16\x03\x01\x00\x04\x01\xff\xff\xff": TooLarge,
	} {
		ends := map[string]func(*Inspection) Outcome{"expire": (*Inspection).Expire, "leave": (*Inspection).Leave}
		for name, end := range ends {
			i := NewInspection(0)
			if got := i.Feed([]byte(raw)); got != verdict {
				t.Errorf("%q: got %v, want %v", raw, got, verdict)
			}
			want := verdict
			if verdict == Pending {
				want = map[string]Outcome{"expire": Timeout, "leave": ClientLeft}[name]
			}
			if got := end(i); got != want {
				t.Errorf("%q, %s: got %v, want %v", raw, name, got, want)
			}
			i.Feed(hello)
			if i.Expire() != want || i.Leave() != want || i.Outcome() != want {
				t.Errorf("%q, %s: %v became %v", raw, name, want, i.Outcome())
			}
			if got := string(i.Bytes()); got != raw+string(hello) {
				t.Errorf("%q, %s: kept %q", raw, name, got)
			}
			verdictOf(t, i)
			i.Release()
		}
	}
}

func TestBytesAfterTheHello(t *testing.T) {
	hello := hellotest.Plain(hellotest.SNI("a.example"), hellotest.ALPN("h2"))
	early := hellotest.Record(23, bytes.Repeat([]byte{5}, 300))
	next := hellotest.Handshake(16, []byte{1, 2, 3})
	for name, raw := range map[string][]byte{
		"early data":                       slices.Concat(hello.Raw(), early, early),
		"part of a record":                 slices.Concat(hello.Raw(), early[:3]),
		"next message in the hello record": hellotest.Record(22, slices.Concat(hello.Message(), next)),
		"after a hello in two records":     slices.Concat(hellotest.Records(hello.Message(), 20), early),
		"garbage":                          slices.Concat(hello.Raw(), []byte("GET / HTTP/1.1\r\n")),
	} {
		t.Run(name, func(t *testing.T) {
			if got := inspectAll(t, raw); got.Outcome != Found || got.ServerName != "a.example" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// The verdict comes with the last byte of the hello, even if its record goes on.
func TestFoundBeforeTheRecordEnds(t *testing.T) {
	hello := hellotest.Plain(hellotest.SNI("a.example")).Message()
	raw := hellotest.Record(22, append(hello, 16, 0, 0, 1, 0))
	for end := range raw {
		want := Pending
		if end >= recordHeaderLen+len(hello) {
			want = Found
		}
		if got := inspect(t, raw[:end], 0, 1).Outcome; got != want {
			t.Fatalf("%d bytes: got %v, want %v", end, got, want)
		}
	}
}

func TestViewsOutliveMoreBytes(t *testing.T) {
	for _, size := range []int{maxPlaintext, 50} {
		i := NewInspection(0)
		i.Feed(hellotest.Records(hellotest.Plain(hellotest.SNI("a.example"), hellotest.ALPN("h2", "http/1.1")).Message(), size))
		hello := i.Hello()
		for range 100 {
			i.Feed(bytes.Repeat([]byte{0xee}, 10_000))
			// Another client must not get the array that the hello refers to.
			other := NewInspection(0)
			other.Feed(bytes.Repeat([]byte{22}, 9000))
			other.Release()
		}
		if got := protocols(hello); string(hello.ServerName()) != "a.example" || len(got) != 2 || got[0] != "h2" || got[1] != "http/1.1" {
			t.Errorf("records of %d bytes: %q, %q", size, hello.ServerName(), got)
		}
		i.Release()
	}
}

func TestReleaseForgets(t *testing.T) {
	for range 100 {
		i := NewInspection(100)
		if v := verdictOf(t, i); v.Outcome != Pending || v.SpokeTLS || i.Bytes() == nil != true && len(i.Bytes()) > 0 {
			t.Fatalf("a new inspection: %+v, %d bytes", v, len(i.Bytes()))
		}
		i.Feed(hellotest.Records(hellotest.Plain(hellotest.SNI("a.example"), hellotest.ALPN("h2")).Message(), 10))
		i.Release()
		if v := inspect(t, hellotest.Plain().Raw(), 0, 10); v.HasServerName || v.ALPN != nil {
			t.Fatalf("left over: %+v", v)
		}
	}
}

func TestSpaceAndCommit(t *testing.T) {
	raw := slices.Concat(hellotest.Plain(hellotest.SNI("a.example")).Raw(), hellotest.Record(23, make([]byte, 16000)))
	i := NewInspection(0)
	defer i.Release()
	rest := raw
	for len(rest) > 0 {
		space := i.Space()
		if len(space) == 0 {
			t.Fatal("no space")
		}
		n := copy(space, rest[:min(1000, len(rest))])
		i.Commit(n)
		rest = rest[n:]
	}
	if i.Commit(0) != Found || !bytes.Equal(i.Bytes(), raw) {
		t.Errorf("got %v, %d bytes", i.Outcome(), len(i.Bytes()))
	}
}

// TestCommitTooMuch tests an inspection without bytes, one that waits for the next byte, one that
// waits for many, and one whose block is nearly full.
func TestCommitTooMuch(t *testing.T) {
	hello := hellotest.Plain().Pad(2 * firstBlock).Raw()
	for _, begun := range []int{0, 1, 2, 5, 9, 100, firstBlock - 1} {
		for _, excess := range []int{1, 2, firstBlock} {
			refuseCommit(t, hello[:begun], func(space int) int { return space + excess })
			refuseCommit(t, hello[:begun], func(int) int { return -excess })
		}
	}
}

// refuseCommit checks that Commit panics for a count that is out of range.
func refuseCommit(t *testing.T, begun []byte, count func(space int) int) {
	t.Helper()
	i := NewInspection(0)
	defer i.Release()
	for k := range begun {
		i.Space()[0] = begun[k]
		i.Commit(1)
	}
	n := count(len(i.Space()))
	defer func() {
		if recover() == nil {
			t.Errorf("Commit(%d) after %d bytes did not panic", n, len(begun))
		}
	}()
	i.Commit(n)
}

// TestFeedAndCommit alternates between Feed and Commit: after each the outcome must equal that of
// all bytes at once.
func TestFeedAndCommit(t *testing.T) {
	for _, raw := range [][]byte{
		fullHello().Raw(), hellotest.Records(fullHello().Message(), 1), []byte("\x80\x2e\x01\x00\x02"),
		hellotest.Plain().Pad(firstBlock + 10).Raw(),
	} {
		for committed := 1; committed <= 1000; committed = committed*5/4 + 1 {
			for _, fed := range []int{1, 2, 3, 500} {
				feedAndCommit(t, raw, committed, fed)
			}
		}
	}
}

func feedAndCommit(t *testing.T, raw []byte, committed, fed int) {
	t.Helper()
	i := NewInspection(0)
	defer i.Release()
	for n := 0; n < len(raw); {
		n += copy(i.Space(), raw[n:min(n+committed, len(raw))])
		got := []Outcome{i.Commit(n - len(i.Bytes()))}
		want := []Outcome{inspect(t, raw[:n], 0, len(raw)).Outcome}
		end := min(n+fed, len(raw))
		got = append(got, i.Feed(raw[n:end]))
		want = append(want, inspect(t, raw[:end], 0, len(raw)).Outcome)
		n = end
		if !slices.Equal(got, want) {
			t.Fatalf("%d by Commit, then %d by Feed: %v after %d bytes, want %v", committed, fed, got, n, want)
		}
	}
	if diff := difference(inspect(t, raw, 0, len(raw)), verdictOf(t, i)); diff != "" || !bytes.Equal(i.Bytes(), raw) {
		t.Fatalf("%d by Commit, %d by Feed (-want +got):\n%s", committed, fed, diff)
	}
}

// Appending to the result of Bytes must not write into Space.
func TestBytesIsClipped(t *testing.T) {
	i := NewInspection(0)
	defer i.Release()
	i.Feed([]byte{22, 3})
	_ = append(i.Bytes(), 0xff)
	if space := i.Space(); len(space) == 0 || space[0] == 0xff {
		t.Error("append to Bytes wrote into the space")
	}
}

func TestNoBufferBeforeBytes(t *testing.T) {
	i := NewInspection(0)
	defer i.Release()
	i.Feed(nil)
	if i.received.block != nil || i.Expire() != Timeout {
		t.Error("a silent client has a buffer")
	}
}

func TestOutcomeString(t *testing.T) {
	want := []string{"pending", "hello", "timeout", "not_tls", "sslv2", "malformed", "too_large", "client_left", "unknown"}
	for o, name := range want {
		if got := Outcome(o).String(); got != name {
			t.Errorf("%d: got %q, want %q", o, got, name)
		}
	}
}

// TestParseKeepsHello parses hellos of several records one after the other: the first must stay
// valid.
func TestParseKeepsHello(t *testing.T) {
	parse := func(name string) Hello {
		hello, err := Parse(hellotest.Records(hellotest.Plain(hellotest.SNI(name), hellotest.ALPN(name)).Message(), 10))
		if err != nil {
			t.Fatal(err)
		}
		return hello
	}
	first := parse("first.example")
	for range 100 {
		parse("other.example")
	}
	if got := protocols(&first); len(got) != 1 || got[0] != "first.example" {
		t.Errorf("ALPN %q", got)
	}
}

// The fingerprints of an inspection are those of its hello, and empty without one.
func TestFingerprintsOfInspection(t *testing.T) {
	i := NewInspection(0)
	defer i.Release()
	raw := fullHello().Raw()
	i.Feed(raw[:20])
	if i.JA3() != "" || i.JA4() != "" {
		t.Errorf("of half a hello: %q, %q", i.JA3(), i.JA4())
	}
	i.Feed(raw[20:])
	for range 2 {
		if i.JA3() != i.Hello().JA3() || i.JA4() != i.Hello().JA4() || len(i.JA4()) != 36 {
			t.Errorf("got %q, %q", i.JA3(), i.JA4())
		}
	}
}
