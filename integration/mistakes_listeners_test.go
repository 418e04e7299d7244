// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// inListeners returns a Caddyfile with a frontend at each address in the text, except for other
// listeners: app=ADDRESS (a frontend of the app), next=ADDRESS (one that passes connections on),
// site=PORT/BIND and admin=ADDRESS.
func inListeners(text string) string {
	admin, sites, frontends, own := "off", "", "", ""
	for i, word := range strings.Split(text, ", ") {
		what, address, _ := strings.Cut(word, "=")
		port, bind, _ := strings.Cut(address, "/")
		switch what {
		case "admin":
			admin = address
		case "app":
			own += fmt.Sprintf("\t\tfrontend f%d {\n\t\t\tbind %s\n\t\t\tdefault_backend web\n\t\t}\n", i, address)
		case "next":
			own += fmt.Sprintf("\t\tfrontend f%d {\n\t\t\tbind %s\n\t\t\tdefault_backend web\n\t\t\ton not_tls next\n\t\t}\n", i, address)
		case "site":
			sites += fmt.Sprintf("http://:%s {\n\tbind %s\n\trespond hi\n}\n", port, bind)
		default:
			frontends += fmt.Sprintf("\t\t%s {\n\t\t\troute {\n\t\t\t\tpassthrough {\n\t\t\t\t\tname f%d\n\t\t\t\t\tdefault_backend web\n\t\t\t\t}\n\t\t\t}\n\t\t}\n", word, i)
		}
	}
	return fmt.Sprintf("{\n\tadmin %s\n\tpassthrough {\n%s\t\tbackend web {\n\t\t\tserver s1 127.0.0.1:9441\n\t\t}\n\t}\n\tlayer4 {\n%s\t}\n}\n%s", admin, own, frontends, sites)
}

var listenerMistakes = []mistake{
	{"two frontends at one address", inListeners, "durable/:8443, durable/:8443", "durable+shared/:8443, durable+shared/:8443", []string{
		`layer4 server "srv0" and layer4 server "srv1" both listen on durable/:8443: each would get a part of the connections by chance; expected two addresses, or durable+shared/:8443 in both places`,
	}},
	{"one of two that shares", inListeners, "durable+shared/:8443, durable/:8443", "durable/127.0.0.1:8443, durable/:8443", []string{"both listen on durable+shared/:8443 and durable/:8443"}},
	{"a site at a frontend's address", inListeners, "durable/:8443, site=8443/durable/", "durable+shared/:8443, site=8443/durable+shared/", []string{`layer4 server "srv0" and http server "srv0" both listen on durable/:8443`}},
	{"a plain site at a frontend's port", inListeners, "durable/127.0.0.1:8443, site=8443/0.0.0.0", "durable/127.0.0.1:8443, site=8444/0.0.0.0", []string{
		`layer4 server "srv0" listens on durable/127.0.0.1:8443 and http server "srv0" on 0.0.0.0:8443: a durable address is not shared with others`,
	}},
	{"a plain frontend at a frontend's port", inListeners, "durable/:8443, 127.0.0.1:8443", "durable/:8443, 127.0.0.1:8444", []string{`"srv0" listens on durable/:8443 and layer4 server "srv1" on 127.0.0.1:8443`}},
	{"the admin endpoint at a frontend's port", inListeners, "durable/:2019, admin=localhost:2019", "durable/:2020, admin=localhost:2019", []string{`listens on durable/:2019 and admin endpoint on localhost:2019`}},
	{"two frontends of the app at one address", inListeners, "app=:8443, app=:8443", "app=durable+shared/:8443, app=durable+shared/:8443", []string{
		`frontend "f0" and frontend "f1" both listen on durable/:8443: each would get a part of the connections by chance; expected two addresses, or durable+shared/:8443 in both places`,
	}},
	{"a frontend of the app at a frontend's address", inListeners, "durable/:8443, app=:8443", "durable/:8443, app=:8444", []string{`layer4 server "srv0" and frontend "f1" both listen on durable/:8443`}},
	{"a plain site at the app's port", inListeners, "app=127.0.0.1:8443, site=8443/0.0.0.0", "app=127.0.0.1:8443, site=8444/0.0.0.0", []string{
		`frontend "f0" listens on durable/127.0.0.1:8443 and http server "srv0" on 0.0.0.0:8443: a durable address is not shared with others`,
	}},
	{"the admin endpoint at the app's port", inListeners, "app=:2019, admin=localhost:2019", "app=:2020, admin=localhost:2019", []string{`frontend "f0" listens on durable/:2019 and admin endpoint on localhost:2019`}},
	{"no site behind a frontend", inListeners, "next=:8443", "next=:8443, site=8443/durable/", []string{
		`frontend "f0" listens on durable/:8443 and has the action next, but no http server listens there: expected a site for port 8443 with: bind durable/`,
	}},
	{"a site behind a frontend at another address", inListeners, "next=[::1]:8443, site=8443/durable/127.0.0.1", "next=127.0.0.1:8443, site=8443/durable/127.0.0.1", []string{
		`frontend "f0" listens on durable/[::1]:8443 and has the action next, but no http server listens there: expected a site for port 8443 with: bind durable/[::1]`,
	}},
	{"a plain site behind a frontend", inListeners, "next=:8443, site=8443/0.0.0.0", "next=:8443, site=8443/durable/", []string{`frontend "f0" listens on durable/:8443 and http server "srv0" on 0.0.0.0:8443: a durable address is not shared with others`}},
	{"a frontend behind a frontend", inListeners, "next=:8443, app=:8443, site=8443/durable/", "next=:8443, site=8443/durable/", []string{`http server "srv0" and frontend "f1" both listen on durable/:8443`}},
	{"a shared address with next", inListeners, "next=durable+shared/:8443, site=8443/durable+shared/", "next=:8443, site=8443/durable/", []string{`both listen on durable+shared/:8443: beside a frontend with the action next, expected one http server`}},
	{"a plain address with next", inListeners, "next=tcp/:8443", "next=:8443, site=8443/durable/", []string{`Caddyfile:5: frontend "f0": bind 1: action next: expected a durable address, such as :443, not "tcp/:8443": an http server is to have it as well`}},
	{"port 0 with next", inListeners, "next=:0", "next=:8443, site=8443/durable/", []string{`frontend "f0" listens on durable/:0 and has the action next: expected a port other than 0`}},
	{"a misspelled network", inListeners, "durabel/:8443", "durable/:8443", []string{`layer4 server "srv0" listens on "durabel/:8443": unknown network "durabel"; did you mean "durable"?`}},
	{"a misspelled network of a site", inListeners, "durable/:8443, site=8444/durabl/", "durable/:8443, site=8444/durable/", []string{`http server "srv0" listens on "durabl/:8444": unknown network "durabl"; did you mean "durable"?`}},
}

