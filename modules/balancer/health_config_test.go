// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

func server(options string) string {
	return fmt.Sprintf(`{"servers": [{"name": "s1", "address": "10.0.0.1:443", %s}]}`, options)
}

func TestCheckServerOptions(t *testing.T) {
	for options, want := range map[string]string{
		`"maxconn": -1`:                                      "maxconn -1: expected a whole number, zero or more",
		`"minconn": -1`:                                      "minconn -1: expected a whole number",
		`"maxqueue": -1`:                                     "maxqueue -1: expected a whole number",
		`"slowstart": -1`:                                    "slowstart -1ns: expected a duration greater than zero",
		`"error_limit": -1`:                                  "error_limit -1: expected a whole number",
		`"init_state": "fully-up"`:                           `init_state: unknown word "fully-up"; did you mean "fully_up"? (known: down, fully_down, fully_up, none, up)`,
		`"on_marked_down": "shutdown"`:                       `on_marked_down: unknown word "shutdown"; did you mean "shutdown_sessions"? (known: shutdown_sessions)`,
		`"on_marked_up": "shutdown_sessions"`:                `on_marked_up: unknown word "shutdown_sessions"`,
		`"observe": "layer7"`:                                `observe: unknown word "layer7"; did you mean "layer4"? (known: first_byte, layer4)`,
		`"on_error": "nothing"`:                              `on_error: unknown word "nothing" (known: fail_check, fastinter, mark_down, sudden_death)`,
		`"track": "web/s1/s2"`:                               `track "web/s1/s2": expected BACKEND/SERVER, or SERVER of the same backend`,
		`"track": "/s1"`:                                     `track "/s1": expected`,
		`"track": "web/"`:                                    `track "web/": expected`,
		`"track": "w b/s1"`:                                  `track "w b/s1": expected`,
		`"track": "web/s1", "check": {}`:                     "it has check and track: expected one of the two, as in HAProxy",
		`"check": {}, "no_check": true`:                      "it has check and no_check: expected one of the two",
		`"track": "s2", "init_state": "up"`:                  "it has init_state and track: it begins as the server that it tracks",
		`"init_state": "down"`:                               "it has init_state down and no check: expected a check",
		`"observe": "layer4"`:                                "it has observe layer4 and no check: errors take a server down, and only a check brings it up again: expected a check",
		`"check": {"spread": 51}`:                            "check: spread 51: expected a whole number from 0 to 50, in percent",
		`"check": {"spread": -1}`:                            "check: spread -1: ",
		`"check": {"source": "here"}`:                        `check: source "here": expected an IP address`,
		`"check": {"send_proxy": "v3"}`:                      `check: send_proxy: unknown word "v3"; did you mean "v1"? (known: off, v1, v2)`,
		`"check": {"interval": -1}`:                          "check: interval -1ns: expected a duration",
		`"check": {"fast_interval": -1}`:                     "check: fast_interval -1ns: ",
		`"check": {"down_interval": -1}`:                     "check: down_interval -1ns: ",
		`"check": {"timeout": -1}`:                           "check: timeout -1ns: ",
		`"check": {"rise": -1}`:                              "check: rise -1: ",
		`"check": {"fall": -1}`:                              "check: fall -1: ",
		`"check": {"port": 65536}`:                           "check: port 65536: expected a whole number from 1 to 65535",
		`"check": {"port": -1}`:                              "check: port -1: ",
		`"check": {"address": "a b"}`:                        `check: address "a b": expected a host: an IP address or a name`,
		`"check": {"address": "[::1]"}`:                      `check: address "[::1]": expected a host`,
		`"check": {"address": "a:0"}`:                        `check: address "a:0": expected a port from 1 to 65535`,
		`"resolve_prefer": "inet6"`:                          `resolve_prefer: unknown word "inet6"`,
		`"check": {"address": "unix//run/x:1"}`:              `check: address "unix//run/x:1": expected a host`,
		`"check": {"address": "{x}:1"}`:                      `check: address "{x}:1": expected HOST:PORT`,
		`"check": {"address": "tcp4/10.0.0.1"}`:              `check: address "tcp4/10.0.0.1": expected a host name after tcp4/`,
		`"check": {"address": "tcp4/10.0.0.1:1"}`:            `check: address "tcp4/10.0.0.1:1": expected a host name after tcp4/`,
		`"check": {"address": "tcp4/web.test:0"}`:            `expected a port from 1 to 65535`,
		`"agent": {"port": 1, "address": "tcp6/::1"}`:        `agent: address "tcp6/::1": expected a host name after tcp6/`,
		`"agent": {"port": 1, "address": "tcp6/web.test:1"}`: `agent: address "tcp6/web.test:1": expected a host`,
		`"agent": {}`:                                        "agent: it has no port",
		`"agent": {"port": 70000}`:                           "agent: port 70000: ",
		`"agent": {"port": 1, "interval": -1}`:               "agent: interval -1ns: ",
		`"agent": {"port": 1, "address": "{}"}`:              `agent: address "{}": expected a host`,
	} {
		b := backend(t, server(options))
		b.name = "web"
		if err := b.validate(); err == nil || !strings.HasPrefix(err.Error(), `server 1 "s1": `) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", options, err, want)
		}
	}
	for _, good := range []string{
		`"check": {"checker": {"module": "tls", "sni": "x"}, "interval": "1s", "fast_interval": "1s", "down_interval": "1s", "rise": 1, "fall": 1, "timeout": "1s", "address": "10.0.0.9", "port": 65535, "source": "10.0.0.2", "spread": 50, "log": true, "send_proxy": "v1"}`,
		`"check": {"address": "web.test:8443"}, "agent": {"port": 1, "address": "::1", "interval": "1s", "send": "x\n"}`,
		`"check": {"address": "::1"}`, `"check": {"address": "tcp4/web.test"}`, `"check": {"address": "tcp6/web.test:1"}`, `"agent": {"port": 1, "address": "tcp4/web.test"}`,
		`"resolve_prefer": "ipv4"`, `"resolve_prefer": "ipv6"`,
		`"track": "web/s1"`, `"track": "s1"`, `"no_check": true`, `"maxconn": 0, "minconn": 1, "maxqueue": 9, "slowstart": "1m"`,
		`"check": {}, "init_state": "fully_down", "on_marked_down": "shutdown_sessions", "on_marked_up": "shutdown_backup_sessions", "observe": "layer4", "error_limit": 1, "on_error": "sudden_death"`,
	} {
		b := backend(t, server(good))
		b.name = "web"
		if err := b.validate(); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

// The pool gets the servers as configured.
func TestServerConfigOfPool(t *testing.T) {
	app := provisioned(t, `{"web": {"allbackups": true, "servers": [
		{"name": "s1", "address": "10.0.0.1:443", "disabled": true},
		{"name": "s2", "address": "unix//run/web.sock", "backup": true},
		{"name": "s3", "address": "10.0.0.3:443", "backup": true}]}, "empty": {"servers": []}}`)
	defer cleanUp(t, app)
	for i, s := range app.Backends["web"].Pool().Servers() {
		if s.Backup != (i > 0) || s.Disabled != (i == 0) {
			t.Errorf("%s: backup %v, disabled %v", s.Name, s.Backup, s.Disabled)
		}
	}
	for _, want := range []string{"s2", "s3"} {
		acquire(t, app, "web", want)
	}
	if n := len(app.Backends["empty"].Pool().Servers()); n != 0 {
		t.Errorf("%d servers", n)
	}
}

func TestNeverIsNotReplacedByDefault(t *testing.T) {
	b := backend(t, `{"servers": [], "timeouts": {"connect": -1, "client": -1, "server": -1}}`)
	b.setDefaults()
	if b.Timeouts.Connect != Never || b.Timeouts.Client != Never || b.Timeouts.Server != Never {
		t.Errorf("timeouts %+v", b.Timeouts)
	}
	if Never != caddy.Duration(-1) {
		t.Error("never is not -1")
	}
}
