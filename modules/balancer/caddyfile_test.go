// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/google/go-cmp/cmp"
)

func parseBackend(block string) (*Backend, error) {
	b := new(Backend)
	d := caddyfile.NewTestDispenser("backend {\n" + block + "\n}")
	d.Next()
	return b, b.Options().ParseBlock(d)
}

func TestServersInCaddyfile(t *testing.T) {
	for line, want := range map[string]string{
		"backup disabled weight 0": `"weight":0,"backup":true,"disabled":true`,
		"resolvers r resolve_net 10.0.0.0/8,fd00::/8 resolve_opts ignore-weight init_addr last,libc,none": `"resolvers":"r","resolve_net":["10.0.0.0/8","fd00::/8"],"resolve_opts":["ignore-weight"],"init_addr":["last","libc","none"]`,
		"resolve_prefer ipv4 weight 3":                   `"resolve_prefer":"ipv4","weight":3`,
		"maxconn 1 minconn 2 maxqueue 3 slowstart 4s":    `"maxconn":1,"minconn":2,"maxqueue":3,"slowstart":4000000000`,
		"check maxconn 5":                                `"maxconn":5,"check":{}`,
		"maxconn 5 check":                                `"maxconn":5,"check":{}`,
		"check tls weight 5":                             `"weight":5,"check":{"checker":{"module":"tls"}}`,
		"check {\n weight 5\n}":                          `"weight":5,"check":{}`,
		"weight 5 {\n check ssl_hello {\n rise 1\n }\n}": `"weight":5,"check":{"checker":{"module":"ssl_hello"},"rise":1}`,
		"{\n check {\n fall 1\n }\n backup\n}":           `"backup":true,"check":{"fall":1}`,
		"{\n check\n backup\n}":                          `"backup":true,"check":{}`,
		"agent 9000 backup":                              `"backup":true,"agent":{"port":9000}`,
		"{\n agent 9000 {\n send \"x y\"\n address ::1\n interval 1s\n }\n}": `"agent":{"address":"::1","port":9000,"interval":1000000000,"send":"x y"}`,
		"track web/s1 no_check":       `"no_check":true,"track":"web/s1"`,
		"check init_state fully_down": `"check":{},"init_state":"fully_down"`,
		"on_marked_down shutdown_sessions on_marked_up shutdown_backup_sessions": `"on_marked_down":"shutdown_sessions","on_marked_up":"shutdown_backup_sessions"`,
		"observe layer4 error_limit 7 on_error mark_down":                        `"observe":"layer4","error_limit":7,"on_error":"mark_down"`,
		"{\n check http {\n interval 1s\n fast_interval 2s\n down_interval 3s\n rise 4\n fall 5\n timeout 6s\n address a.test:7\n port 8\n source ::1\n spread 9\n log\n send_proxy v2\n path /x\n }\n}": `"check":{"checker":{"module":"http","path":"/x"},"interval":1000000000,"fast_interval":2000000000,"down_interval":3000000000,"rise":4,"fall":5,"timeout":6000000000,"spread":9,"address":"a.test:7","port":8,"source":"::1","send_proxy":"v2","log":true}`,
	} {
		b, err := parseBackend("server s1 10.0.0.1:443 " + line)
		if err != nil {
			t.Errorf("%q: %v", line, err)
			continue
		}
		want = `{"servers":[{"name":"s1","address":"10.0.0.1:443",` + want + `}]}`
		if diff := cmp.Diff(want, string(caddyconfig.JSON(b, nil))); diff != "" {
			t.Errorf("%q: -want +got\n%s", line, diff)
		}
	}
}

