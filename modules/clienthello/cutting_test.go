// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"testing"
)

// TestEverySplit cuts hellos at every point into two segments and into two records, and into records of every size.
func TestEverySplit(t *testing.T) {
	for name, message := range clientMessages(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := records(message, maxPlaintext)
			want := inspectAll(t, raw)
			if want.Outcome != Found || want.ServerName != clientName {
				t.Fatalf("whole: %+v", want)
			}
			compare := func(got verdict, how string, at int) {
				if diff := difference(want, got); diff != "" {
					t.Fatalf("%s %d (-want +got):\n%s", how, at, diff)
				}
			}
			for at := 1; at < len(raw); at++ {
				compare(inspect(t, raw, 0, at, len(raw)), "segments cut at", at)
			}
			for at := 1; at < len(message); at++ {
				compare(inspect(t, records(message, at, maxPlaintext), 0, 1<<20), "records cut at", at)
				compare(inspect(t, records(message, at), 0, 1<<20), "records of", at)
			}
			compare(inspect(t, records(message, 1), 0, 1), "segments and records of", 1)
		})
	}
}

// TestEveryBeginning inspects every beginning of a hello: none has a verdict.
func TestEveryBeginning(t *testing.T) {
	raw := records(plainHello(sni("www.example.com"), alpn("h2")).message(), 60)
	for end := range raw {
		if got := inspectAll(t, raw[:end]); got.Outcome != Pending {
			t.Fatalf("%d of %d bytes: %v", end, len(raw), got.Outcome)
		}
	}
}

// TestLargestHello has the most bytes that can come before a verdict.
func TestLargestHello(t *testing.T) {
	h := plainHello(sni("a.example"))
	h.extensions = concat(sni("a.example"), extension(21, make([]byte, DefaultMaxHello-len(h.body())-4)))
	raw := records(h.message(), 1)
	if len(h.body()) != DefaultMaxHello || len(raw) > firstBlock<<(blockSizes-1) {
		t.Fatalf("a body of %d bytes in %d", len(h.body()), len(raw))
	}
	for _, size := range []int{1, 1000, len(raw)} {
		if got := inspect(t, raw, 0, size); got.Outcome != Found || got.ServerName != "a.example" {
			t.Errorf("segments of %d bytes: %+v", size, got)
		}
	}
}
