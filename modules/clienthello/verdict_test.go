// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A verdict holds all results of an inspection, for comparison. An empty list is nil.
type verdict struct {
	Outcome  Outcome
	Detail   string
	SpokeTLS bool

	HasServerName       bool
	ServerName          string
	ServerNameIsIP      bool
	ALPN                []string
	Legacy              uint16
	Version             uint16
	SupportedVersions   []uint16
	SessionID           string
	CipherSuites        []uint16
	Groups              []uint16
	PointFormats        string
	SignatureAlgorithms []uint16
	KeyShares           []uint16
	PostQuantum         bool
	PSK                 bool
	EarlyData           bool
	ECH                 bool
	Extensions          []uint16
}

// show adds the fields of the hello.
func (v *verdict) show(h *Hello) {
	v.HasServerName = h.HasServerName()
	v.ServerName = string(h.ServerName())
	v.ServerNameIsIP = h.ServerNameIsIP()
	v.ALPN = protocols(h)
	v.Legacy = h.LegacyVersion()
	v.Version = h.Version()
	v.SupportedVersions = slices.Collect(h.SupportedVersions().All())
	v.SessionID = string(h.SessionID())
	v.CipherSuites = slices.Collect(h.CipherSuites().All())
	v.Groups = slices.Collect(h.Groups().All())
	v.PointFormats = string(h.PointFormats())
	v.SignatureAlgorithms = slices.Collect(h.SignatureAlgorithms().All())
	v.KeyShares = slices.Collect(h.KeyShares())
	v.PostQuantum = h.PostQuantum()
	v.PSK = h.PSK()
	v.EarlyData = h.EarlyData()
	v.ECH = h.ECH()
	v.Extensions = slices.Collect(h.Extensions())
}

func verdictOf(t testing.TB, i *Inspection) verdict {
	t.Helper()
	v := verdict{Outcome: i.Outcome(), SpokeTLS: i.SpokeTLS()}
	sentinel := map[Outcome]error{NotTLS: ErrNotTLS, SSLv2: ErrSSLv2, Malformed: ErrMalformed, TooLarge: ErrTooLarge}[v.Outcome]
	if !errors.Is(i.Err(), sentinel) {
		t.Fatalf("outcome %v with error %v", v.Outcome, i.Err())
	}
	if err := i.Err(); err != nil {
		v.Detail = err.Error()
	}
	hello := i.Hello()
	if (hello != nil) != (v.Outcome == Found) {
		t.Fatalf("outcome %v with hello %v", v.Outcome, hello)
	}
	if hello != nil {
		v.show(hello)
	}
	return v
}

// difference returns cmp.Diff, and is fast for equal verdicts.
func difference(want, got verdict) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return cmp.Diff(want, got)
}

func protocols(h *Hello) []string {
	var all []string
	for protocol := range h.ALPN() {
		all = append(all, string(protocol))
	}
	return all
}

// inspect feeds raw to a new inspection in segments of the given sizes, repeating the last, and
// checks that no verdict changes and that Bytes returns the input.
func inspect(t testing.TB, raw []byte, limit int, sizes ...int) verdict {
	t.Helper()
	i := NewInspection(limit)
	defer i.Release()
	final := Pending
	for rest := raw; len(rest) > 0; {
		n := min(sizes[0], len(rest))
		outcome := i.Feed(rest[:n])
		if final != Pending && outcome != final {
			t.Fatalf("outcome %v became %v", final, outcome)
		}
		final = outcome
		rest = rest[n:]
		if len(sizes) > 1 {
			sizes = sizes[1:]
		}
	}
	if !bytes.Equal(i.Bytes(), raw) {
		t.Fatalf("Bytes() differs from what was fed:\n%x\n%x", i.Bytes(), raw)
	}
	return verdictOf(t, i)
}

// inspectAll inspects raw at once, in segments of several sizes and by Parse, and returns their
// common verdict.
func inspectAll(t testing.TB, raw []byte) verdict {
	t.Helper()
	whole := inspect(t, raw, 0, len(raw)+1)
	for _, size := range []int{1, 2, 3, 5, 7, 64, 1000, 4096} {
		if diff := difference(whole, inspect(t, raw, 0, size)); diff != "" {
			t.Fatalf("segments of %d bytes (-whole +cut):\n%s", size, diff)
		}
	}
	checkParse(t, raw, whole)
	return whole
}

// checkParse checks that Parse has the verdict of an inspection, and does not modify its input or
// the bytes around it.
func checkParse(t testing.TB, raw []byte, want verdict) {
	t.Helper()
	around := slices.Concat([]byte{22}, raw, []byte{22, 3, 1, 0, 1, 1})
	before := slices.Clone(around)
	hello, err := Parse(around[1 : 1+len(raw)])
	if !bytes.Equal(around, before) {
		t.Fatal("Parse modified its input")
	}
	switch want.Outcome {
	case Found:
		got := verdict{Outcome: Found, SpokeTLS: true}
		got.show(&hello)
		if diff := difference(want, got); err != nil || diff != "" {
			t.Fatalf("Parse: %v (-inspection +Parse):\n%s", err, diff)
		}
	case Pending:
		if !errors.Is(err, ErrNeedMore) {
			t.Fatalf("Parse: %v, want %v", err, ErrNeedMore)
		}
	default:
		if err == nil || err.Error() != want.Detail {
			t.Fatalf("Parse: %v, want %s", err, want.Detail)
		}
	}
}
