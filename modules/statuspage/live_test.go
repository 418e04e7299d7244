// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/statusview"
)

// got is an event that a reader got.
type got struct {
	name   string
	id     uint64
	Shape  string
	Tables map[string]struct {
		Total int
		Order []string
		Rows  []struct {
			Key   string
			Class string
			Cells map[string]any
		}
	}
	Facts    map[string]any
	Messages map[string][]any
}

// watch follows a stream, and returns its events and a function that ends it. The channel is closed
// when the stream ends.
func watch(t *testing.T, s *httptest.Server, query string) (<-chan got, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/status/page/live"+query, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if kind := answer.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("Content-Type %q", kind)
	}
	events := make(chan got, 100)
	go func() {
		defer close(events)
		defer func() { _ = answer.Body.Close() }()
		lines, e := bufio.NewScanner(answer.Body), got{}
		lines.Buffer(nil, 1<<24)
		for lines.Scan() {
			key, value, _ := strings.Cut(lines.Text(), ": ")
			switch key {
			case "event":
				e = got{name: value}
			case "id":
				e.id, _ = strconv.ParseUint(value, 10, 64)
			case "data":
				if err := json.Unmarshal([]byte(value), &e); err != nil {
					t.Error(err)
				}
				events <- e
			}
		}
	}()
	t.Cleanup(cancel)
	return events, cancel
}

// TestLive watches a backend while a server goes into maintenance.
func TestLive(t *testing.T) {
	t.Parallel()
	serving(t, "live", pool.ServerConfig{Name: "s1", Address: "127.0.0.1:1", Weight: 1}, pool.ServerConfig{Name: "s2", Address: "127.0.0.1:2", Weight: 1})
	s := site(t, new(Handler), "")
	_, page := get(t, s, "/status/?view=backends&backend=live")
	events, _ := watch(t, s, "?view=backends&backend=live")
	full := <-events
	rows := full.Tables["servers-live"].Rows
	if full.name != "full" || len(rows) != 2 || len(rows[0].Cells) < 20 || rows[1].Key != "s2" || full.Facts["backend-live-state"] == nil {
		t.Fatalf("the first event is %+v", full)
	}
	if full.Shape == "" || !strings.Contains(page, `data-shape="`+full.Shape+`"`) {
		t.Errorf("the page has not the shape %q of the stream", full.Shape)
	}
	if _, err := control.ChangeServer(control.ByAdmin, "live", "s2", control.ServerChange{Admin: new(pool.Maint)}); err != nil {
		t.Fatal(err)
	}
	last := full.id
	for e := range events {
		if e.name != "update" || e.id <= last {
			t.Fatalf("event %s %d after %d", e.name, e.id, last)
		}
		last = e.id
		table := e.Tables["servers-live"]
		if len(table.Rows) != 1 || table.Rows[0].Key != "s2" {
			continue // numbers of the backend
		}
		if r := table.Rows[0]; table.Order != nil || r.Class != statusview.Maint || len(r.Cells) > 5 || fmt.Sprint(r.Cells["1"]) != "map[class:t maint text:MAINT]" {
			t.Errorf("the update is %+v of %v", r, table.Order)
		}
		return
	}
	t.Error("the stream ended without the update")
}

// TestOneComputation watches a view by many readers: it is computed for one of them, and no longer
// when they have left.
func TestOneComputation(t *testing.T) {
	t.Parallel()
	var computed, most atomic.Int64
	f := feeds{until: untilReload, build: func(statusview.Query) (*statusview.View, error) {
		most.Store(max(most.Load(), computed.Add(1)))
		return new(statusview.View), nil
	}}
	type joined struct {
		*feed
		*reader
	}
	var all []joined
	for range maxStreams {
		one, r, ok := f.join(statusview.Query{View: "overview"})
		if !ok {
			t.Fatal("a reader was refused")
		}
		all = append(all, joined{one, r})
	}
	if _, _, ok := f.join(statusview.Query{View: "overview"}); ok {
		t.Error("one reader too many was let in")
	}
	for _, j := range all {
		if e := <-j.events; e.name != "full" {
			t.Errorf("the first event is %s", e.name)
		}
	}
	if n := len(f.of); n != 1 {
		t.Errorf("%d feeds of one view", n)
	}
	for _, j := range all {
		f.leave(j.feed, j.reader)
	}
	if len(f.of) != 0 || f.readers != 0 {
		t.Errorf("%d feeds and %d readers are left", len(f.of), f.readers)
	}
	select { // the channel tells that run has nothing to compute for
	case <-all[0].stop:
	default:
		t.Error("the feed goes on without readers")
	}
}

// TestLateReader lets a reader take no events: it gets the full state when it does again.
func TestLateReader(t *testing.T) {
	t.Parallel()
	one := &feed{readers: make(map[*reader]struct{})}
	r := &reader{events: make(chan event, behind), late: true}
	one.add(r)
	state := func(n int) *statusview.View {
		return &statusview.View{Panels: []statusview.Panel{{ID: "p", Facts: []statusview.Fact{{ID: "n", Value: statusview.Number(n)}}}}}
	}
	for n := range behind + 5 {
		one.publish(state(n))
	}
	var names []string
	for range behind {
		names = append(names, (<-r.events).name)
	}
	one.publish(state(100))
	e := <-r.events
	if names[0] != "full" || names[1] != "update" || e.name != "full" || !strings.Contains(string(e.data), `"n":"100"`) {
		t.Errorf("events %v, then %s %s", names, e.name, e.data)
	}
}

// TestEndOfStreams ends the configuration of a page that is watched.
func TestEndOfStreams(t *testing.T) {
	t.Parallel()
	var ended atomic.Bool
	h := new(Handler)
	s := site(t, h, "")
	h.page.feeds.until = func() func() bool { return ended.Load }
	events, _ := watch(t, s, "?view=overview")
	<-events
	ended.Store(true)
	for e := range events {
		if e.name != "update" {
			t.Errorf("event %s", e.name)
		}
	}
}

// TestStreamOfNothing asks for streams that do not exist.
func TestStreamOfNothing(t *testing.T) {
	t.Parallel()
	s := site(t, &Handler{Scope: []string{"other"}}, "")
	serving(t, "out-of-scope", pool.ServerConfig{Name: "s1", Address: "127.0.0.1:1", Weight: 1})
	for query, status := range map[string]int{
		"?view=none":                           http.StatusNotFound,
		"?view=backends&backend=none":          http.StatusNotFound,
		"?view=backends&backend=out-of-scope":  http.StatusNotFound,
		"?view=sessions&source=none":           http.StatusBadRequest,
		"?view=sessions&older_than=yesterday":  http.StatusBadRequest,
		"?view=sessions&source=192.0.2.0%2F24": http.StatusOK,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, s.URL+"/status/page/live"+query, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if answer, _ := do(t, r); answer.StatusCode != status {
			t.Errorf("HEAD live%s: %d, want %d", query, answer.StatusCode, status)
		}
	}
}
