// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/events"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
)

const eventsPath = prefix + "events"

func TestEvents(t *testing.T) {
	since := control.LastEvent()
	events.Process.Add(events.Event{Kind: events.ServerDown, Text: "one", Backend: "web", Server: "s1"})
	events.Process.Add(events.Event{Kind: events.ServerUp, Text: "two", Backend: "web", Server: "s1"})
	path := fmt.Sprintf("%s?since=%d", eventsPath, since)
	if all := show[[]events.Event](t, path); len(all) != 2 || all[0].Text != "one" || all[1].Number != since+2 {
		t.Errorf("%+v", all)
	}
	if all := show[[]events.Event](t, path+"&limit=1&follow=0"); len(all) != 1 || all[0].Text != "two" {
		t.Errorf("the newest: %+v", all)
	}
	for query, want := range map[string]string{
		"since=-1": `since "-1": expected the number of an event`, "limit=x": `limit "x": expected a whole number`,
		"follow=yes": `follow "yes": expected 1 or 0`, "x=1": `parameter "x": expected since, limit or follow`,
	} {
		if status, text := ask(t, http.MethodGet, eventsPath+"?"+query, ""); status != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", query, status, text)
		}
	}
}

// Events are written as they happen, until the next reload.
func TestFollowEvents(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := serve(w, r); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	since := control.LastEvent()
	events.Process.Add(events.Event{Kind: events.ConfigLoaded}) // an earlier one
	got, err := http.Get(fmt.Sprintf("%s%s?follow=1&since=%d", server.URL, eventsPath, since))
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	lines := bufio.NewScanner(got.Body)
	for i, kind := range []events.Kind{events.ConfigLoaded, events.ServerDown, events.ConfigLoaded} {
		if i > 0 {
			events.Process.Add(events.Event{Kind: kind})
		}
		var e events.Event
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &e) != nil || e.Kind != kind {
			t.Fatalf("got %s, want %s", lines.Text(), kind)
		}
	}
	if lines.Scan() {
		t.Errorf("after a reload: %s", lines.Text())
	}
}

func TestErrors(t *testing.T) {
	if e := show[Errors](t, prefix+"errors"); e.Errors == nil {
		t.Errorf("%+v", e)
	}
	if status, text := ask(t, http.MethodDelete, prefix+"errors", ""); status != http.StatusOK {
		t.Errorf("%d %s", status, text)
	}
}

func TestChangeProcess(t *testing.T) {
	before := limits.Process.MaxConn.Load()
	t.Cleanup(func() {
		ask(t, http.MethodPatch, prefix+"process", fmt.Sprintf(`{"maxconn": %d, "session_rate_limit": 0}`, before))
	})
	status, text := ask(t, http.MethodPatch, prefix+"process", `{"maxconn": 77, "session_rate_limit": 88}`)
	var p Process
	if err := json.Unmarshal([]byte(text), &p); err != nil || status != http.StatusOK || p.MaxConn != 77 || p.SessionRate.Limit != 88 {
		t.Errorf("%d %s", status, text)
	}
	for body, want := range map[string]string{
		`{}`: "nothing to change: expected maxconn, connection_rate_limit or session_rate_limit", `{"maxconn": -1}`: "maxconn -1: expected a whole number, zero or more",
	} {
		if status, text := ask(t, http.MethodPatch, prefix+"process", body); status != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
}

func TestChangeFrontendErrors(t *testing.T) {
	for body, want := range map[string]string{
		`{"state": "closed"}`: `state "closed": expected open, disabled or stopped`, `{}`: "nothing to change: expected state, maxconn or session_rate_limit",
		`{"state": "stopped", "maxconn": 1}`: "state stopped: expected no other change with it", `{"maxconn": -1}`: "maxconn -1: expected a whole number, zero or more",
	} {
		if status, text := ask(t, http.MethodPatch, frontendsPath+"/tls", body); status != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	if status, text := ask(t, http.MethodPatch, frontendsPath+"/nope", `{"state": "disabled"}`); status != http.StatusNotFound {
		t.Errorf("an unknown frontend: %d %s", status, text)
	}
}
