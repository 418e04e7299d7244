// SPDX-License-Identifier: Apache-2.0

package offheap

import (
	"bytes"
	"runtime"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// TestArena puts and frees values of all sizes. Stored bytes do not change until they are freed,
// and at the end no memory is left but one chunk for each size.
func TestArena(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type value struct {
			ref  Ref
			want []byte
		}
		var a arena
		var kept []value
		drop := func(i int) {
			if got := a.bytes(kept[i].ref); !bytes.Equal(got, kept[i].want) {
				t.Fatalf("%d bytes of value %d, want %d", len(got), kept[i].want[0], len(kept[i].want))
			}
			a.free(kept[i].ref)
			kept[i] = kept[len(kept)-1]
			kept = kept[:len(kept)-1]
		}
		sizes := rapid.SliceOfN(rapid.SampledFrom([]int{1, 15, 16, 17, 80, largest - 1, largest, largest + 1, chunkBytes + 1}), 1, 4).Draw(t, "sizes")
		for i := range rapid.IntRange(1, 2000).Draw(t, "steps") {
			if len(kept) > 0 && rapid.IntRange(0, 9).Draw(t, "step") < 3 {
				drop(rapid.IntRange(0, len(kept)-1).Draw(t, "which"))
				continue
			}
			want := bytes.Repeat([]byte{byte(i)}, sizes[i%len(sizes)])
			kept = append(kept, value{a.put(want), want})
		}
		for len(kept) > 0 {
			drop(len(kept) - 1)
		}
		left := make(map[int]int)
		for _, c := range a.chunks {
			if c != nil {
				left[c.size]++
			}
		}
		for size, n := range left {
			if n != 1 || size > largest {
				t.Errorf("%d chunks of %d bytes are left", n, size)
			}
		}
	})
}

func TestZeroRefIsEmpty(t *testing.T) {
	var none Ref
	if none.Free(); Put(nil) != none || none.Bytes() != nil {
		t.Error("the zero value is not empty")
	}
}

func TestConcurrentUse(t *testing.T) {
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 2000 {
				b := bytes.Repeat([]byte{byte(i)}, 1+n%200)
				r := Put(b)
				if runtime.Gosched(); !bytes.Equal(r.Bytes(), b) {
					t.Error("stored bytes have changed")
				}
				r.Free()
			}
		})
	}
	all.Wait()
}

// BenchmarkPut stores and frees one value.
func BenchmarkPut(b *testing.B) {
	value := make([]byte, 80)
	b.ReportAllocs()
	for b.Loop() {
		Put(value).Free()
	}
}
