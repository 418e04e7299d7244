// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// TestPayloadRanges covers the bounds of ranges.
func TestPayloadRanges(t *testing.T) {
	sent := append([]byte{0, 3}, "abcdefgh"...)
	long := make([]byte, bufferSize+1)
	for text, want := range map[string]Verdict{
		"req.payload(0,10)": Pass, "req.payload(0,11)": Miss, "req.payload(10,0)": Miss, "req.payload(11,0)": Miss,
		"req.payload(0,16384)": Miss, "req.payload(1,16384)": Fail, "req.payload(16384,1)": Fail, "req.payload(16383,1)": Miss, "req.payload(99999,0)": Fail,
		"req.payload_lv(0,2)": Pass, "req.payload_lv(0,2,+5)": Pass, "req.payload_lv(0,2,+6)": Miss, "req.payload_lv(0,2,-2)": Pass, "req.payload_lv(0,1)": Fail,
		"req.payload_lv(2,2)": Fail, "req.payload_lv(9,2)": Miss,
	} {
		e := mustExpression(t, new(Loader), text)
		if _, got := e.Eval(&Input{Hello: inspect(sent)}); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
		if _, got := e.Eval(&Input{Hello: inspect(long), Final: true}); got == Pass && want == Fail && !strings.HasPrefix(text, "req.payload_lv") {
			t.Errorf("%s reaches beyond the buffer", text)
		}
	}
}

// TestNoNameNoCurves has a hello without the extensions.
func TestNoNameNoCurves(t *testing.T) {
	in := &Input{Hello: inspect(hellotest.Plain().Raw())}
	for _, text := range []string{"req.ssl_sni", "req.ssl_ec_ext", "req.ssl_alpn"} {
		if _, verdict := mustExpression(t, new(Loader), text).Eval(in); verdict != Fail {
			t.Errorf("%s: %v", text, verdict)
		}
	}
}

// TestHelloOverRecords has a hello over several records, in which HAProxy finds none.
func TestHelloOverRecords(t *testing.T) {
	ticket := hellotest.Extension(35, []byte("a ticket"))
	message := hellotest.Plain(hellotest.Groups(29), ticket, hellotest.SNI("a.example")).Message()
	for _, size := range []int{1, 3, 50, 1000} {
		in := &Input{Hello: inspect(hellotest.Records(message, size))}
		for text, want := range map[string]string{
			"req.ssl_sni": "a.example", "req.ssl_st_ext": "2", "req.ssl_ver": "196611", "req.ssl_hello_type": "1", "req.ssl_ec_ext": "1",
		} {
			if v, verdict := mustExpression(t, new(Loader), text).Eval(in); verdict != Pass || v.String() != want {
				t.Errorf("%s in records of %d: %v, %v", text, size, v, verdict)
			}
		}
	}
}

// TestTicketLast has the extension at the end of the hello, and not at all.
func TestTicketLast(t *testing.T) {
	for want, extensions := range map[string][][]byte{
		"0": {hellotest.SNI("a.example")},
		"1": {hellotest.SNI("a.example"), hellotest.Extension(35, nil)},
		"2": {hellotest.SNI("a.example"), hellotest.Extension(35, []byte{0})},
	} {
		in := &Input{Hello: inspect(hellotest.Plain(extensions...).Raw())}
		if v, _ := mustExpression(t, new(Loader), "req.ssl_st_ext").Eval(in); v.String() != want {
			t.Errorf("%s, want %s", v, want)
		}
	}
	if v, verdict := mustExpression(t, new(Loader), "req.ssl_st_ext").Eval(&Input{Hello: inspect(hellotest.Plain().Raw())}); verdict != Fail {
		t.Errorf("%s without extensions", v)
	}
}

