// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// writeConfig writes the Caddyfile. word is in the answers of the own sites.
func (o *onePort) writeConfig(t testing.TB, word string) {
	t.Helper()
	text := strings.NewReplacer("ADMIN", o.admin, "STATE", filepath.Join(o.dir, "state"), "BIND", "127.0.0.1", "PORT", portOf(t, o.address), "PROXIED", portOf(t, o.proxied), "IMPATIENT", portOf(t, o.impatient), "BARE", portOf(t, o.bare),
		"OPENSSL", o.servers["openssl"], "NGINX", o.servers["nginx"], "GO", o.servers["go"], "WORD", word).Replace(onePortConfig)
	if err := os.WriteFile(filepath.Join(o.dir, "Caddyfile"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const onePortConfig = "{\n" + servedLog + `	admin ADMIN
	storage file_system STATE
	skip_install_trust
	local_certs
	auto_https disable_redirects
	https_port PORT
	http_port 1
	default_bind BIND
	servers BIND:IMPATIENT {
		timeouts {
			read_header 3s
		}
	}
	servers BIND:BARE {
		timeouts {
			read_header 3s
		}
	}
	passthrough {
		backend mail {
			server s1 OPENSSL
		}
	}
}
(passed) {
	passthrough git.pass.test NGINX
	passthrough *.wild.test GO
	passthrough mail.pass.test {
		backend mail
	}
}
(own) {
	log
	respond "WORD {http.request.proto} {http.request.host} {http.request.remote}"
}
:PORT {
	import passed
	passthrough {
		name port
		inspect_delay 1m
	}
}
https://:IMPATIENT {
	import passed
	passthrough {
		name impatient
		inspect_delay 2s
	}
}
https://:PROXIED {
	import passed
	passthrough {
		name proxied
		accept_proxy 127.0.0.0/8
	}
}
h1.own.test, h1.own.test:PROXIED {
	tls {
		alpn http/1.1
	}
	import own
}
h2.own.test, h3.own.test, own.wild.test, h2.own.test:PROXIED, h3.own.test:PROXIED, own.wild.test:PROXIED {
	import own
}
h2.own.test:IMPATIENT, h2.own.test:BARE {
	import own
}
`

// counts returns what a frontend has counted.
func (o *onePort) counts(t testing.TB, frontend string) onePortCounts {
	t.Helper()
	frontends := make(map[string]onePortCounts)
	if _, text := o.ask(t, http.MethodGet, "/passthrough/frontends", ""); json.Unmarshal([]byte(text), &frontends) != nil {
		t.Fatalf("frontends: %s", text)
	}
	return frontends[frontend]
}

type onePortCounts struct {
	Connections int
	Ended       map[string]int
}

// access is a line of an own site's access log.
type access struct {
	Logger  string
	Request struct {
		RemoteIP   string `json:"remote_ip"`
		RemotePort string `json:"remote_port"`
		Proto      string
		Host       string
	}
}

// logged waits until the access log has lines with "PROTO HOST CLIENT".
func (o *onePort) logged(t *testing.T, lines []string) {
	t.Helper()
	found := make(map[string]bool)
	for over := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		for text := range strings.Lines(o.log()) {
			var a access
			if json.Unmarshal([]byte(text), &a) == nil && strings.HasPrefix(a.Logger, "http.log.access") {
				found[a.Request.Proto+" "+a.Request.Host+" "+net.JoinHostPort(a.Request.RemoteIP, a.Request.RemotePort)] = true
			}
		}
		missing := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return found[line] })
		if len(missing) == 0 {
			return
		}
		if time.Now().After(over) {
			t.Fatalf("not in the access log: %q", missing)
		}
	}
}
