// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runtime

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pages are the sections of pagesConfig.
var pages = []string{"open", "guarded", "listed"}

// pagesConfig has pages with statistics, which show the section web.
const pagesConfig = `
userlist people
    group admins users ann
    user ann insecure-password pear
    user bob password $6$saltsalt$8gzUrz5S2/0AfMGfui2LllQQ2fwu.jYnAVGef2XY7gAo0jNFrzHsTq9lMr2ze7QvIJxr4BYOKdgDpx4Va9Atb1
listen open
    mode http
    bind "${open}"
    stats uri /
    stats scope web
    stats show-legends
    stats hide-version
listen guarded
    mode http
    bind "${guarded}"
    stats auth ops:secret
    stats scope web
    stats show-legends
    stats refresh 5s
listen listed
    mode http
    bind "${listed}"
    stats uri /stats
    stats scope web
    stats show-legends
    acl people http_auth_group(people) admins
    stats http-request deny if { hdr(x-from) elsewhere }
    stats http-request auth realm People unless { http_auth(people) }
    stats admin if people
    http-request deny if { path /denied }
    redirect location /stats if !{ path_beg /stats }
`

// pageAnswer is an answer of a page without its body.
type pageAnswer struct {
	Status                   int
	Kind, Challenge, LeadsTo string
}

// open asks a section for a target, as a user if one is given, and returns the body as well.
func (p *program) open(section, target, user string, header ...string) (a pageAnswer, body string, err error) {
	r, err := http.NewRequest(http.MethodGet, "http://"+p.at[section]+target, nil)
	if err != nil {
		return a, "", err
	}
	if name, password, ok := strings.Cut(user, ":"); ok {
		r.SetBasicAuth(name, password)
	}
	if len(header) == 2 {
		r.Header.Set(header[0], header[1])
	}
	client := http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w, err := client.Do(r)
	if err != nil {
		return a, "", err
	}
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	kind, _, _ := strings.Cut(w.Header.Get("Content-Type"), ";")
	return pageAnswer{w.StatusCode, kind, w.Header.Get("WWW-Authenticate"), w.Header.Get("Location")}, string(text), err
}

// Pages let the same clients in, and answer in the same formats.
func TestPageAccess(t *testing.T) {
	t.Parallel()
	r := newReadersRig(t, readersConfig+pagesConfig, pages...)
	for _, of := range []struct{ section, target, header string }{
		{"open", "/", ""},
		{"open", "/;csv", ""},
		{"open", "/;typed", ""},
		{"open", "/;json", ""},
		{"open", "/?;csv", ""},
		{"open", "/;csv;norefresh", ""},
		{"guarded", "/haproxy?stats;csv", ""},
		{"guarded", "/haproxy?stats/;csv", ""},
		{"guarded", "/", ""},
		{"listed", "/stats;csv", ""},
		{"listed", "/stats/;csv", ""},
		{"listed", "/stats;csv", "elsewhere"},
		{"listed", "/other", ""},
		{"listed", "/denied", ""},
	} {
		for _, user := range []string{"", "ops:secret", "ops:secre", "ann:pear", "bob:a", "bob:b", ":"} {
			var answers []pageAnswer
			for p := range r.both {
				a, _, err := p.open(of.section, of.target, user, "X-From", of.header)
				if err != nil {
					t.Fatalf("%s: %s: %v", p.name, of.target, err)
				}
				answers = append(answers, a)
			}
			if diff := cmp.Diff(answers[0], answers[1]); diff != "" {
				t.Errorf("%s%s as %q: -HAProxy +ours\n%s", of.section, of.target, user, diff)
			}
		}
	}
}

// tokenOf matches the token in a form of the page.
var tokenOf = regexp.MustCompile(`name="token" value="([^"]+)"`)

// The form of the page changes servers for those that stats admin allows, and for no others. The
// forms of HAProxy's page change nothing.
func TestPageAdmin(t *testing.T) {
	t.Parallel()
	p := newReadersRig(t, readersConfig+pagesConfig, pages...).ours
	_, page, err := p.open("listed", "/stats/?view=backends", "ann:pear")
	if err != nil {
		t.Fatal(err)
	}
	token := tokenOf.FindStringSubmatch(page)
	if token == nil {
		t.Fatalf("the page of an admin has no form:\n%s", page)
	}
	if _, page, err := p.open("listed", "/stats/?view=backends", "bob:a"); err != nil || tokenOf.MatchString(page) || !strings.Contains(page, "s2") {
		t.Errorf("the page of a reader: %v\n%s", err, page)
	}
	drain := url.Values{"token": {token[1]}, "kind": {"server"}, "action": {"drain"}, "target": {"web/s2"}}
	for _, of := range []struct {
		target, user string
		form         url.Values
		want         int
	}{
		{"/stats/", "bob:a", drain, http.StatusForbidden},
		{"/stats/", "", drain, http.StatusUnauthorized},
		{"/stats/", "ann:pear", url.Values{"s": {"s2"}, "action": {"drain"}, "b": {"web"}}, http.StatusForbidden},
		{"/stats", "ann:pear", url.Values{"s": {"s2"}, "action": {"drain"}, "b": {"web"}}, http.StatusForbidden},
	} {
		if got := p.post(t, "listed", of.target, of.user, of.form); got != of.want {
			t.Errorf("%s as %q: %d, want %d", of.target, of.user, got, of.want)
		}
	}
	if got := p.state(t, "s2"); got != "UP" {
		t.Errorf("the server is %s", got)
	}
	if got := p.post(t, "listed", "/stats/", "ann:pear", drain); got != http.StatusSeeOther {
		t.Errorf("the form of the page: %d", got)
	}
	if got := p.state(t, "s2"); got != "DRAIN" {
		t.Errorf("the server is %s", got)
	}
}

// post sends a form to a section, and returns the status of the answer.
func (p *program) post(t *testing.T, section, target, user string, form url.Values) (status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.at[section]+target, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if name, password, ok := strings.Cut(user, ":"); ok {
		r.SetBasicAuth(name, password)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// The CSV of a page has the same values in both programs, and those of the socket.
func TestPageCSV(t *testing.T) {
	t.Parallel()
	r := newReadersRig(t, readersConfig+pagesConfig, pages...)
	for _, target := range []string{"/;csv", "/;csv;up", "/;csv;no-maint", "/;csv?scope=WE", "/;csv?scope=nothing"} {
		texts := make(map[*program]string)
		var differences []string
		agree := func() bool {
			for p := range r.both {
				_, text, err := p.open("open", target, "")
				if err != nil {
					differences = []string{fmt.Sprint(p.name, ": ", err)}
					return false
				}
				texts[p] = text
			}
			differences = compareStat(texts[r.haproxy], texts[r.ours])
			return len(differences) == 0
		}
		if !eventually(agree) {
			t.Errorf("%s:\n%s", target, strings.Join(differences, "\n"))
		}
	}
}
