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

// A verdict is all that can be learned from an inspection, to be compared.
type verdict struct {
	Outcome       Outcome
	Detail        string
	SpokeTLS      bool
	HasServerName bool
	ServerName    string
	ALPN          []string
	Legacy        uint16
	Version       uint16
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
		v.HasServerName = hello.HasServerName()
		v.ServerName = string(hello.ServerName())
		v.ALPN = protocols(hello)
		v.Legacy = hello.LegacyVersion()
		v.Version = hello.Version()
	}
	return v
}

// difference is cmp.Diff, but quick where there is none.
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

// inspect gives raw to a new inspection in segments of the given sizes, the last size repeatedly, and checks on the way
// that no verdict changes and that the bytes are kept as they are.
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

// inspectAll inspects raw whole, in segments of a few sizes and by Parse, and returns the verdict that all share.
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

func checkParse(t testing.TB, raw []byte, want verdict) {
	t.Helper()
	before := slices.Clone(raw)
	hello, err := Parse(raw)
	switch want.Outcome {
	case Found:
		if err != nil || string(hello.ServerName()) != want.ServerName || hello.Version() != want.Version ||
			!slices.Equal(protocols(&hello), want.ALPN) {
			t.Fatalf("Parse: %v, %q, %v", err, hello.ServerName(), protocols(&hello))
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
	if !bytes.Equal(raw, before) {
		t.Fatal("Parse modified its input")
	}
}