func TestBackendInCaddyfile(t *testing.T) {
	b, err := parseBackend(`server s1 unix//run/web.sock
allbackups
fullconn 7
check tcp_script
agent 1
content {
	close unless sni a.test
}
timeouts connect off queue 1s check 2s client 3s {
	server off
	client_fin 4s
	server_fin 5s
	tunnel off
}`)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"servers":[{"name":"s1","address":"unix//run/web.sock"}],"allbackups":true,` +
		`"content":{"rules":[{"action":"close","unless":[{"client_hello":{"sni":["a.test"]}}]}]},` +
		`"check":{"checker":{"module":"tcp_script"}},"agent":{"port":1},"fullconn":7,` +
		`"timeouts":{"connect":-1,"queue":1000000000,"check":2000000000,"client":3000000000,"server":-1,"client_fin":4000000000,"server_fin":5000000000,"tunnel":-1}}`
	if diff := cmp.Diff(want, string(caddyconfig.JSON(b, nil))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestMistakesInCaddyfile(t *testing.T) {
	const server = "server s1 10.0.0.1:443 "
	for block, want := range map[string]string{
		"check tpc":                        `check: unknown checker "tpc"; did you mean "tcp"?`,
		"check {\n rise 0\n}":              `rise: "0": expected a whole number from 1`,
		"check {\n address a:b\n}":         `check: address "a:b": expected a port from 1 to 65535 after the host, at Testfile:4`,
		"check {\n port 65536\n}":          `port: "65536": expected a whole number from 1 to 65535`,
		"agent":                            `"agent" needs an argument`,
		"agent 0":                          `agent: "0": expected a port from 1 to 65535`,
		"agent 65536":                      `agent: "65536": expected a port`,
		"agent x":                          `agent: "x": expected a port`,
		"agent 1 {\n address {}\n}":        "",
		"agent 1 {\n address a_b:c\n}":     `agent: address "a_b:c": expected a host: an IP address or a name`,
		"retry_budget":                     `"retry_budget" needs an argument`,
		"retry_budget 0":                   `retry_budget: "0": expected a percentage as a whole number from 1 to 1000, at Testfile:2`,
		"retry_budget 1001":                `retry_budget: "1001": expected a percentage as a whole number from 1 to 1000`,
		"retry_budget 20%":                 `retry_budget: "20%": expected a percentage as a whole number from 1 to 1000`,
		"retry_budget off":                 `retry_budget: "off": expected a percentage as a whole number`,
		"retry_budget 20 -1":               `retry_budget 20: "-1": expected retries per second as a whole number from 0 to 1000000, at Testfile:2`,
		"retry_budget 20 1000001":          `retry_budget 20: "1000001": expected retries per second`,
		"retry_budget 20 10 5":             `unexpected "5"`,
		"retry_budget 20\nretry_budget 30": `option "retry_budget" is given twice`,
		"retries_budget 20":                `did you mean "retry_budget"?`,
		"fullconn 0":                       `fullconn: "0": expected a whole number from 1`,
		"timeouts tunnel 0s":               "tunnel: 0s: expected a duration greater than zero, or off",
		"timeouts client_fin never":        `client_fin: "never" is not a duration: expected a number with a unit, such as 500ms, 5s or 1m, or off`,
		"timeouts tunel 1s":                `unknown option "tunel"; did you mean "tunnel"?`,
		server + "check tpc":               `unknown option "tpc"`,
		server + "check {\n rise 2\n}":     `"rise" is not an option here: it belongs in the block of a check`,
		server + "on_error die":            `on_error: unknown word "die" (known: fail_check, fastinter, mark_down, sudden_death), at Testfile:2`,
		server + "track a/b check":         `server "s1": it has check and track: expected one of the two`,
		server + "track a/b/c":             `server "s1": track "a/b/c": expected BACKEND/SERVER`,
		server + "maxconn 0":               `maxconn: "0": expected a whole number from 1`,
		"server s1 unix/run/web.sock":      `server "s1": address "unix/run/web.sock": expected unix/ and an absolute path`,
		"content {\n close unless\n}":      "rule for close: expected a matcher after unless",
		"allbackups yes":                   `unexpected "yes"`,
	} {
		if _, err := parseBackend(block); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", block, err, want)
		}
	}
}

// An address in the place of a name means that the name was forgotten.
func TestServerNamesInCaddyfile(t *testing.T) {
	const two = ` reads as an address: expected server NAME ADDRESS: give each server a name and a line of its own: server s1 `
	const one = ` reads as an address: expected server NAME ADDRESS: give the server a name: server s1 `
	for line, want := range map[string]string{
		"10.0.0.1:443 10.0.0.2:443":          `server: "10.0.0.1:443"` + two + `10.0.0.1:443, at Testfile:2`,
		"web.test:443 web2.test:443":         `server: "web.test:443"` + two,
		"10.0.0.1 10.0.0.2:443":              `server: "10.0.0.1"` + two,
		"10.0.0.1:443":                       `server: "10.0.0.1:443"` + one + `10.0.0.1:443, at Testfile:2`,
		"web.test:443":                       `server: "web.test:443"` + one,
		"[2001:db8::1]:443 weight 3":         `server: "[2001:db8::1]:443"` + one,
		"2001:db8::1 weight 3":               `server: "2001:db8::1"` + one,
		"[::1] weight 3":                     `server: "[::1]"` + one,
		":443 weight 3":                      `server: ":443"` + one,
		"unix//run/web.sock":                 `server: "unix//run/web.sock"` + one,
		"/run/web.sock backup":               `server: "/run/web.sock"` + one,
		"https://web.test https://web2.test": `server: "https://web.test"` + two,
		"s1":                                 `server: expected server NAME ADDRESS, such as server s1 10.0.0.1:443`,
		"":                                   `expected server NAME ADDRESS`,
		"s/1 10.0.0.1:443":                   `server "s/1": name "s/1": expected letters, digits`,
	} {
		if _, err := parseBackend("server " + line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", line, err, want)
		}
	}
	for _, line := range []string{
		"a:b 10.0.0.1:443", "web-1.test 10.0.0.1:443", "1 10.0.0.1:443", "s1:70000 10.0.0.1:443",
		"10.0.0.1:443 10.0.0.1:443", "10.0.0.1 10.0.0.1:443", "::1 [::1]:443",
	} {
		if _, err := parseBackend("server " + line); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
}
