// SPDX-License-Identifier: Apache-2.0

package logformat

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// facts are those of a connection from 127.0.0.1:38394 that server s1 served.
type facts map[Alias]Fact

func (f facts) Fact(a Alias) Fact { return f[a] }

var loopback = netip.MustParseAddr("127.0.0.1")

func served() facts {
	at := time.Date(2026, 11, 30, 13, 46, 0, 7_000_000, time.UTC)
	return facts{
		Accepted: {Number: at.UnixMicro()}, ClientIP: {IP: loopback}, ClientPort: {Number: 38394},
		SourceIP: {}, SourcePort: {Number: -1}, Frontend: {Text: "f1"}, Backend: {Text: "b"}, Server: {Text: "s1"},
		BytesOut: {Number: 3}, Total: {Number: 51}, Letters: {Text: "--"}, Retries: {Number: 2, Plus: true},
		RequestCount: {Number: 5}, LogCount: {}, PID: {Number: 17629}, BadRequest: {Text: "<BADREQ>"}, NotReached: {Number: -1}, Wait: {Number: 1},
	}
}

// input has variables of each kind.
var input = sample.Input{Final: true, Var: func(name string) (sample.Value, bool) {
	v, ok := map[string]sample.Value{
		"txn.i": sample.Integer(-5), "txn.b": sample.Binary([]byte("a\x00b\xff")), "txn.s": sample.Text("abc"), "txn.ip": sample.Address(loopback),
		"txn.bo": sample.Boolean(true), "txn.q": sample.Text(`a"b\c]d`), "txn.e": sample.Text("a\nb\x1b[31m\x7f\xc3\xa9\"{"),
		CaptureVariable(0): sample.Text("a|b"), CaptureVariable(1): sample.Text(""),
	}[name]
	return v, ok
}}

func parse(t *testing.T, format string) *Format {
	t.Helper()
	f, err := Parse(new(sample.Loader), format, Options{Captures: 2})
	if err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return f
}

func line(t *testing.T, format string, incomplete bool) string {
	t.Helper()
	f := parse(t, format)
	return string(f.Append(nil, served(), Values{Early: string(f.AppendValues(nil, &input, false)), Late: string(f.AppendValues(nil, &input, true))}, incomplete))
}

// TestText compares with lines of HAProxy 3.4. Only control characters and other bytes that are not
// printable ASCII are escaped here and not there, in values of expressions.
func TestText(t *testing.T) {
	for _, c := range [][2]string{
		{"  a   b%%  %{+Q}o  c %ci   %s ", `a b% c "127.0.0.1" "s1" `},
		{"a %hs b%hs|c %{-Q}ci", "a b|c 127.0.0.1"},
		{"%{+Q}s|%{+Q}o|%s|%{-Q}s|%s|%{+X}ci|%ci", `"s1"||"s1"|s1|"s1"|7F000001|"127.0.0.1"`},
		{"%ID %{+Q}ID %CC %bi:%bp %{+Q}bi %{+Q}bp", `- "" - -:- "" -`},
		{"%T %Ts %{+X}Ts %ms %{+X}ms", "30/Nov/2026:13:46:00 +0000 1796046360 6B0D7E18 007 07"},
		{"%{+X}cp %{+X}pid %{+X}lc %{+X}rt %{+X}B", "95FA 44DD 0000 0005 3"},
		{"%B %Tt %ts %{+Q}ts %rc %Tq %HM %{+Q}r", `3 51 -- -- +2 -1 <BADREQ> "<BADREQ>"`},
		{"%[var(txn.i)] %[var(txn.b)] %[var(txn.s)] %[var(txn.ip)] %[var(txn.bo)] %[var(txn.no)] %{+Q}[var(txn.no)]", `-5 a abc 127.0.0.1 1 - ""`},
		{"%[var(txn.q)] %{+Q}[var(txn.q)] %{+Q,+E}[var(txn.q)]", `a"b\c]d "a"b\c]d" "a\"b\\c\]d"`},
		{"%[var(txn.e)]", "a#0Ab#1B[31m#7F#C3#A9\"{"},
		{"%hr %{+Q}hr %hrl %{+Q}hrl %[capture.req.hdr(0)] %[capture.req.hdr(2)]", `{a#7Cb|} "{a#7Cb|}" a#7Cb - "a#7Cb" "" a|b -`},
		{"%(b:str)cp %(c:sint)[str(12)] %(zz){+json}ci %{+json}cp %{+json}[bool(true)] %{+cbor}ci", `38394 12 "127.0.0.1" 38394 true 693132372E302E302E31`},
		{"%[bytes_out] %[fc.timer.total] %[txn.sess_term_state]", "3 51 --"},
	} {
		if got := line(t, c[0], false); got != c[1] {
			t.Errorf("%s\n%s\nwant\n%s", c[0], got, c[1])
		}
	}
	if got := line(t, "%B %Tt %Tu %[bytes_out] %{+json}B", true); got != "+3 +51 +51 3 3" {
		t.Errorf("incomplete: %s", got)
	}
}

