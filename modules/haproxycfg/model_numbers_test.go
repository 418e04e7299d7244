// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

const numbered = `defaults
	mode tcp
	timeout connect 1s
	timeout client 1s
	timeout server 1s
frontend f1
	bind 127.0.0.1:1000
	bind 127.0.0.1:1001-1003 name many
	bind 127.0.0.1:1004 id 7 name web
	bind :1005
	bind 127.0.0.1:1006 id 3
	bind /run/x.sock
	tcp-request content reject if { %s }
	default_backend b1
backend b1
	server s 192.0.2.1:443
frontend f2
	id 2
	bind 127.0.0.1:2000
	default_backend b2
frontend off
	disabled
	bind 127.0.0.1:3000
	default_backend b2
backend b2
	server s 192.0.2.1:443
backend nine
	id 9
	server s 192.0.2.1:443
listen l
	bind 127.0.0.1:4000
	server s 192.0.2.1:443
backend b3
	server s 192.0.2.1:443
`

// The numbers are those of HAProxy 3.2 and 3.4.
func TestAssignedIDs(t *testing.T) {
	const socket = "global\n\tstats socket /run/a.sock\n"
	for _, of := range []struct {
		branch, global string
		want           string
	}{
		{"3.2", "", "f1 1, b1 3, f2 2, b2 6, nine 9, l 8"},
		{"3.2", socket, "f1 3, b1 4, f2 2, b2 7, nine 9, l 10"},
		{"3.4", "", "f1 3, b1 4, f2 2, b2 6, nine 9, l 7"},
		{"3.4", socket, "f1 3, b1 4, f2 2, b2 6, nine 9, l 7"},
	} {
		getenv := func(name string) (string, bool) { return of.branch, name == branchVariable }
		text := of.global + fmt.Sprintf(numbered, "fe_id 1")
		r := Translate([]haproxyfile.Source{{Text: []byte(text)}}, Options{Getenv: getenv})
		if r.Failed {
			t.Fatal(r.Problems)
		}
		var got struct {
			Apps struct {
				Passthrough struct{ Frontends, Backends map[string]struct{ ID int } }
			}
		}
		if err := json.Unmarshal(r.JSON, &got); err != nil {
			t.Fatal(err)
		}
		frontends, backends := got.Apps.Passthrough.Frontends, got.Apps.Passthrough.Backends
		ids := fmt.Sprintf("f1 %d, b1 %d, f2 %d, b2 %d, nine %d, l %d", frontends["f1"].ID, backends["b1"].ID,
			frontends["f2"].ID, backends["b2"].ID, backends["nine"].ID, frontends["l"].ID)
		if ids != of.want {
			t.Errorf("%s %q: %s, want %s", of.branch, of.global, ids, of.want)
		}
	}
}

func TestListenersAreEmittedIfUsed(t *testing.T) {
	for criterion, want := range map[string]string{
		"so_id 2": `[{"address": "127.0.0.1:1000", "id": 1}, {"address": "127.0.0.1:1001", "name": "many", "id": 2},
			{"address": "127.0.0.1:1002-1003", "name": "many", "id": 4}, {"address": "127.0.0.1:1004", "name": "web", "id": 7},
			{"address": "durable4/0.0.0.0:1005", "id": 8}, {"address": "127.0.0.1:1006", "id": 3}, {"address": "unix//run/x.sock", "id": 6}]`,
		"fe_name x": `[{"address": "127.0.0.1:1000"}, {"address": "127.0.0.1:1001-1003"}, {"address": "127.0.0.1:1004"}, {"address": "durable4/0.0.0.0:1005"}, {"address": "127.0.0.1:1006"}, {"address": "unix//run/x.sock"}]`,
	} {
		if said := fmt.Sprint(translated(t, fmt.Sprintf(numbered, criterion)).Problems); strings.Contains(said, "'bind ... name'") == strings.Contains(want, "id") {
			t.Errorf("%s: %s", criterion, said)
		}
		got := apps(t, fmt.Sprintf(numbered, criterion))
		equal(t, criterion, at(t, got, "passthrough", "frontends", "f1", "bind"), want)
		if backend := at(t, got, "passthrough", "backends", "b1").(map[string]any); (backend["id"] != nil) != strings.Contains(want, "id") {
			t.Errorf("%s: the backend's id is %v", criterion, backend["id"])
		}
	}
}

func TestBindIDs(t *testing.T) {
	for lines, want := range map[string]string{
		"bind :1,:2 id 3":              "'bind :1,:2' in section 'frontend' : 'id' : can only be used with a single socket",
		"bind :1-2 id 3":               "'id' : can only be used with a single socket",
		"bind :1 id 3\n\tbind :2 id 3": "'id' : custom id 3 already used at",
		"bind :1 id 0":                 "'id' : custom id has to be > 0",
		"bind :1 id x":                 "'id' : expects an integer argument, found 'x'",
	} {
		r := translated(t, "defaults\n\tmode tcp\nfrontend f\n\t"+lines+"\n\tdefault_backend b\nbackend b\n\tserver s 192.0.2.1:1\n")
		if text := fmt.Sprint(r.Problems); !r.Failed || !strings.Contains(text, want) {
			t.Errorf("%q: %s, want %q", lines, text, want)
		}
	}
}

// They had empty values, without any message.
func TestConnectionFetchesInModeHTTP(t *testing.T) {
	const text = "defaults\n\tmode http\nfrontend f\n\tbind 192.0.2.1:80\n\thttp-request set-header X-A %%[%s]\n\tdefault_backend b\nbackend b\n\tserver s 192.0.2.2:80\n"
	for _, fetch := range []string{"fe_name", "be_name", "so_name", "fe_id", "src_is_local", "fc_rtt", "be_connect_timeout", "fc_src", "fc_rcvd_proxy", "fc_pp_tlv(1)"} {
		r := translated(t, fmt.Sprintf(text, fetch))
		if said := fmt.Sprint(r.Problems); !r.Failed || !strings.Contains(said, fetch) || !strings.Contains(said, "in frontend 'f'") {
			t.Errorf("%s: %s", fetch, said)
		}
	}
	for _, fetch := range []string{"act_conn", "uptime", "src", "nbsrv(b)"} {
		if r := translated(t, fmt.Sprintf(text, fetch)); r.Failed {
			t.Errorf("%s: %v", fetch, r.Problems)
		}
	}
}
