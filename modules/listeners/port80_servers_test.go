// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
)

func TestChallengeServers(t *testing.T) {
	app, _ := frontendtest.App(t, map[string]string{
		"two":   `{"servers": [{"name": "a", "address": "10.0.0.1:443"}, {"name": "b", "address": "[2001:db8::1]:8443"}]}`,
		"down":  `{"servers": [{"name": "a", "address": "10.0.0.1:443", "disabled": true}, {"name": "b", "address": "tcp4/web.example.com:443"}, {"name": "c", "address": "10.0.0.3:+0"}]}`,
		"other": `{"servers": [{"name": "a", "address": "unix//run/s"}, {"name": "b", "address": "{l4.client_hello.sni}:443"}]}`,
	})
	for _, c := range []struct{ backend, acmeTo, want string }{
		{"two", "", "10.0.0.1:80 [2001:db8::1]:80"},
		{"two", ":8080", "10.0.0.1:8080 [2001:db8::1]:8080"},
		{"two", "10.0.0.7", "10.0.0.7:80"},
		{"two", "10.0.0.7:8080", "10.0.0.7:8080"},
		{"two", "2001:db8::7", "[2001:db8::7]:80"},
		{"two", "[2001:db8::7]", "[2001:db8::7]:80"},
		{"two", "tcp6/acme.example.com", "tcp6/acme.example.com:80"},
		{"down", "", "tcp4/web.example.com:80 10.0.0.3:80 10.0.0.1:80"},
		{"other", "", ""},
		{"", "", ""},
	} {
		s := &Site{ACMETo: c.acmeTo, backend: app.Backends[c.backend]}
		if err := s.validateACMETo(); err != nil {
			t.Error(err)
		}
		var got []string
		for _, d := range s.challengeServers() {
			got = append(got, d.Address)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("backend %q, acme_to %q: %q, want %s", c.backend, c.acmeTo, got, c.want)
		}
	}
}

func TestMaxChallengeServers(t *testing.T) {
	var servers []string
	for i := range 2 * maxChallengeServers {
		servers = append(servers, fmt.Sprintf(`{"name": "s%d", "address": "10.0.0.%d:443"}`, i, i+1))
	}
	app, _ := frontendtest.App(t, map[string]string{"many": `{"servers": [` + strings.Join(servers, ",") + `]}`})
	if got := len((&Site{backend: app.Backends["many"]}).challengeServers()); got != maxChallengeServers {
		t.Errorf("%d servers, want %d", got, maxChallengeServers)
	}
}

func TestValidateACMETo(t *testing.T) {
	for _, to := range []string{":", ":0", ":http", ":70000", "host:", "host:x", "http://host", "host/path", "a b", "unix//run/s", "{env.HOST}", "tcp4/10.0.0.1"} {
		err := (&Site{ACMETo: to}).validateACMETo()
		if err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("acme_to %q: expected HOST, HOST:PORT, or :PORT", to)) {
			t.Errorf("acme_to %q: %v", to, err)
		}
	}
}

func TestACMEToInCaddyfile(t *testing.T) {
	for to, want := range map[string]string{
		"http://10.0.0.7": `acme_to "http://10.0.0.7": expected HOST, HOST:PORT, or :PORT for a port of the servers`,
		"":                `"acme_to" needs an argument`,
		"a b":             `unexpected "b"`,
		"a; acme_to b":    "acme_to",
	} {
		_, err := adapted("Caddyfile", ":443 {; passthrough a.test 10.0.0.5:443 {; acme_to "+to+"; }; }; ")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "Caddyfile:3") && !strings.Contains(err.Error(), "Caddyfile:4") {
			t.Errorf("acme_to %s: %v, want %s with its line", to, err, want)
		}
	}
}
