// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/google/go-cmp/cmp"
)

func TestCaddyfile(t *testing.T) {
	const helloACL = `{"any":[{"fetch":"req.ssl_hello_type","values":["1"]}]}`
	for block, want := range map[string]string{
		"":                                       `{}`,
		"inspect_delay 5s":                       `{"inspect_delay":5000000000}`,
		"accept\nclose\nreset\ndrop\nreject":     `{"rules":[{"action":"accept"},{"action":"close"},{"action":"reset"},{"action":"drop"},{"action":"reject"}]}`,
		"accept acl req.ssl_hello_type 1\nclose": `{"rules":[{"action":"accept","match":[{"acl":[` + helloACL + `]}]},{"action":"close"}]}`,
		"accept unless acl req.ssl_hello_type 1": `{"rules":[{"action":"accept","unless":[{"acl":[` + helloACL + `]}]}]}`,
		"close sni a.test":                       `{"rules":[{"action":"close","match":[{"client_hello":{"sni":["a.test"]}}]}]}`,
		"close unless {\n sni a.test\n remote_ip 10.0.0.0/8\n}":            `{"rules":[{"action":"close","unless":[{"client_hello":{"sni":["a.test"]},"remote_ip":{"ranges":["10.0.0.0/8"]}}]}]}`,
		"close {\n acl req.ssl_hello_type 1\n acl not src 10.0.0.1\n}":     `{"rules":[{"action":"close","match":[{"acl":[` + helloACL + `,{"not":true,"any":[{"fetch":"src","values":["10.0.0.1"]}]}]}]}]}`,
		"set_var txn.b req.ssl_sni,map(/no/such.map,b0)":                   `{"rules":[{"action":"set_var","var":"txn.b","value":"req.ssl_sni,map(/no/such.map,b0)"}]}`,
		"close acl src -f /no/such.lst":                                    `{"rules":[{"action":"close","match":[{"acl":[{"any":[{"fetch":"src","files":["/no/such.lst"]}]}]}]}]}`,
		"set_var sess.sni req.ssl_sni,lower\nunset_var txn.x ech":          `{"rules":[{"action":"set_var","var":"sess.sni","value":"req.ssl_sni,lower"},{"action":"unset_var","var":"txn.x","match":[{"client_hello":{"ech":true}}]}]}`,
		"set_var_format txn.a \"%[src]:%[src_port]\" ech":                  `{"rules":[{"action":"set_var_format","var":"txn.a","value":"%[src]:%[src_port]","match":[{"client_hello":{"ech":true}}]}]}`,
		"set_var sess.sni req.ssl_sni,lower unless no_sni":                 `{"rules":[{"action":"set_var","var":"sess.sni","value":"req.ssl_sni,lower","unless":[{"client_hello":{"no_sni":true}}]}]}`,
		"set_log_level silent sni a.test":                                  `{"rules":[{"action":"set_log_level","value":"silent","match":[{"client_hello":{"sni":["a.test"]}}]}]}`,
		"set_priority_class -5 sni a.test\nset_priority_offset var(txn.x)": `{"rules":[{"action":"set_priority_class","value":"-5","match":[{"client_hello":{"sni":["a.test"]}}]},{"action":"set_priority_offset","value":"var(txn.x)"}]}`,
		"track_sc0 remote_ip":                                              `{"rules":[{"action":"track","key":"src"}]}`,
		"track_sc2 req.ssl_sni,lower table names ech":                      `{"rules":[{"action":"track","counter":2,"key":"req.ssl_sni,lower","table":"names","match":[{"client_hello":{"ech":true}}]}]}`,
		"track 7 src unless remote_ip 10.0.0.0/8":                          `{"rules":[{"action":"track","counter":7,"key":"src","unless":[{"remote_ip":{"ranges":["10.0.0.0/8"]}}]}]}`,
		"sc_inc_gpc0 1\nsc_inc_gpc 2 1 ech":                                `{"rules":[{"action":"sc_inc_gpc0","counter":1},{"action":"sc_inc_gpc","counter":1,"index":2,"match":[{"client_hello":{"ech":true}}]}]}`,
		"sc_add_gpc 1 0 5\nsc_set_gpt 1 0 src_port\nsc_set_gpt0 0 3":       `{"rules":[{"action":"sc_add_gpc","value":"5","index":1},{"action":"sc_set_gpt","value":"src_port","index":1},{"action":"sc_set_gpt0","value":"3"}]}`,
	} {
		c := new(Config)
		d := caddyfile.NewTestDispenser("content {\n" + block + "\n}")
		d.Next()
		if err := c.UnmarshalCaddyfile(d); err != nil {
			t.Errorf("%q: %v", block, err)
		} else if diff := cmp.Diff(want, string(caddyconfig.JSON(c, nil))); diff != "" {
			t.Errorf("%q: -want +got\n%s", block, diff)
		}
	}
	for block, want := range map[string]string{
		"accept if":                       `unknown option "if"`,
		"acept":                           `unknown option "acept"; did you mean "accept"?`,
		"inspect_delay 0":                 "inspect_delay: ",
		"set_var sess.x":                  "expected set_var NAME EXPRESSION, at Testfile:2",
		"unset_var":                       "expected unset_var NAME, at Testfile:2",
		"set_var res.x src":               `variable "res.x": expected a scope (proc, sess, txn or req)`,
		"set_var_format sess.x":           "expected set_var_format NAME FORMAT",
		"set_var_format sess.x %[nope]":   "set_var_format sess.x: failed to parse sample expression",
		"close unless":                    "rule for close: expected a matcher after unless, at Testfile:2",
		"close {\n ech\n client_hello\n}": "rule for close: sni, alpn and the like are fields of client_hello: expected either them or client_hello",
		"close acl nothing":               "unknown fetch method 'nothing'",
		"close test_stranger":             "test_stranger",
		"set_log_level loud":              "set_log_level: level \"loud\": expected one of emerg, alert, crit, err, warning, notice, info, debug, silent",
		"set_priority_class":              "expected set_priority_class NUMBER or set_priority_class EXPRESSION, at Testfile:2",
		"set_priority_class 2048":         "set_priority_class: 2048: expected a number from -2047 to 2047, or an expression",
		"set_priority_offset -600000":     "expected a number from -524287 to 524287",
		"set_priority_offset nothing":     "set_priority_offset: unknown fetch method 'nothing'",
		"track_sc0":                       "track: expected a key, such as remote_ip, at Testfile:2",
		"track_sc0 src table":             "track: expected the name of a stick table after table",
		"track_sc3 src":                   `unknown option "track_sc3"`,
		"track src":                       "expected the number of a counter, not src",
		"track_sc0 remote":                "track: unknown fetch method 'remote'",
		"sc_inc_gpc 1":                    "expected the number of a counter",
		"sc_set_gpt0 0":                   "sc_set_gpt0: expected a number, or an expression",
		"set_var sess.x nothing":          "set_var sess.x: unknown fetch method 'nothing'",
	} {
		d := caddyfile.NewTestDispenser("content {\n" + block + "\n}")
		d.Next()
		if err := new(Config).UnmarshalCaddyfile(d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", block, err, want)
		}
	}
}

func TestIsMatcher(t *testing.T) {
	for word, want := range map[string]bool{"sni": true, "acl": true, "ssh": true, "client_hello": true, "remote_ip": true, "web": false, "unless": false} {
		if got := IsMatcher(word); got != want {
			t.Errorf("%s: %v", word, got)
		}
	}
}
