// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"net/textproto"
	"strings"
	"testing"
)

// checkInput returns the input of an HTTP check that has received its response.
func checkInput() *Input {
	return &Input{Final: true, Check: &CheckInput{
		Backend: "b", Server: "s", Received: []byte("+PONG\r\nmore\x00"),
		Response: &CheckResponse{
			Status: 202, Version: "1.1", Body: []byte("all well"),
			Header: textproto.MIMEHeader{"X-List": {"a, b", `"c, d",e`}},
		},
	}}
}

func TestFormatsOfChecks(t *testing.T) {
	l := &Loader{Checks: true}
	for format, want := range map[string]string{
		"%[be_name]/%[srv_name]":                "b/s",
		"%[res.payload(0,0),cut_crlf]":          "+PONG",
		"%[res.payload(1,4)]":                   "PONG",
		"<%[res.payload(9,9)]>":                 "<>",
		"%[res.len]":                            "12",
		"%[status] %[res.ver]":                  "202 1.1",
		"%[res.body] %[res.body_len]":           "all well 8",
		"%[res.hdr(x-list)]":                    "e",
		"%[res.hdr(x-list,1)]":                  "a",
		"%[res.hdr(X-List,-2)]":                 `"c, d"`,
		"<%[res.hdr(x-list,5)]>":                "<>",
		"<%[res.hdr(x-other)]>":                 "<>",
		"%[res.fhdr(x-list,1)]":                 "a, b",
		"%[res.hdr_cnt(x-list)]":                "4",
		"%[str(xxabxx),ltrim(x),rtrim(xb)]":     "a",
		"%[int(1027),htonl,hex]":                "00000403",
		"%[rand(1)] 100%%":                      "0 100%",
		"%[date,div(1000000000)]":               "1", // until 2033
		"%[date(0,ms),div(1000000000000)]":      "1",
		"<%[src]>":                              "<>",
		"%[var(check.x,none)]":                  "none",
		"%[str(HAPROXYSSLCHK\nHAPRO),cut_crlf]": "HAPROXYSSLCHK",
	} {
		f, err := l.Format(format)
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		if got := f.String(checkInput()); got != want {
			t.Errorf("%s: got %q, want %q", format, got, want)
		}
	}
	host, err := l.Format("%H")
	if text, constant := host.Constant(); err != nil || !constant || text == "" {
		t.Errorf("the host: %q, %v", text, err)
	}
}

// The data of a check is not available to connections, and the reverse.
func TestCheckFetchesOnlyInChecks(t *testing.T) {
	for _, e := range []string{"req.len", "req.ssl_sni", "req.payload(0,1)"} {
		if _, err := (&Loader{Checks: true}).Expression(e); err == nil || !strings.Contains(err.Error(), "no client") {
			t.Errorf("%s: %v", e, err)
		}
	}
	var unsupported *Unsupported
	for _, e := range []string{"res.body", "status", "res.hdr(x)"} {
		if _, err := new(Loader).Expression(e); !errors.As(err, &unsupported) {
			t.Errorf("%s: %v", e, err)
		}
	}
	if f, err := (&Loader{Checks: true}).Format("%[status]"); err != nil || f.String(&Input{Final: true}) != "" {
		t.Errorf("without an answer: %v", err)
	}
}
