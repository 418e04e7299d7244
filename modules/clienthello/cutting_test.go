// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"slices"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// TestEverySplit splits hellos at every point into two segments and into two records, and into
// records of every size.
func TestEverySplit(t *testing.T) {
	for name, message := range clientMessages(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := hellotest.Records(message)
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
				compare(inspect(t, hellotest.Records(message, at, maxPlaintext), 0, 1<<20), "records cut at", at)
				compare(inspect(t, hellotest.Records(message, at), 0, 1<<20), "records of", at)
			}
			compare(inspect(t, hellotest.Records(message, 1), 0, 1), "segments and records of", 1)
		})
	}
}

// TestEveryBeginning checks that no proper prefix of a hello has a verdict.
func TestEveryBeginning(t *testing.T) {
	raw := hellotest.Records(fullHello().Message(), 60)
	for end := range raw {
		if got := inspectAll(t, raw[:end]); got.Outcome != Pending {
			t.Fatalf("%d of %d bytes: %v", end, len(raw), got.Outcome)
		}
	}
}

// TestEverySplitOfRecords combines records of two sizes with segments of two: headers are split at
// every point.
func TestEverySplitOfRecords(t *testing.T) {
	message := fullHello().Message()
	want := inspectAll(t, hellotest.Records(message))
	for first := 1; first <= 6; first++ {
		for size := 1; size <= 6; size++ {
			raw := hellotest.Records(message, first, size)
			for at := 1; at <= 12; at++ {
				for segment := 1; segment <= 12; segment++ {
					if diff := difference(want, inspect(t, raw, 0, at, segment)); diff != "" {
						t.Fatalf("records of %d, %d, ... and segments of %d, %d, ... (-want +got):\n%s", first, size, at, segment, diff)
					}
				}
			}
		}
	}
}

// TestVerdictInTime feeds bytes one by one: after each the outcome must equal that of all bytes at
// once. So no verdict waits for a byte that it does not need.
func TestVerdictInTime(t *testing.T) {
	inputs := map[string][]byte{
		"hello":               fullHello().Raw(),
		"in 1-byte records":   hellotest.Records(fullHello().Message(), 1),
		"in 7-byte records":   hellotest.Records(fullHello().Message(), 7),
		"with more behind it": slices.Concat(fullHello().Raw(), hellotest.Record(23, make([]byte, 9))),
	}
	for _, refused := range hellotest.Refused() {
		inputs[refused.Name] = refused.Raw
	}
	for name, raw := range inputs {
		i := NewInspection(0)
		for end := range raw[:min(len(raw), 3000)] {
			got := i.Feed(raw[end : end+1])
			if want := inspect(t, raw[:end+1], 0, len(raw)).Outcome; got != want {
				t.Fatalf("%s: %v after %d single bytes, %v when they come at once", name, got, end+1, want)
			}
		}
		i.Release()
	}
}

// TestLargestHello sends the most bytes that can come before a verdict.
func TestLargestHello(t *testing.T) {
	h := hellotest.Plain(hellotest.SNI("a.example")).Pad(DefaultMaxHello)
	raw := hellotest.Records(h.Message(), 1)
	if len(h.Body()) != DefaultMaxHello || len(raw) > blockSizes[len(blockSizes)-1] {
		t.Fatalf("a body of %d bytes in %d", len(h.Body()), len(raw))
	}
	for _, size := range []int{1, 1000, len(raw)} {
		if got := inspect(t, raw, 0, size); got.Outcome != Found || got.ServerName != "a.example" {
			t.Errorf("segments of %d bytes: %+v", size, got)
		}
	}
}
