// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

var tokenField = regexp.MustCompile(`name="token" value="([^"]+)"`)

// tokenOf returns the token in the form of a page.
func tokenOf(t *testing.T, s *httptest.Server) string {
	t.Helper()
	_, body := get(t, s, "/status/?view=backends")
	found := tokenField.FindStringSubmatch(body)
	if found == nil {
		t.Fatalf("the page has no token:\n%s", body)
	}
	return found[1]
}

// post sends a form with headers, which are given as pairs.
func post(t *testing.T, s *httptest.Server, form url.Values, headers ...string) (answer *http.Response, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/status/", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return do(t, r)
}

func adminOf(t *testing.T, backend, server string) pool.Admin {
	t.Helper()
	s, err := control.ServerOf(backend, server)
	if err != nil {
		t.Fatal(err)
	}
	return s.Admin
}

// A page changes only what it shows.
func TestScopeOfChanges(t *testing.T) {
	t.Parallel()
	serving(t, "change/shown", pool.ServerConfig{Name: "s", Address: "127.0.0.1:1", Weight: 1})
	serving(t, "change/hidden", pool.ServerConfig{Name: "s", Address: "127.0.0.1:1", Weight: 1})
	s := site(t, &Handler{AllowControl: true, Scope: []string{"change/shown"}}, "")
	form := url.Values{"token": {tokenOf(t, s)}, "kind": {"server"}, "action": {"drain"}, "target": {"change%2Fshown/s", "change%2Fhidden/s"}}
	answer, body := post(t, s, form)
	if answer.StatusCode != http.StatusNotFound || !strings.Contains(body, "this page does not show change/hidden; changed: 1") {
		t.Errorf("answer %d\n%s", answer.StatusCode, body)
	}
	if shown, hidden := adminOf(t, "change/shown", "s"), adminOf(t, "change/hidden", "s"); shown != pool.Drain || hidden != pool.Ready {
		t.Errorf("the servers are %v and %v", shown, hidden)
	}
	for kind, target := range map[string]string{"frontend": "change%2Fhidden", "session": "1"} {
		form := url.Values{"token": {tokenOf(t, s)}, "kind": {kind}, "action": {map[string]string{"frontend": "disable", "session": "end"}[kind]}, "target": {target}}
		if answer, body := post(t, s, form); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: answer %d\n%s", kind, answer.StatusCode, body)
		}
	}
}

func TestDrain(t *testing.T) {
	t.Parallel()
	serving(t, "change/drain", pool.ServerConfig{Name: "s 1", Address: "127.0.0.1:1", Weight: 1})
	s := site(t, &Handler{AllowControl: true}, "alice")
	since := control.LastEvent()
	form := url.Values{
		"token": {tokenOf(t, s)}, "kind": {"server"}, "action": {"drain"}, "target": {"change%2Fdrain/s%201"},
		"back": {"?backend=change%2Fdrain&view=backends"},
	}
	answer, body := post(t, s, form, "Sec-Fetch-Site", "same-origin")
	const want = "?backend=change%2Fdrain&view=backends&done=drain&changed=1"
	location := answer.Header.Get("Location")
	if answer.StatusCode != http.StatusSeeOther || !strings.HasSuffix(location, want) {
		t.Fatalf("answer %d to %q, want 303 to %q\n%s", answer.StatusCode, location, want, body)
	}
	if got := adminOf(t, "change/drain", "s 1"); got != pool.Drain {
		t.Errorf("the server is %v, want drain", got)
	}
	if _, body := get(t, s, location); !strings.Contains(body, "Set state to drain: changed 1.") {
		t.Errorf("the page does not report the change:\n%s", body)
	}
	by := ""
	for _, e := range control.Events(since, 0) {
		if e.Backend == "change/drain" && e.By != "" {
			by = e.By
		}
	}
	if !strings.HasPrefix(by, `status page, user "alice", from 127.0.0.1:`) {
		t.Errorf("the event says it was changed by %q", by)
	}
}

