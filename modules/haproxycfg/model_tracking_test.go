// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
	"strings"
	"testing"
)

const perIP = "stick-table type ip size 1k expire 1m store gpc0,conn_cur"

func TestTracking(t *testing.T) {
	for lines, want := range map[string]string{
		"tcp-request connection track-sc0 src":                                         `{"connection": [{"action": "track", "key": "src"}]}`,
		"tcp-request connection track-sc2 src,ipmask(24) table f if TRUE":              `{"connection": [{"action": "track", "counter": 2, "key": "src,ipmask(24)", "table": "f", "match": [{"acl": [{"name": "TRUE", "any": [{"fetch": "always_true"}]}]}]}]}`,
		"tcp-request session track-sc1 src ipmask(24) table f unless FALSE":            `{"session": [{"action": "track", "counter": 1, "key": "src,ipmask(24)", "table": "f", "unless": [{"acl": [{"name": "FALSE", "any": [{"fetch": "always_false"}]}]}]}]}`,
		"tcp-request connection sc-inc-gpc0\n\ttcp-request connection sc-inc-gpc1(2)":  `{"connection": [{"action": "sc_inc_gpc0"}, {"action": "sc_inc_gpc1", "counter": 2}]}`,
		"tcp-request session sc-inc-gpc(3,1)\n\ttcp-request session sc-add-gpc(0,0) 5": `{"session": [{"action": "sc_inc_gpc", "index": 3, "counter": 1}, {"action": "sc_add_gpc", "value": "5"}]}`,
		"tcp-request session sc-set-gpt0(1) src_port,add(1) if { src_conn_cur ge 3 }":  `{"session": [{"action": "sc_set_gpt0", "counter": 1, "value": "src_port,add(1)", "match": [{"acl": [{"any": [{"fetch": "src_conn_cur", "values": ["ge", "3"]}]}]}]}]}`,
		"tcp-request session sc-set-gpt(3,1) 7":                                        `{"session": [{"action": "sc_set_gpt", "index": 3, "counter": 1, "value": "7"}]}`,
	} {
		got := at(t, apps(t, frontend(perIP, lines, "default_backend b")), "passthrough", "frontends", "f").(map[string]any)
		equal(t, lines, rulesOf(got), want)
	}
}

// rulesOf returns the rules before content of a frontend.
func rulesOf(frontend map[string]any) map[string]any {
	early := make(map[string]any)
	for _, name := range []string{"connection", "session"} {
		if list := frontend[name]; list != nil {
			early[name] = list
		}
	}
	return early
}

func TestStickCounters(t *testing.T) {
	got := apps(t, "global\n\ttune.stick-counters 12\n"+frontend(perIP, "tcp-request content track-sc11 src"))
	if n := at(t, got, "passthrough", "stick_counters"); n != 12.0 {
		t.Errorf("%v counters", n)
	}
	if n := at(t, apps(t, frontend(perIP, "tcp-request content track-sc2 src")), "passthrough", "stick_counters"); n != nil {
		t.Errorf("%v counters by default", n)
	}
}

func TestTrackingMistakes(t *testing.T) {
	for text, want := range map[string]string{
		frontend(perIP, "tcp-request connection track-sc3 src"):                                    "'tcp-request connection track-sc3' : 3 track-sc number exceeding 2 (tune.stick-counters-1) value, in frontend 'f'",
		frontend(perIP, "tcp-request connection track-sc src"):                                     "'tcp-request connection track-sc' : Wrong track-sc number ''",
		frontend(perIP, "tcp-request connection track-sc0"):                                        "'tcp-request connection track-sc0' : missing fetch method, in frontend 'f'",
		frontend(perIP, "tcp-request connection track-sc0 src table"):                              "expects the name of a table after 'table'",
		frontend(perIP, "tcp-request connection track-sc0 src foo"):                                "unknown converter 'foo'",
		frontend(perIP, "tcp-request connection track-sc0 src table g"):                            "Proxy 'f': unable to find table 'g' referenced by track-sc0",
		frontend("tcp-request connection track-sc0 src"):                                           "Proxy 'f': unable to find table 'f' referenced by track-sc0",
		frontend(perIP, "tcp-request content track-sc0 req.payload(0,4)"):                          "Proxy 'f': stick-table 'f' uses a type incompatible with the 'track-sc0' rule: its keys have the type ip",
		frontend(perIP, "tcp-request connection track-sc0 req.ssl_sni"):                            "'tcp-request connection track-sc0' : fetch method 'track-sc0' extracts information from 'request buffer', none of which is available here",
		frontend(perIP, "tcp-request connection sc-inc-gpc0(3)"):                                   "invalid stick table track ID. The max allowed ID is 2 (tune.stick-counters)",
		frontend(perIP, "tcp-request connection sc-inc-gpc0(x)"):                                   "invalid stick table track ID 'sc-inc-gpc0(x)'",
		frontend(perIP, "tcp-request connection sc-inc-gpc0(0"):                                    "invalid stick table track ID 'sc-inc-gpc0(0'",
		frontend(perIP, "tcp-request connection sc-inc-gpc(0)"):                                    "Missing gpc ID 'sc-inc-gpc(0)'. Expects sc-inc-gpc(<GPC ID>,<Track ID>)",
		frontend(perIP, "tcp-request session sc-set-gpt(x,0) 1"):                                   "Missing gpt ID 'sc-set-gpt(x,0)'. Expects sc-set-gpt(<GPT ID>,<Track ID>)",
		frontend(perIP, "tcp-request session sc-set-gpt0(0)"):                                      "expects a number or an expression after sc-set-gpt0(0)",
		frontend(perIP, "tcp-request session sc-set-gpt0(0) nope"):                                 "unknown fetch method 'nope'",
		frontend(perIP, "tcp-request connection sc-inc-gpc0(0) foo"):                               "only accepts 'if' or 'unless'",
		frontend(perIP, "tcp-request connection reject if { src_conn_cur(g) gt 3 }"):               "unable to find table 'g' referenced in arg 1 of ACL keyword 'src_conn_cur' in proxy 'f'",
		frontend(perIP, "tcp-request connection reject if { src,in_table(ff) }"):                   "unable to find table 'ff' referenced in arg 1 of ACL keyword 'in_table' in proxy 'f'; did you mean 'f' maybe ?",
		frontend("tcp-request connection reject if { src_conn_cur gt 3 }"):                         "unable to find table 'f' referenced in",
		backend("tcp-response content track-sc0 src table b", "server s1 192.0.2.2:443"):           "'tcp-response content' expects 'accept', 'reject'",
		"global\n\ttune.stick-counters 101\n" + frontend():                                         "tune.stick-counters: the number of stick-counters must be between 1 and 100 (was 101)",
		"global\n\ttune.stick-counters 0\n" + frontend(perIP, "tcp-request content track-sc0 src"): "0 track-sc number not usable, stick-counters are disabled by tune.stick-counters",
	} {
		said := messages(t, text)
		if !slices.ContainsFunc(said, func(m string) bool { return strings.HasPrefix(m, "E ") && strings.Contains(m, want) }) {
			t.Errorf("%s: said\n\t%s\nwant\n\t%s", text, strings.Join(said, "\n\t"), want)
		}
	}
}