// `caddy validate` refuses listeners that cannot share an address.
func TestValidateRefusesConflictingListeners(t *testing.T) {
	areRefused(t, listenerMistakes, "validate", "Caddyfile")
}

// Loading refuses two users of one durable address, too, and the running configuration stays; if
// both are marked as shared, both are served.
func TestSharedAddress(t *testing.T) {
	address := freeAddress(t)
	servers := [2]string{listen(t, greet), listen(t, greet)}
	config := func(network string) string {
		config := "passthrough {\n backend a {\n server a " + servers[0] + "\n }\n backend b {\n server b " + servers[1] + "\n }\n}\nlayer4 {\n"
		for _, name := range []string{"a", "b"} {
			config += fmt.Sprintf(" %s/%s {\n route {\n passthrough {\n name %[3]s\n default_backend %[3]s\n }\n }\n }\n", network, address, name)
		}
		return config + "}"
	}
	site := fmt.Sprintf("http://:%s {\n bind durable/127.0.0.1\n respond hi\n}\n", portOf(t, address))
	p := start(t, "", "")
	if err := p.reload(t, "", site); err != nil {
		t.Fatal(err)
	}
	for _, of := range []struct{ options, site, want string }{
		{config("durable"), "", `layer4 server \"srv0\" and layer4 server \"srv1\" both listen on durable/`},
		{config("durable+shared"), site, `durable+shared/`},
		// Without an app of this module.
		{"", site + strings.NewReplacer("durable/", "durable4/", "http://", "http://b.test").Replace(site), `both listen on durable/`},
	} {
		if err := p.reload(t, of.options, of.site); err == nil || !strings.Contains(err.Error(), of.want) {
			t.Errorf("load: %v, want %s", err, of.want)
		}
		if answer, err := http.Get("http://" + address); err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("the site no longer answers: %v, %v", answer, err)
		} else {
			answer.Body.Close()
		}
	}
	if err := p.reload(t, config("durable+shared"), ""); err != nil {
		t.Fatal(err)
	}
	served := make(map[string]int)
	for end := time.Now().Add(patience); len(served) < 2 && time.Now().Before(end); {
		c := say(t, address, "")
		read(t, c, make([]byte, 2))
		c.Close()
		for _, l := range p.sessions(t, 1) {
			served[l.Server]++
		}
		p.forget()
	}
	if len(served) != 2 {
		t.Errorf("served by %v", served)
	}
}

// The log warns once about a frontend whose listener is not durable.
func TestNotDurableListenerIsLogged(t *testing.T) {
	plain, other := freeAddress(t), freeAddress(t)
	p := start(t, fmt.Sprintf(`layer4 {
	%s {
		route {
			subroute {
				route {
					passthrough {
						name plain
						server s1 127.0.0.1:1
					}
				}
			}
		}
	}
	durable/%s {
		route {
			passthrough {
				server s1 127.0.0.1:1
			}
		}
	}
}`, plain, other), "")
	if n := strings.Count(p.log(), "reloads lose connections at this listener"); n != 1 || !strings.Contains(p.log(), `"frontend":"plain","listen":["`+plain+`"]`) {
		t.Errorf("%d log lines, want 1:\n%s", n, p.log())
	}
}
