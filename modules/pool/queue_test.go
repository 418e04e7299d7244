// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestQueueOrder compares a queue with a sorted list while waiters join and leave it.
func TestQueueOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			q    queue
			list []*waiter
			seq  uint64
		)
		start := time.Now()
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			if len(list) > 0 && rapid.IntRange(0, 2).Draw(t, "leaves") == 0 {
				i := rapid.IntRange(0, len(list)-1).Draw(t, "which")
				q.remove(list[i])
				list = slices.Delete(list, i, i+1)
			} else {
				seq++
				w := &waiter{
					class: rapid.IntRange(-1, 1).Draw(t, "class"), since: seq,
					due: start.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "due")) * time.Second),
				}
				q.push(w)
				list = append(list, w)
			}
			slices.SortFunc(list, (*waiter).order)
			validateQueue(t, &q, list)
		}
	})
}

// validateQueue checks that a queue holds exactly the waiters of a list, in its order.
func validateQueue(t *rapid.T, q *queue, list []*waiter) {
	if got := q.appendTo(nil); !slices.Equal(got, list) {
		t.Fatalf("the queue has %d waiters in another order than the %d of the list", len(got), len(list))
	}
	if len(list) == 0 {
		if q.root != nil || q.first != nil || q.last != nil {
			t.Fatal("an empty queue has a waiter")
		}
		return
	}
	if q.last != list[len(list)-1] || q.root.above != nil {
		t.Fatal("the last waiter or the root is wrong")
	}
	for _, w := range list {
		for _, below := range w.below {
			if below != nil && (below.above != w || below.height > w.height) {
				t.Fatal("the tree is not linked, or not a heap")
			}
		}
	}
}

// TestPriorities queues connections, one second after the other, and serves them one by one.
func TestPriorities(t *testing.T) {
	for _, c := range []struct{ name, queued, want string }{
		{"age", "a:0:0 b:0:0 c:0:0", "a b c"},
		{"classes", "a:0:0 b:-1:0 c:1:0 d:-1:0", "b d a c"},
		{"offsets", "a:0:2500 b:0:0 c:0:-3000", "c b a"},
		{"classes count before offsets", "a:1:-9000 b:0:9000", "b a"},
		{"of two due at once, the server's own comes first", "a:0:1000 b/s:0:0", "b/s a"},
		{"a server's queue and the backend's", "a/s:0:0 b:-1:0 c/s:-1:0 d:0:-5000", "b c/s d a/s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { checkPriorities(t, strings.Fields(c.queued), c.want) })
		})
	}
}

// anyFree picks the first server with a free slot.
type anyFree struct{}

func (anyFree) Pick(v View, r *Request) *Server {
	for _, s := range v.Servers {
		if s.CanServe() && !r.Avoids(s) {
			return s
		}
	}
	return nil
}

// checkPriorities queues requests, each given as name[/server]:class:offset in ms.
func checkPriorities(t *testing.T, queued []string, want string) {
	var reg Registry
	p, err := reg.Open(Config{Backend: "b", Policy: anyFree{}, Servers: []ServerConfig{{Name: "s", Weight: 1, MaxConn: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	holder := acquire(t, p, new(Request))
	served := make(chan string, len(queued))
	for _, text := range queued {
		parts, r, offset := strings.Split(text, ":"), new(Request), 0
		_, r.Server, _ = strings.Cut(parts[0], "/")
		_, _ = fmt.Sscan(parts[1], &r.Priority.Class)
		_, _ = fmt.Sscan(parts[2], &offset)
		r.Priority.Offset = time.Duration(offset) * time.Millisecond
		go func() {
			l, err := p.Acquire(context.Background(), r)
			if err != nil {
				served <- err.Error()
				return
			}
			served <- parts[0]
			l.Release(Served)
		}()
		time.Sleep(time.Second)
	}
	holder.Release(Served)
	var got []string
	for range queued {
		got = append(got, <-served)
	}
	if text := strings.Join(got, " "); text != want {
		t.Errorf("served %s, want %s", text, want)
	}
	p.Close()
	wantEmpty(t, &reg)
}

// BenchmarkQueue removes the first of many waiters and adds it again.
func BenchmarkQueue(b *testing.B) {
	for _, mode := range []string{"no priorities", "priorities"} {
		b.Run(mode, func(b *testing.B) {
			const waiting = 100_000
			var q queue
			waiters, start, seq := make([]waiter, waiting), time.Now(), 0
			push := func(w *waiter) {
				seq++
				*w = waiter{since: uint64(seq), due: start.Add(time.Duration(seq) * time.Microsecond)}
				if mode == "priorities" {
					w.due = w.due.Add(time.Duration(seq*7919%waiting) * time.Microsecond)
				}
				q.push(w)
			}
			for i := range waiters {
				push(&waiters[i])
			}
			b.ReportAllocs()
			for b.Loop() {
				w := q.first
				q.remove(w)
				push(w)
			}
		})
	}
}