// TestLists has the lists of a hello as HAProxy 3.2 encodes them: two bytes a number, in the
// client's order. No older version has these fetches, so the values were derived from its source.
func TestLists(t *testing.T) {
	const cipherlist, groups, sigalgs, shares = "req.ssl_cipherlist", "req.ssl_supported_groups", "req.ssl_sigalgs", "req.ssl_keyshare_groups"
	full := hellotest.Plain(hellotest.SNI("a.example"), hellotest.Groups(0x0a0a, 0x11ec, 0x001d), hellotest.SignatureAlgorithms(0x0403, 0x0804),
		hellotest.KeyShares(0x0a0a, 0x11ec, 0x001d))
	short := hellotest.ClientHello{Version: 0x0303, SessionID: []byte{7}, CipherSuites: hellotest.Uint16s(0x1301, 0x1302), Compressions: []byte{0}}
	enough := short
	enough.SessionID, enough.CipherSuites = nil, hellotest.Uint16s(0x1301, 0x1302, 0x1303)
	for _, c := range []struct {
		what  string
		hello []byte
		want  map[string]string
	}{
		{"all of them", full.Raw(), map[string]string{cipherlist: "1301c02f", groups: "0a0a11ec001d", sigalgs: "04030804", shares: "0a0a11ec001d"}},
		{"in records of seven bytes", hellotest.Records(full.Message(), 7), map[string]string{cipherlist: "1301c02f", groups: "0a0a11ec001d", sigalgs: "04030804", shares: "0a0a11ec001d"}},
		{"no extensions", hellotest.Plain().Raw(), map[string]string{cipherlist: "1301c02f"}},
		{"no key share", hellotest.Plain(hellotest.KeyShares()).Raw(), map[string]string{cipherlist: "1301c02f"}},
		{"44 bytes in all", short.Raw(), nil},
		{"45 bytes in all", enough.Raw(), map[string]string{cipherlist: "130113021303"}},
		{"no hello", []byte("SSH-2.0-x\r\n"), nil},
	} {
		for _, fetch := range []string{cipherlist, groups, sigalgs, shares} {
			v, verdict := mustExpression(t, new(Loader), fetch).Eval(&Input{Hello: inspect(c.hello)})
			want, present := c.want[fetch]
			if got := hex.EncodeToString(v.Bytes()); (verdict == Pass) != present || got != want || present && v.Kind() != Bin {
				t.Errorf("%s of a hello with %s: %q (%v), want %q", fetch, c.what, got, verdict, want)
			}
			if _, verdict := mustExpression(t, new(Loader), fetch).Eval(&Input{Hello: inspect(full.Raw()[:60])}); verdict != Miss {
				t.Errorf("%s of the beginning of a hello: %v", fetch, verdict)
			}
		}
	}
}