// TestEncodings compares with lines of HAProxy 3.4.
func TestEncodings(t *testing.T) {
	const (
		kinds = "%(i)[var(txn.i)] %(b)[var(txn.b)] %(s)[var(txn.s)] %(ip)[var(txn.ip)] %(bo)[var(txn.bo)] %(no)[var(txn.no)] "
		types = "%(i:str)[var(txn.i)] %(s:sint)[var(txn.s)] %(s2:bool)[var(txn.s)] %(ip:sint)[var(txn.ip)] %(bo:sint)[var(txn.bo)] %(bo2:str)[var(txn.bo)] %(no:sint)[var(txn.no)] %(no2:bool)[var(txn.no)] %(no3:str)[var(txn.no)]"
		more  = "%(ID:str)ID %(ts)ts %(hs)hs %(CC)CC %(Tt2:bool)Tt %(Tw:str)Tw %(y){+X}cp %(bi:sint)bi %(s:sint)s"
	)
	for _, c := range [][2]string{
		{"%{+json}o " + kinds, `{"i": -5, "b": "a", "s": "abc", "ip": "127.0.0.1", "bo": true, "no": ""}`},
		{"%{+json}o " + types, `{"i": "-5", "s": 0, "s2": false, "ip": 2130706433, "bo": 1, "bo2": "1", "no": "", "no2": "", "no3": ""}`},
		{"%{+json}o " + more, `{"ID": "", "ts": "--", "hs": null, "CC": "", "Tt2": true, "Tw": "1", "y": "95FA", "bi": "", "s": "s1"}`},
		{"%{+json}o %ci foo", "{}"},
		{"%{+json}hr %{+json}hrl %{+cbor}hrl", `"{a#7Cb|}" ["a#7Cb", "-"] 9F7F656123374362FF7F612DFFFF`},
		{"%{+json}o %{-json}o %(a)ci %cp", "127.0.0.1 38394"},
		{"%(a)ci %{+json}o x %[var(txn.i)] %(b)[var(txn.s)]", `{"a": "127.0.0.1", "b": "abc"}`},
		{"%{+json}o %(e)[var(txn.e)]", `{"e": "a\nb\u001B[31m\u007F\u00C3\u00A9\"{"}`},
		{"%{+json,+utf8}o %(e)[var(txn.e)]", `{"e": "a\nb\u001B[31m\u007F` + "é" + `\"{"}`},
		{"%{+cbor}o " + kinds, "BF61692461625F44610062FFFF617363616263626970693132372E302E302E3162626FF5626E6FF6FF"},
		{"%{+cbor}o " + types, "BF6169622D35617300627332F46269701A7F00000162626F0163626F326131626E6FF6636E6F32F6636E6F33F6FF"},
		{"%{+cbor}o %(HM)HM %(ID)ID", "BF62484D7F683C4241445245513EFF624944F6FF"},
		{"%{+cbor}o foo %ci", "BFFF"},
		{"%{+cbor,+bin}o %(b)B", "\xbf\x61b\x03\xff"},
	} {
		if got := line(t, c[0], false); got != c[1] {
			t.Errorf("%s\n%s\nwant\n%s", c[0], got, c[1])
		}
	}
}

func TestErrors(t *testing.T) {
	for format, want := range map[string]string{
		"%zz":            "no such format alias 'zz'. If you wanted to emit the '%' character verbatim, you need to use '%%'",
		"%":              "truncated line after '%'",
		"%(a)":           "truncated line after '%'",
		"%{+Q":           "truncated line after '+Q'",
		"%{+Q} ci":       "parse argument modifier without alias name near '%{+Q}'",
		"%(a ci":         "invalid character in custom name near ' ' at position 3 line : '%(a ci'",
		"%(a:b)ci":       "unexpected output type 'b' at position 4 line : '%(a:b)ci'. Supported types are: str, sint, bool, raw",
		"%[src":          "missing ']' after 'src'",
		"%[src] %[zzz]":  "failed to parse sample expression <zzz]> : unknown fetch method 'zzz'",
		"%{+Q}[":         "failed to parse sample expression <> : missing fetch method",
		"%[lat_ns_avg]x": "is not supported",
	} {
		_, err := Parse(new(sample.Loader), format, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", format, err, want)
		}
	}
	var missing string
	f, err := Parse(new(sample.Loader), "%[lat_ns_avg]/%{+Q}[lat_ns_avg]", Options{Check: func(text string, _ [2]int, _ *sample.Expression, _ error) error { missing += text; return nil }})
	if err != nil || missing == "" {
		t.Fatal(err)
	}
	if got := string(f.Append(nil, served(), Values{}, false)); got != `-/""` {
		t.Errorf("%s", got)
	}
}

// TestWhenFactsAreKnown lists which formats HAProxy writes once the server is connected.
func TestWhenFactsAreKnown(t *testing.T) {
	for at := range strings.FieldsSeq("B ID Tc Td Th Ti Tq TR Tr Tt Tu Tw U ac bc bq fc rc sc sq ts tsc Ta [bytes_in] [req.bytes_in] [fc.timer.total]") {
		if !parse(t, "%ci %"+at).NeedsEnd() {
			t.Errorf("%%%s is known at the end only", at)
		}
	}
	for at := range strings.FieldsSeq("H ST T Tl Ts b bi bp ci cp f fi fp ft hr hs lc ms pid rt s si sp sslc sslv t HM r tr [src] [act_conn] [sc0_conn_cur] [bc_be_queue] [txn.sess_term_state]") {
		if parse(t, "%ci %"+at).NeedsEnd() {
			t.Errorf("%%%s is known earlier", at)
		}
	}
	for format, late := range map[string]bool{"%[sc0_conn_cur]": true, "%[act_conn]": true, "%[fe_conn]": true, "%[src]": false, "%[fe_name]": false, "%[var(txn.s)]": false} {
		if f := parse(t, format); f.HasValues(true) != late || f.HasValues(false) == late {
			t.Errorf("%s: late %t", format, !late)
		}
	}
}
