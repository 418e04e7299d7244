// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runtime

import (
	"fmt"
	"io"
	"net/http"
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
