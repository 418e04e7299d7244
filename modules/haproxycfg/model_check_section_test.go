// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

const checkedBySections = "defaults\n" + timeoutLines + `frontend f
	bind 192.0.2.1:443
	default_backend b
backend b
	option httpchk GET /own
	option log-health-checks
	server own 192.0.2.2:443 check
	server web 192.0.2.3:443 check healthcheck web check-ssl verify none
	server script 192.0.2.4:443 check healthcheck script
	server redis 192.0.2.5:443 check healthcheck redis
healthcheck web
	type httpchk GET /status HTTP/1.1 a.example
healthcheck script
	tcp-check connect port 90
	tcp-check expect string ready
	type tcp-check
healthcheck redis
	type redis-check
`

// A server may use the check of a healthcheck section, which may come later.
func TestHealthcheckSections(t *testing.T) {
	got := apps(t, checkedBySections)
	for server, want := range map[int]string{
		0: `{"checker": {"module": "http_script", "request": {"method": "GET", "uri": "/own"}}, "log": true}`,
		1: `{"checker": {"module": "http_script", "request": {"method": "GET", "uri": "/status", "version": "HTTP/1.1", "headers": [{"name": "Host", "value": "a.example"}]}, "tls": {"verify": "none"}}, "log": true}`,
		2: `{"checker": {"module": "tcp_script", "steps": [{"connect": {"port": 90}}, {"expect": {"string": "ready"}}]}, "log": true}`,
		3: `{"checker": {"module": "redis"}, "log": true}`,
	} {
		equal(t, "a server", at(t, got, "passthrough", "backends", "b", "servers").([]any)[server].(map[string]any)["check"], want)
	}
}

func TestHealthcheckSectionMistakes(t *testing.T) {
	for section, want := range map[string]string{
		"healthcheck web\n\ttype foo\n":                               "'type' expects a kind of check, such as httpchk or tcp-check (got 'foo')",
		"healthcheck web\n\ttype\n":                                   "'type' expects a kind of check",
		"healthcheck web\n\ttcp-check connect\n":                      "healthcheck 'web' has no type",
		"healthcheck web\n\ttype tcp-check\n\tserver a 192.0.2.1:1\n": "unknown keyword 'server' in 'healthcheck' section",
		"healthcheck\n\ttype tcp-check\n":                             "'healthcheck' expects a name",
		"healthcheck other\n\ttype tcp-check\n":                       "unable to find healthcheck section 'web'",
		"healthcheck web\n\ttype tcp-check\n\ttcp-check foo\n":        "'tcp-check foo'", //nolint:dupword // a line ends between them
		"healthcheck web\n\ttype tcp-check\nhealthcheck web\n":        "has the same name as that declared at",
	} {
		text := "defaults\n" + timeoutLines + "frontend f\n\tbind 192.0.2.1:443\n\tdefault_backend b\nbackend b\n\tserver s1 192.0.2.2:443 check healthcheck web\n" + section
		if said := strings.Join(messages(t, text), "\n"); !strings.Contains(said, want) {
			t.Errorf("%s: said %s, want %s", section, said, want)
		}
	}
}

// check-proto names the protocol of a check; another one is refused.
func TestCheckProto(t *testing.T) {
	for lines, want := range map[string]string{
		"\toption httpchk\n\tserver s1 192.0.2.2:443 check check-proto h1\n":   "",
		"\tserver s1 192.0.2.2:443 check check-proto none\n":                   "",
		"\toption httpchk\n\tserver s1 192.0.2.2:443 check check-proto h2\n":   "'proto h2' is not available",
		"\toption httpchk\n\tserver s1 192.0.2.2:443 check check-proto none\n": "invalid MUX protocol 'none'",
		"\tserver s1 192.0.2.2:443 check check-proto h1\n":                     "invalid MUX protocol 'h1'",
		"\tserver s1 192.0.2.2:443 check check-proto foo\n":                    "unknown MUX protocol 'foo'",
	} {
		said := strings.Join(messages(t, "defaults\n"+timeoutLines+"frontend f\n\tbind 192.0.2.1:443\n\tdefault_backend b\nbackend b\n"+lines), "\n")
		if want == "" && said != "" || !strings.Contains(said, want) {
			t.Errorf("%s: said %q, want %q", lines, said, want)
		}
	}
}

// From HAProxy 3.4 on, check settings of a section replace all check settings of its defaults;
// before, some stay in effect.
func TestChecksByBranch(t *testing.T) {
	const text = "defaults\n" + timeoutLines + `	option httpchk GET /a
	http-check disable-on-404
frontend f
	bind 192.0.2.1:443
	default_backend b
backend b
	option httpchk GET /b
	server s1 192.0.2.2:443 check
`
	for branch, want := range map[string]bool{"": true, "3.2": true, "3.4": false} {
		r := Translate([]haproxyfile.Source{{Name: "/etc/haproxy.cfg", Text: []byte(text)}}, Options{Getenv: func(name string) (string, bool) {
			return branch, name == branchVariable && branch != ""
		}})
		if got := strings.Contains(string(r.JSON), "drain_on_404"); r.Failed || got != want {
			t.Errorf("branch %q: %v, want %v: %v", branch, got, want, r.Problems)
		}
	}
}