// TestListsInACLs has the conditions of HAProxy's own examples.
func TestListsInACLs(t *testing.T) {
	in := &Input{Hello: inspect(hellotest.Plain(hellotest.Groups(0x11ec, 0x001d), hellotest.KeyShares(0x001d)).Raw()), Final: true}
	for text, want := range map[string]Verdict{
		"req.ssl_cipherlist,be2hex(:,2),lower -m sub 1301:": Pass, "req.ssl_cipherlist,be2hex(:,2),lower -m sub 1302": Fail,
		"req.ssl_supported_groups,be2hex(:,2) -m beg 11EC": Pass, "req.ssl_keyshare_groups,be2hex(:,2) -m sub 11EC": Fail,
		"req.ssl_keyshare_groups -m bin 001d": Pass, "req.ssl_keyshare_groups -m bin 11ec 001d": Pass, "req.ssl_cipherlist -m bin 1301": Fail,
		"req.ssl_cipherlist,length 4": Pass, "req.ssl_sigalgs -m found": Fail, "req.ssl_supported_groups,bytes(2,2) -m bin 001d": Pass,
	} {
		if got := mustLoad(t, strings.Fields(text)).Match(in); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	if got := loadError([]string{"req.ssl_sigalgs", "0403"}); !strings.Contains(got, "matching method must be specified first") {
		t.Errorf("without a method: %q", got)
	}
}

// TestSSLv2Version covers the prefixes and some faults of a hello in SSLv2 format.
func TestSSLv2Version(t *testing.T) {
	hello := append([]byte{0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10}, make([]byte, 0x15+0x10)...)
	version := mustExpression(t, new(Loader), "req.ssl_ver")
	for size := range len(hello) {
		if _, verdict := version.Eval(&Input{Hello: inspect(hello[:size])}); verdict != Miss {
			t.Fatalf("%v of %d bytes", verdict, size)
		}
	}
	in := &Input{Hello: inspect(hello)}
	if v, verdict := version.Eval(in); verdict != Pass || v.Int() != 3<<16+1 {
		t.Fatalf("%v, %v", v, verdict)
	}
	if in.Hello.Outcome() != clienthello.SSLv2 {
		t.Fatal(in.Hello.Outcome())
	}
	session := append([]byte{0x80, 0x3e, 1, 3, 1, 0, 0x15, 0, 16, 0, 0x10}, make([]byte, 0x15+16+0x10)...)
	if v, verdict := version.Eval(&Input{Hello: inspect(session)}); verdict != Pass || v.Int() != 3<<16+1 {
		t.Errorf("%v, %v with a session", v, verdict)
	}
	for what, change := range map[string]map[int]byte{
		"a length": {1: 0x2f}, "ciphers of two bytes": {1: 0x2f, 6: 0x16}, "a session of one byte": {1: 0x2f, 8: 1},
		"a short challenge": {1: 0x2d, 10: 0x0f}, "a long challenge": {1: 0x3f, 10: 0x21},
	} {
		wrong := append([]byte(nil), hello...)
		for at, b := range change {
			wrong[at] = b
		}
		if _, verdict := version.Eval(&Input{Hello: inspect(append(wrong, make([]byte, 32)...))}); verdict != Fail {
			t.Errorf("%v with %s", verdict, what)
		}
	}
	if _, verdict := mustExpression(t, new(Loader), "req.ssl_sni").Eval(in); verdict != Fail {
		t.Error("it has a server name")
	}
}

// TestALPNInACLs examines every protocol up to the first for which a converter has no value.
func TestALPNInACLs(t *testing.T) {
	f := &files{content: map[string]string{"m": "http/1.1 http\n", "all": "h2 two\nhttp/1.1 http\n"}}
	for text, want := range map[string]Verdict{
		"req.ssl_alpn h2": Pass, "req.ssl_alpn http/1.1": Pass, "req.ssl_alpn h3": Fail, "req.ssl_alpn,upper HTTP/1.1": Pass,
		"req.ssl_alpn,map(m) http": Fail, "req.ssl_alpn,map(all) http": Pass, "req.ssl_alpn,length 8": Pass, "req.ssl_alpn -m ip ::1": Fail,
	} {
		c, err := ParseCriterion(strings.Fields(text))
		if err != nil {
			t.Fatal(err)
		}
		acl, err := (&Loader{Open: f.open}).Criterion(c)
		if err != nil {
			t.Fatal(err)
		}
		if got := acl.Match(testInput(false)); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// TestManyProtocols measures that the time per protocol does not grow: there may be 30000 of them.
func TestManyProtocols(t *testing.T) {
	names := slices.Repeat([]string{"x"}, 30_000)
	in := &Input{Hello: inspect(hellotest.Plain(hellotest.ALPN(append(names, "last")...)).Raw()), Final: true}
	acl := mustLoad(t, []string{"req.ssl_alpn", "last"})
	best := time.Hour
	for range 5 { // a busy machine may be slow for a while
		began := time.Now()
		if got := acl.Match(in); got != Pass {
			t.Error(got)
		}
		if best = min(best, time.Since(began)); best < time.Second {
			return
		}
	}
	t.Errorf("it took %v", best)
}

// An inspection that has ended counts as final, whatever Final is.
func TestEndedInspectionIsFinal(t *testing.T) {
	i := inspect([]byte{22, 3, 1})
	acl := mustLoad(t, []string{"req.ssl_sni", "-m", "found"})
	if got := acl.Match(&Input{Hello: i}); got != Miss {
		t.Error(got)
	}
	i.Expire()
	if got := acl.Match(&Input{Hello: i}); got != Fail {
		t.Error(got)
	}
}
