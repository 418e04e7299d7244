// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"testing"
	"time"
)

// TestFormats compares with what HAProxy 3.4 sends.
func TestFormats(t *testing.T) {
	at := time.Date(2026, 11, 3, 10, 40, 11, 684289999, time.UTC)
	for _, c := range []struct {
		format Format
		host   string
		want   string
	}{
		{Local, "", "<134>Nov  3 10:40:11 mytag[31976]: text"},
		{Local, "myhost", "<134>Nov  3 10:40:11 myhost mytag[31976]: text"},
		{RFC3164, "myhost", "<134>Nov  3 10:40:11 myhost mytag[31976]: text"},
		{RFC5424, "myhost", "<134>1 2026-11-03T10:40:11.684289+00:00 myhost mytag 31976 - - text"},
		{RFC5424, "", "<134>1 2026-11-03T10:40:11.684289+00:00 - mytag 31976 - - text"},
		{Priority, "myhost", "<134>text"},
		{Short, "myhost", "<6>text"},
		{Timed, "myhost", "<6>2026-11-03T10:40:11.684289+00:00 text"},
		{ISO, "myhost", "2026-11-03T10:40:11.684289+00:00 text"},
		{Raw, "myhost", "text"},
	} {
		h := Header{Format: c.format, Facility: Local0, Hostname: c.host, Tag: "mytag", PID: 31976}
		got, cut := h.Append(nil, Info, at, []byte("text"), 0)
		if string(got) != c.want || cut {
			t.Errorf("%v: %q, want %q", c.format, got, c.want)
		}
	}
}

// TestStructuredData compares with what HAProxy 3.4 sends with log-format-sd.
func TestStructuredData(t *testing.T) {
	at := time.Date(2026, 11, 3, 10, 40, 11, 684289999, time.UTC)
	for _, c := range []struct {
		format     Format
		text, want string
	}{
		{RFC5424, "\x1f[a@1 b=\"c\"]\x1ftext", `<134>1 2026-11-03T10:40:11.684289+00:00 - mytag 31976 - [a@1 b="c"] text`},
		{RFC5424, "\x1f\x1ftext", `<134>1 2026-11-03T10:40:11.684289+00:00 - mytag 31976 - - text`},
		{Priority, "\x1f[a@1 b=\"c\"]\x1ftext", "<134>text"},
		{Raw, "text\x1f", "text\x1f"},
	} {
		h := Header{Format: c.format, Facility: Local0, Tag: "mytag", PID: 31976}
		if got, _ := h.Append(nil, Info, at, []byte(c.text), 0); string(got) != c.want {
			t.Errorf("%v: %q, want %q", c.format, got, c.want)
		}
	}
}

func TestTextIsOneLineAndCut(t *testing.T) {
	h := Header{Format: Raw}
	for _, c := range []struct {
		text   string
		length int
		want   string
		cut    bool
	}{
		{"a\nb\rc", 0, "a#012b#015c", false},
		{"tab\tand \x01", 0, "tab\tand \x01", false},
		{"12345", 5, "12345", false},
		{"123456", 5, "12345", true},
		{"", 5, "", false},
	} {
		got, cut := h.Append(nil, Info, time.Now(), []byte(c.text), c.length)
		if string(got) != c.want || cut != c.cut {
			t.Errorf("%q: %q, %v", c.text, got, cut)
		}
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		line, text string
		severity   Severity
	}{
		{`<3>failed`, "failed", Error},
		{`<8>not a level`, "<8>not a level", Info},
		{`<3`, "<3", Info},
		{`{"level":"info","ts":1}`, `{"level":"info","ts":1}`, Info},
		{`{"level":"warn","ts":1}`, `{"level":"warn","ts":1}`, Warning},
		{`{"level":"error","ts":1}`, `{"level":"error","ts":1}`, Error},
		{`{"level":"debug"}`, `{"level":"debug"}`, Debug},
		{`{"ts":1,"level":"error"}`, `{"ts":1,"level":"error"}`, Info},
		{"2026/11/30 10:00:00.000\tERROR\thttp\tfailed", "2026/11/30 10:00:00.000\tERROR\thttp\tfailed", Error},
		{"2026/11/30 10:00:00.000\t\x1b[31mERROR\x1b[0m\tx", "2026/11/30 10:00:00.000\t\x1b[31mERROR\x1b[0m\tx", Error},
		{"1.764\tWARN\tx", "1.764\tWARN\tx", Warning},
		{"plain ERROR text", "plain ERROR text", Info},
		{"", "", Info},
	} {
		severity, text := Split([]byte(c.line))
		if severity != c.severity || string(text) != c.text {
			t.Errorf("%q: %v %q", c.line, severity, text)
		}
	}
}

func TestSampling(t *testing.T) {
	for _, c := range []struct {
		text string
		want string // of 12 messages
	}{
		{"1:3", "x..x..x..x.."},
		{"2-3:4", ".xx..xx..xx."},
		{"1,3-4:6", "x.xx..x.xx.."},
		{"1:1", "xxxxxxxxxxxx"},
	} {
		s, err := ParseSampling(c.text)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for range 12 {
			got += map[bool]string{true: "x", false: "."}[s.Next()]
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.text, got, c.want)
		}
	}
	for _, wrong := range []string{"", "1", "1:0", "0:3", "4:3", "2,1:3", "1-:3", "3-2:4", "a:3", "1,1:3", ":3"} {
		if _, err := ParseSampling(wrong); err == nil {
			t.Errorf("%q has no error", wrong)
		}
	}
}

func TestNames(t *testing.T) {
	if s, err := ParseSeverity("notice"); s != Notice || err != nil || s.String() != "notice" {
		t.Errorf("%v, %v", s, err)
	}
	if f, err := ParseFacility("local7"); f != Local0+7 || err != nil || f.String() != "local7" {
		t.Errorf("%v, %v", f, err)
	}
	if f, err := ParseFormat("rfc5424"); f != RFC5424 || err != nil || f.String() != "rfc5424" {
		t.Errorf("%v, %v", f, err)
	}
	if f, err := ParseFraming("octet-count"); f != OctetCount || err != nil || f.String() != "octet-count" {
		t.Errorf("%v, %v", f, err)
	}
	if _, err := ParseFormat("rfc1"); err == nil || err.Error() != `unknown format "rfc1": expected one of local, rfc3164, rfc5424, priority, short, timed, iso, raw` {
		t.Error(err)
	}
}
