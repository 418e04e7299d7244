// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// responding returns what decides about the response of a backend's server by its rules.
func responding(t *testing.T, rules string) (r *response, recycled *bool) {
	t.Helper()
	app := newAppOf(t, map[string]string{"b": `{"servers": [{"name": "s", "address": "127.0.0.1:1"}], "response": ` + rules + `}`})
	f, _ := frontendTo(app, "b", Config{})
	c, _ := connectionWith(t, f, nil)
	c.forget()
	c.backend = app.Backends["b"]
	recycled = new(bool)
	return &response{c: c, session: &session{sessionConfig: new(sessionConfig)}, recycle: func() { *recycled = true }}, recycled
}

const bannerRules = `{"inspect_delay": "1m", "rules": [
	{"action": "accept", "match": [{"acl": [{"any": [{"fetch": "res.payload(0,3)", "method": "bin", "values": ["323230"]}]}]}]},
	{"action": "close", "match": [{"acl": [{"any": [{"fetch": "res.payload(0,1)", "method": "bin", "values": ["34"]}]}]}]},
	{"action": "reset"}]}`

func TestResponseIsHeld(t *testing.T) {
	r, recycled := responding(t, bannerRules)
	first := r.Inspect(nil, false)
	if first.Do != relay.Hold || time.Until(first.Until) > time.Minute || time.Until(first.Until) < 30*time.Second {
		t.Errorf("without bytes: %+v", first)
	}
	if second := r.Inspect([]byte("22"), false); second != first {
		t.Errorf("with two bytes: %+v, want the same as before", second)
	}
	if last := r.Inspect([]byte("220 hello\n"), false); last != (relay.Decision{Do: relay.Pass}) {
		t.Errorf("with all bytes: %+v", last)
	}
	if r.c != nil || !*recycled || r.session.refused != nil {
		t.Errorf("the response keeps the configuration, or is refused: %+v", r)
	}
}

func TestResponseIsRefused(t *testing.T) {
	for bytes, want := range map[string]relay.Decision{
		"421": {Do: relay.Refuse, Reason: "response rule 2: close"},
		"5":   {Do: relay.Refuse, Reason: "response rule 3: reset", Reset: true},
	} {
		r, recycled := responding(t, bannerRules)
		shared := r.session.sessionConfig
		if got := r.Inspect([]byte(bytes), true); got != want {
			t.Errorf("%s: %+v", bytes, got)
		}
		if r.session.refused == nil || shared.refused != nil || r.c != nil || !*recycled {
			t.Errorf("%s: %+v", bytes, r)
		}
	}
}

func TestResponseWithoutDelay(t *testing.T) {
	r, _ := responding(t, `{"rules": [{"action": "close", "match": [{"acl": [{"any": [{"fetch": "res.len", "values": ["gt", "2"]}]}]}]}]}`)
	if got := r.Inspect(nil, false); got.Do != relay.Pass {
		t.Errorf("%+v", got)
	}
}

func TestNoResponseRules(t *testing.T) {
	app := newAppOf(t, map[string]string{"b": `{"servers": []}`})
	c := &connection{backend: app.Backends["b"]}
	if c.holdResponse(nil, nil) {
		t.Error("a response without rules is held back")
	}
}

func TestResponseKeepsNoBytes(t *testing.T) {
	r, _ := responding(t, bannerRules)
	c := r.c
	r.Inspect([]byte(strings.Repeat("2", 2)), false)
	if c.viewState.Response != nil {
		t.Error("the bytes, which relay reuses, are kept")
	}
}
