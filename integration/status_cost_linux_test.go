// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestStatusCost lets ten readers watch the page of 1000 servers, and prints the CPU that it costs.
func TestStatusCost(t *testing.T) {
	if os.Getenv("LOAD") == "" {
		t.Skip("needs an otherwise idle machine: make load")
	}
	p := &process{of: &fast}
	p.start(t, snapshotConfig(t, filepath.Join(t.TempDir(), "s"), freeAddress(t)), "")
	const seconds, readers = 20, 10
	measure := func() float64 {
		before, began := p.cpu(t), time.Now()
		time.Sleep(seconds * time.Second)
		return 100 * (p.cpu(t) - before).Seconds() / time.Since(began).Seconds()
	}
	t.Logf("%-30s %5.2f %% of a core", "no reader", measure())
	for _, query := range []string{"?view=overview", "?view=backends", "?view=backends&backend=web", "?view=backends&backend=web&all=1"} {
		ctx, leave := context.WithCancel(t.Context())
		for range readers {
			p.watch(ctx, t, query)
		}
		cost := measure()
		leave()
		t.Logf("%-30s %5.2f %% of a core", query, cost)
		if cost > 2 {
			t.Errorf("%s: %.2f %% of a core for ten readers, want at most 2", query, cost)
		}
	}
}

// watch reads a stream of the page at the admin endpoint until ctx ends.
func (p *process) watch(ctx context.Context, t *testing.T, query string) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.admin+"/passthrough/page/live"+query, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", query, answer.Status)
	}
	go func() {
		defer answer.Body.Close()
		_, _ = io.Copy(io.Discard, answer.Body)
	}()
}