func TestRefusedChanges(t *testing.T) {
	t.Parallel()
	serving(t, "refused", pool.ServerConfig{Name: "s1", Address: "127.0.0.1:1", Weight: 1})
	s := site(t, &Handler{AllowControl: true}, "alice")
	readOnly := site(t, new(Handler), "alice")
	mallory := site(t, &Handler{AllowControl: true}, "mallory")
	good := url.Values{"token": {tokenOf(t, s)}, "kind": {"server"}, "action": {"maint"}, "target": {"refused/s1"}}
	with := func(key string, values ...string) url.Values {
		form := maps.Clone(good)
		form[key] = values
		return form
	}
	for name, c := range map[string]struct {
		site    *httptest.Server
		form    url.Values
		headers []string
		status  int
		want    string
	}{
		"read only":      {readOnly, good, nil, http.StatusForbidden, "expected allow_control"},
		"cross site":     {s, good, []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden, "of another site"},
		"same site":      {s, good, []string{"Sec-Fetch-Site", "same-site"}, http.StatusForbidden, "of another site"},
		"foreign origin": {s, good, []string{"Origin", "https://evil.example"}, http.StatusForbidden, "of another site"},
		"null origin":    {s, good, []string{"Origin", "null"}, http.StatusForbidden, "of another site"},
		"no token":       {s, with("token"), nil, http.StatusForbidden, "load the page again"},
		"other token":    {s, with("token", token("alice", time.Now().Add(-3*day))), nil, http.StatusForbidden, "load the page again"},
		"other user":     {mallory, good, nil, http.StatusForbidden, "load the page again"},
		"no target":      {s, with("target"), nil, http.StatusBadRequest, "expected 1 to 1000"},
		"many targets":   {s, with("target", make([]string, maxTargets+1)...), nil, http.StatusBadRequest, "expected 1 to 1000"},
		"kind":           {s, with("kind", "none"), nil, http.StatusBadRequest, "expected server, session or frontend"},
		"action":         {s, with("action", "none"), nil, http.StatusBadRequest, "expected one of those in the form"},
		"weight":         {s, with("action", "weight"), nil, http.StatusBadRequest, "expected a number"},
		"target":         {s, with("target", "refused"), nil, http.StatusBadRequest, "expected a backend and a server"},
		"no such server": {s, with("target", "refused/s2"), nil, http.StatusNotFound, "refused/s2"},
		"no agent":       {s, with("action", "agent-up"), nil, http.StatusConflict, "refused/s1"},
		"too long":       {s, with("value", strings.Repeat("x", maxForm)), nil, http.StatusRequestEntityTooLarge, "bytes at most"},
	} {
		answer, body := post(t, c.site, c.form, c.headers...)
		if answer.StatusCode != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d, want %d with %q\n%s", name, answer.StatusCode, c.status, c.want, body)
		}
	}
	if got := adminOf(t, "refused", "s1"); got != pool.Ready {
		t.Errorf("the server is %v, want ready", got)
	}
}

// TestPartialChange selects a server that exists and one that does not.
func TestPartialChange(t *testing.T) {
	t.Parallel()
	serving(t, "partial", pool.ServerConfig{Name: "s1", Address: "127.0.0.1:1", Weight: 1})
	s := site(t, &Handler{AllowControl: true}, "")
	answer, body := post(t, s, url.Values{"token": {tokenOf(t, s)}, "kind": {"server"}, "action": {"maint"}, "target": {"partial/none", "partial/s1"}})
	if answer.StatusCode != http.StatusNotFound || !strings.Contains(body, "changed: 1") {
		t.Errorf("%d, want 404 with the number of changed servers:\n%s", answer.StatusCode, body)
	}
	if got := adminOf(t, "partial", "s1"); got != pool.Maint {
		t.Errorf("the server is %v, want maint", got)
	}
}

// TestGetChangesNothing sends a form by GET.
func TestGetChangesNothing(t *testing.T) {
	t.Parallel()
	serving(t, "unchanged", pool.ServerConfig{Name: "s1", Address: "127.0.0.1:1", Weight: 1})
	s := site(t, &Handler{AllowControl: true}, "")
	form := url.Values{"token": {tokenOf(t, s)}, "kind": {"server"}, "action": {"maint"}, "target": {"unchanged/s1"}}
	if answer, _ := get(t, s, "/status/?"+form.Encode()); answer.StatusCode != http.StatusOK {
		t.Errorf("status %d, want 200", answer.StatusCode)
	}
	if got := adminOf(t, "unchanged", "s1"); got != pool.Ready {
		t.Errorf("the server is %v, want ready", got)
	}
}
