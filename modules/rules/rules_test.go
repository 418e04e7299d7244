// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"
	_ "github.com/mholt/caddy-l4/modules/l4ssh"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

func init() {
	caddy.RegisterModule(new(answer))
	caddy.RegisterModule(new(stranger))
}

// answer is a matcher with a fixed answer: yes, no, more or error.
type answer struct {
	Answer string `json:"answer"`
	Blind  bool   `json:"blind,omitempty"` // it reports that it reads no bytes
}

func (*answer) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "layer4.matchers.test_answer", New: func() caddy.Module { return new(answer) }}
}

func (a *answer) NeedsRequest() bool { return !a.Blind }

var errAsked = errors.New("the matcher failed")

func (a *answer) Match(*layer4.Connection) (bool, error) {
	switch a.Answer {
	case "more":
		return false, layer4.ErrConsumedAllPrefetchedBytes
	case "error":
		return false, errAsked
	default:
		return a.Answer == "yes", nil
	}
}

// stranger is a module in the matchers' namespace that is not a matcher.
type stranger struct{}

func (*stranger) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "layer4.matchers.test_stranger", New: func() caddy.Module { return new(stranger) }}
}

// load returns a provisioned Config.
func load(t testing.TB, config string) (*Config, error) {
	t.Helper()
	c := new(Config)
	if err := json.Unmarshal([]byte(config), c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	return c, c.Provision(ctx)
}

func loadRules(t testing.TB, rules ...string) *Config {
	t.Helper()
	c, err := load(t, `{"rules": [`+strings.Join(rules, ",")+`]}`)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// look returns a view of the bytes from a client, and its variables.
func look(t testing.TB, sent string, final bool) (*View, map[string]any) {
	t.Helper()
	hello := clienthello.NewInspection(0)
	hello.Feed([]byte(sent))
	t.Cleanup(hello.Release)
	vars := make(map[string]any)
	v := &View{
		Connection: func() *layer4.Connection {
			return layer4.WrapConnection(new(hellotest.Conn), hello.Bytes(), zap.NewNop())
		},
		Input: sample.Input{SetVar: func(name string, value sample.Value) { vars[name] = value }},
	}
	v.Hello, v.Final = hello, final
	v.Var = func(name string) (sample.Value, bool) {
		value, ok := vars[name].(sample.Value)
		return value, ok
	}
	return v, vars
}

const (
	acceptHello = `{"action": "accept", "match": [{"acl": [{"any": [{"fetch": "req.ssl_hello_type", "values": ["1"]}]}]}]}`
	acceptSrc   = `{"action": "accept", "match": [{"acl": [{"any": [{"fetch": "src", "values": ["127.0.0.1"]}]}]}]}`
	closeAll    = `{"action": "close"}`
)

func says(action, words string) string {
	return `{"action": "` + action + `", "match": [{"test_answer": {"answer": "` + words + `"}}]}`
}

// Rules are evaluated in order. One that cannot be decided holds up those after it, even if they
// could be.
func TestDecide(t *testing.T) {
	hello := string(hellotest.Hello(t, "A.example.test"))
	for _, c := range []struct {
		name, rules, sent string
		final             bool
		want              Action
	}{
		{"no rules", ``, "", false, Accept},
		{"the end of the rules", says("close", "no"), "", false, Accept},
		{"every action: close", `{"action": "close"}`, "", false, Close},
		{"every action: reset", `{"action": "reset"}`, "", false, Reset},
		{"every action: drop", `{"action": "drop"}`, "", false, Drop},
		{"every action: reject", `{"action": "reject"}`, "", false, Reject},
		{"every action: accept", `{"action": "accept"},` + closeAll, "", false, Accept},
		{"the first that applies", says("reset", "no") + `,` + says("drop", "yes") + `,` + closeAll, "", false, Drop},

		{"a hello", acceptHello + `,` + closeAll, hello, false, Accept},
		{"half a hello", acceptHello + `,` + closeAll, hello[:60], false, Wait},
		{"half a hello and no more", acceptHello + `,` + closeAll, hello[:60], true, Close},
		{"nothing yet", acceptHello + `,` + closeAll, "", false, Wait},
		{"no hello", acceptHello + `,` + closeAll, "SSH-2.0-x", false, Close},

		{"undecided, before one that is not", acceptHello + `,{"action": "reset"}`, "", false, Wait},
		{"undecided, after one that applies", closeAll + `,` + acceptHello, "", false, Close},
		{"undecided, after one that does not", says("close", "no") + `,` + acceptHello, "", false, Wait},
		{"a matcher that wants more", says("close", "more"), hello, false, Wait},
		{"a matcher that wants more at the end", says("close", "more"), hello, true, Accept},

		{"unless: yes", `{"action": "close", "unless": [{"test_answer": {"answer": "yes"}}]}`, "", false, Accept},
		{"unless: no", `{"action": "close", "unless": [{"test_answer": {"answer": "no"}}]}`, "", false, Close},
		{"unless: more", `{"action": "close", "unless": [{"test_answer": {"answer": "more"}}]}`, "", false, Wait},
		{"unless: more at the end", `{"action": "close", "unless": [{"test_answer": {"answer": "more"}}]}`, "", true, Close},
		{"unless a hello", `{"action": "close", "unless": [{"client_hello": {}}]}`, hello, false, Accept},
		{"unless a hello, half of it", `{"action": "close", "unless": [{"client_hello": {}}]}`, hello[:60], false, Wait},
		{"unless a hello, none", `{"action": "close", "unless": [{"client_hello": {}}]}`, "SSH-", false, Close},

		{"any: more or yes", `{"action": "close", "match": [{"test_answer": {"answer": "more"}}, {}]}`, "", false, Close},
		{"any: more or no", `{"action": "close", "match": [{"test_answer": {"answer": "more"}}, {"test_answer": {"answer": "no"}}]}`, "", false, Wait},
		{"any: no or more", `{"action": "close", "match": [{"test_answer": {"answer": "no"}}, {"test_answer": {"answer": "more"}}]}`, "", false, Wait},
		{"all: a hello and more", `{"action": "close", "match": [{"client_hello": {}, "test_answer": {"answer": "more"}}]}`, hello, false, Wait},
		{"all: no hello and more", `{"action": "close", "match": [{"client_hello": {}, "test_answer": {"answer": "more"}}]}`, "SSH-", false, Accept},
		{"all: half a hello and no", `{"action": "close", "match": [{"client_hello": {}, "test_answer": {"answer": "no"}}]}`, hello[:60], false, Wait},
		{"all: an acl that is false and more", `{"action": "close", "match": [{"acl": [{"any": [{"fetch": "always_false"}]}], "test_answer": {"answer": "more"}}]}`, "", false, Accept},
		{"all: the acl comes first", `{"action": "close", "match": [{"acl": [{"any": [{"fetch": "wait_end"}]}], "client_hello": {}}]}`, "SSH-", false, Wait},
		{"all of it", `{"action": "close", "match": [{"acl": [{"any": [{"fetch": "always_true"}]}], "client_hello": {"sni": ["a.example.test"]}, "test_answer": {"answer": "yes"}}]}`, hello, false, Close},
		{"another name", `{"action": "close", "match": [{"client_hello": {"sni": ["b.example.test"]}}]}`, hello, false, Accept},
		{"no addresses", acceptSrc + `,` + closeAll, "", false, Close},
		{"a matcher of caddy-l4", `{"action": "reset", "match": [{"ssh": {}}]}`, "SSH-2.0-x\r\n", false, Reset},
		{"a matcher of caddy-l4 that wants more", `{"action": "reset", "match": [{"ssh": {}}]}`, "SS", false, Wait},
	} {
		v, _ := look(t, c.sent, c.final)
		if got, _, err := loadRules(t, strings.TrimSuffix(c.rules, ",")).Decide(v); got != c.want || err != nil {
			t.Errorf("%s: %v, %v, want %v", c.name, got, err, c.want)
		}
	}
}

// On a connection of which nothing has been read, client_hello never matches, whatever else is
// true.
func TestDecideWithoutInspection(t *testing.T) {
	v, _ := look(t, "", false)
	v.Hello = nil
	if got, _, err := loadRules(t, `{"action": "close", "match": [{"client_hello": {}}]}`).Decide(v); got != Accept || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	var none *Config
	if got, _, err := none.Decide(v); got != Accept || err != nil || none.NeedsRequest() || none.Provision(caddy.Context{}) != nil {
		t.Errorf("nil config: %v, %v", got, err)
	}
}

// The answer of a matcher that fails is unknown.
func TestDecideFails(t *testing.T) {
	for rules, want := range map[string]string{
		says("close", "error"):                                                                                     "rule 1: the matcher failed",
		says("close", "no") + `,` + says("accept", "error"):                                                        "rule 2: the matcher failed",
		`{"action": "close", "unless": [{"test_answer": {"answer": "error"}}]}`:                                    "rule 1: the matcher failed",
		`{"action": "close", "match": [{"test_answer": {"answer": "error"}}, {"test_answer": {"answer": "yes"}}]}`: "rule 1: the matcher failed",
		`{"action": "close", "match": [{"test_answer": {"answer": "yes"}}, {"test_answer": {"answer": "error"}}]}`: "",
		`{"action": "close", "match": [{"client_hello": {}, "test_answer": {"answer": "error"}}]}`:                 "",
		says("close", "yes") + `,` + says("accept", "error"):                                                       "",
	} {
		v, _ := look(t, "SSH-", true)
		_, _, err := loadRules(t, rules).Decide(v)
		if want == "" && err != nil || want != "" && (!errors.Is(err, errAsked) || err.Error() != want) {
			t.Errorf("%s: %v, want %s", rules, err, want)
		}
	}
}

// Variables are set from the bytes that have come, and again when more come. Setting one never
// waits.
func TestVariables(t *testing.T) {
	hello := string(hellotest.Hello(t, "A.example.test"))
	set := `{"action": "set_var", "var": "sess.sni", "value": "req.ssl_sni,lower"}`
	c := loadRules(t, set, acceptHello, closeAll)
	v, vars := look(t, hello[:60], false)
	if got, _, err := c.Decide(v); got != Wait || err != nil || len(vars) != 0 {
		t.Errorf("half a hello: %v, %v, %v", got, err, vars)
	}
	v.Hello.Feed([]byte(hello[60:]))
	if got, _, err := c.Decide(v); got != Accept || err != nil || caddy.ToString(vars["sess.sni"]) != "a.example.test" {
		t.Errorf("the hello: %v, %v, %v", got, err, vars)
	}
	if v.Final {
		t.Error("a rule has made the view final")
	}

	for _, c := range []struct {
		name, rules string
		want        string // of sess.x
	}{
		{"a condition", `{"action": "set_var", "var": "sess.x", "value": "str(a)", "match": [{"test_answer": {"answer": "yes"}}]}`, "a"},
		{"a condition that is false", `{"action": "set_var", "var": "sess.x", "value": "str(a)", "match": [{"test_answer": {"answer": "no"}}]}`, ""},
		{"a condition that waits", `{"action": "set_var", "var": "sess.x", "value": "str(a)", "match": [{"test_answer": {"answer": "more"}}]}`, ""},
		{"no value leaves the one before", `{"action": "set_var", "var": "sess.x", "value": "str(a)"}, {"action": "set_var", "var": "sess.x", "value": "env(NO_SUCH_VARIABLE)"}`, "a"},
		{"the last one stays", `{"action": "set_var", "var": "sess.x", "value": "str(a)"}, {"action": "set_var", "var": "sess.x", "value": "str(b)"}`, "b"},
		{"one of another", `{"action": "set_var", "var": "txn.y", "value": "str(A)"}, {"action": "set_var", "var": "sess.x", "value": "var(txn.y),lower"}`, "a"},
		{"forgotten", `{"action": "set_var", "var": "sess.x", "value": "str(a)"}, {"action": "unset_var", "var": "sess.x"}`, ""},
		{"not after the end", `{"action": "accept"}, {"action": "set_var", "var": "sess.x", "value": "str(a)"}`, ""},
		{"used in a condition", `{"action": "set_var", "var": "txn.y", "value": "str(A)"}, {"action": "set_var", "var": "sess.x", "value": "str(b)", "match": [{"acl": [{"any": [{"fetch": "var(txn.y)", "method": "str", "values": ["A"]}]}]}]}`, "b"},
		{"what may change yet", `{"action": "set_var", "var": "sess.x", "value": "req.len"}`, "3"},
	} {
		v, vars := look(t, "abc", false)
		if _, _, err := loadRules(t, c.rules).Decide(v); err != nil || caddy.ToString(vars["sess.x"]) != c.want {
			t.Errorf("%s: %v, %v", c.name, vars, err)
		}
	}
}

// Priorities are numbers or expressions, and are cut to the limits.
func TestPriorities(t *testing.T) {
	for _, c := range []struct {
		rules string
		want  Priority
	}{
		{`{"action": "set_priority_class", "value": "-7"}, {"action": "set_priority_offset", "value": "250"}`, Priority{-7, 250}},
		{`{"action": "set_priority_class", "value": "int(4000)"}, {"action": "set_priority_offset", "value": "int(-600000)"}`, Priority{2047, -524287}},
		{`{"action": "set_priority_class", "value": "str(12)"}`, Priority{12, 0}},
		{`{"action": "set_priority_class", "value": "3"}, {"action": "set_priority_class", "value": "var(txn.unset)"}`, Priority{3, 0}},
		{`{"action": "set_priority_class", "value": "3", "match": [{"test_answer": {"answer": "no"}}]}`, Priority{}},
	} {
		v, _ := look(t, "abc", false)
		v.Priority = new(Priority)
		if got, _, err := loadRules(t, c.rules).Decide(v); got != Accept || err != nil || *v.Priority != c.want {
			t.Errorf("%s: %v, %+v, %v", c.rules, got, *v.Priority, err)
		}
	}
}

func TestNeedsRequest(t *testing.T) {
	for rule, want := range map[string]bool{
		closeAll:    false,
		acceptHello: true,
		acceptSrc:   false,
		`{"action": "close", "match": [{"client_hello": {}}]}`:                                                            true,
		`{"action": "close", "unless": [{"client_hello": {"sni": ["a.test"]}}]}`:                                          true,
		`{"action": "close", "match": [{"remote_ip": {"ranges": ["127.0.0.1"]}, "local_ip": {"ranges": ["127.0.0.1"]}}]}`: false,
		`{"action": "close", "match": [{"remote_ip": {"ranges": ["127.0.0.1"]}}, {"ssh": {}}]}`:                           true,
		`{"action": "close", "match": [{"not": [{"remote_ip": {"ranges": ["127.0.0.1"]}}]}]}`:                             false,
		`{"action": "close", "match": [{"not": [{"client_hello": {}}]}]}`:                                                 true,
		`{"action": "close", "match": [{"not": [{"acl": [{"any": [{"fetch": "always_true"}]}]}]}]}`:                       false,
		`{"action": "close", "match": [{"test_answer": {"answer": "yes", "blind": true}}]}`:                               false,
		says("close", "yes"): true,
		`{"action": "set_var", "var": "sess.x", "value": "req.ssl_sni"}`: true,
		`{"action": "set_var", "var": "sess.x", "value": "src"}`:         false,
	} {
		if got := loadRules(t, acceptSrc, rule).NeedsRequest(); got != want {
			t.Errorf("%s: %v", rule, got)
		}
	}
}

func TestAlways(t *testing.T) {
	for rule, want := range map[string]bool{
		closeAll:                                               true,
		`{"action": "close", "match": []}`:                     true,
		`{"action": "close", "match": [{}]}`:                   true,
		`{"action": "close", "match": [{"ssh": {}}, {}]}`:      true,
		`{"action": "close", "unless": [{}]}`:                  false,
		`{"action": "close", "match": [{"client_hello": {}}]}`: false,
		`{"action": "close", "match": [{"ssh": {}}]}`:          false,
		acceptSrc: false,
	} {
		if got := loadRules(t, rule).Rules[0].condition.Always(); got != want {
			t.Errorf("%s: %v", rule, got)
		}
	}
}

func TestMistakes(t *testing.T) {
	for config, want := range map[string]string{
		`{"inspect_delay": "-1s"}`: "inspect_delay -1s: expected a duration greater than zero",
		`{"rules": [null]}`:        "rule 1: expected an object with action",
		`{"rules": [{}]}`:          "rule 1: missing action",

		`{"rules": [{"action": "accept"}, {"action": ""}]}`:                                                "rule 2: missing action",
		`{"rules": [{"action": "acept"}]}`:                                                                 `rule 1: unknown action "acept"; did you mean "accept"? (known: accept, close, do_resolve, drop, expect_proxy, reject, reset, sc_add_gpc, sc_inc_gpc, sc_inc_gpc0, sc_inc_gpc1, sc_set_gpt, sc_set_gpt0, set_dst, set_dst_port, set_log_level, set_priority_class, set_priority_offset, set_var, set_var_format, track, unset_var)`,
		`{"rules": [{"action": "close", "var": "sess.x"}]}`:                                                "rule 1: action close has a var or a value: expected neither",
		`{"rules": [{"action": "close", "value": "src"}]}`:                                                 "rule 1: action close has a var or a value: expected neither",
		`{"rules": [{"action": "set_var", "var": "sess.x"}]}`:                                              "rule 1: set_var sess.x has no value: expected an expression such as req.ssl_sni,lower",
		`{"rules": [{"action": "unset_var", "var": "sess.x", "value": "src"}]}`:                            "rule 1: unset_var sess.x has a value: expected none",
		`{"rules": [{"action": "set_dst"}]}`:                                                               "rule 1: action set_dst: expected a value, an expression such as var(sess.ip), and no var",
		`{"rules": [{"action": "set_dst", "value": "bool(1)"}]}`:                                           "rule 1: set_dst: bool(1): expected an expression whose value is an address",
		`{"rules": [{"action": "set_dst_port", "value": "payload(0,2)"}]}`:                                 "rule 1: set_dst_port: payload(0,2): expected an expression whose value is a number",
		`{"rules": [{"action": "do_resolve", "var": "sess.x"}]}`:                                           "rule 1: do_resolve sess.x has no value: expected an expression such as req.ssl_sni,lower",
		`{"rules": [{"action": "do_resolve", "value": "req.ssl_sni"}]}`:                                    `rule 1: variable "": expected a scope`,
		`{"rules": [{"action": "do_resolve", "var": "sess.x", "value": "req.ssl_sni", "prefer": "ipv5"}]}`: `rule 1: prefer: unknown word "ipv5"`,
		`{"rules": [{"action": "set_dst", "value": "src", "resolvers": "x"}]}`:                             "rule 1: action set_dst has resolvers or prefer: expected neither",
		`{"rules": [{"action": "unset_var"}]}`:                                                             `rule 1: variable "": expected a scope (proc, sess, txn or req), a dot, and letters, digits, _ and dots`,
		`{"rules": [{"action": "set_var", "var": "res.x", "value": "src"}]}`:                               `rule 1: variable "res.x": expected a scope`,
		`{"rules": [{"action": "set_var", "var": "sess.", "value": "src"}]}`:                               `rule 1: variable "sess.": expected`,
		`{"rules": [{"action": "set_var", "var": "sess.x y", "value": "src"}]}`:                            `rule 1: variable "sess.x y": expected`,
		`{"rules": [{"action": "set_var", "var": "sess.x", "value": "nothing"}]}`:                          "rule 1: set_var sess.x: unknown fetch method 'nothing'",
		`{"rules": [{"action": "close", "match": [{}], "unless": [{}]}]}`:                                  "rule 1: match and unless are mutually exclusive",
		`{"rules": [{"action": "close", "match": [{"hello": {}}]}]}`:                                       "rule 1: loading matchers: module name 'hello': unknown module",
		`{"rules": [{"action": "close", "unless": [{"hello": {}}]}]}`:                                      "rule 1: loading matchers: module name 'hello': unknown module",
		`{"rules": [{"action": "close", "match": [{"test_stranger": {}}]}]}`:                               `rule 1: loading matchers: matcher "test_stranger" (*rules.stranger) is not a layer4 connection matcher`,
	} {
		if _, err := load(t, config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", config, err, want)
		}
	}
}
