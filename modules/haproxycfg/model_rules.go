// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/syslog"
)

// rule is a tcp-request rule.
type rule struct {
	action          string // as in rules.Rule
	origin          string // likewise
	variable, value string
	counter, index  int    // these and the next two are for actions about tracked entries
	key, table      string //
	resolvers       string // this and the next one are for do-resolve
	prefer          string //
	at              haproxyfile.Pos
	captures        bool // it is a capture, which only log formats see
	cond            *condition
}

// tcpActions are the actions of tcp-request and tcp-response.
var tcpActions = newTable([]keyword{
	{name: "accept|reject|set-var|set-var-fmt|unset-var", in: inProxies, grade: supported},
	{name: "close", in: inBackends, grade: supported},
	{name: "silent-drop", in: inProxies, grade: differs, note: "rst-ttl is ignored: the connection is dropped without a packet"},
	{name: "capture", in: inProxies, grade: differs, note: noteCapture},
	{name: "set-log-level", in: inProxies, grade: differs, note: noteSetLogLevel},
	{name: "do-log", in: inProxies, grade: ignored, note: noteDoLog},
	{name: "set-nice", in: inProxies, grade: ignored, note: "it is about HAProxy's own scheduling"},
	{name: "set-mark|set-tos|set-fc-mark|set-fc-tos|set-bc-mark|set-bc-tos", in: inProxies, grade: refused, note: "marking packets is not available"},
	{name: "track-sc0|track-sc1|track-sc2|sc-inc-gpc|sc-add-gpc|sc-inc-gpc0|sc-inc-gpc1|sc-set-gpt|sc-set-gpt0", in: inProxies, grade: supported},
	{name: "set-src|set-src-port", in: inProxies, grade: refused, note: "changing the client's address is not available"},
	{name: "set-dst|set-dst-port", in: inProxies, grade: differs, note: noteSetDst},
	{name: "do-resolve", in: inProxies, grade: differs, note: noteDoResolve},
	{name: "set-priority-class|set-priority-offset", in: inProxies, grade: supported},
	{name: "set-retries", in: inProxies, grade: refused, note: "it is not available; expected retries in the backend"},
	{name: "set-bandwidth-limit", in: inProxies, grade: refused, note: "bandwidth is not limited"},
	{name: "switch-mode", in: inProxies, grade: refused, note: "a connection cannot change its mode; for HTTP use Caddy's http app"},
	{name: "use-service", in: inProxies, grade: refused, note: "there is no Lua"},
	{name: "send-spoe-group", in: inProxies, grade: refused, note: "there is no SPOE"},
	{name: "ot-group", in: inProxies, grade: refused, note: "there is no OpenTracing"},
	{name: "attach-srv", in: inProxies, grade: refused, note: "reverse connections are not available"},
	{name: expectProxy, in: inFrontends, grade: supported},
	{name: expectNetScaler, in: inFrontends, grade: refused, note: "it is not available in rules: expected accept-netscaler-cip MAGIC on the bind"},
})

const noteDoResolve = "without inspect-delay a lookup may take 5 s; HAProxy leaves the variable unset then"

const noteSetDst = "a server 0.0.0.0 does not connect to a loopback, link-local or own address that a client may have chosen, only to one of a constant or a map"

// actionNames maps HAProxy's actions to the actions of a rule here.
var actionNames = map[string]string{
	"track-sc0": "track", "track-sc1": "track", "track-sc2": "track",
	"sc-inc-gpc": "sc_inc_gpc", "sc-inc-gpc0": "sc_inc_gpc0", "sc-inc-gpc1": "sc_inc_gpc1", "sc-add-gpc": "sc_add_gpc",
	"sc-set-gpt": "sc_set_gpt", "sc-set-gpt0": "sc_set_gpt0",
	"accept": "accept", "reject": "close", "close": "reset", "silent-drop": "drop", "set-var": "set_var", "set-var-fmt": "set_var_format", "unset-var": "unset_var", expectProxy: "expect_proxy",
	"set-log-level": "set_log_level", "capture": "set_var",
	"set-dst": "set_dst", "set-dst-port": "set_dst_port", "do-resolve": "do_resolve",
	"set-priority-class": "set_priority_class", "set-priority-offset": "set_priority_offset",
}

func contentRule(t *translation, p *proxy, s statement) {
	has := sample.NeedsRequest
	if p.isBackend() || p.kind == "defaults" {
		has |= sample.NeedsBackend
	}
	r, ok := t.tcpRule(p, s, has)
	if !ok {
		return
	}
	if len(p.useBackend) > 0 {
		t.warnf(s.Pos, "a 'tcp-request content' rule placed after a 'use_backend' rule (line %d) will still be processed before", p.useBackend[0].Line)
	}
	p.content = append(p.content, r)
}

// responseRule reads a tcp-response content rule. Data from the client is no longer available to
// it.
func responseRule(t *translation, p *proxy, s statement) {
	if r, ok := t.tcpRule(p, s, sample.NeedsBackend|sample.NeedsServer|sample.NeedsResponse); ok {
		p.response = append(p.response, r)
	}
}

func setResponseDelay(t *translation, p *proxy, s statement) {
	if t.refusesAnonymous(p, s) {
		return
	}
	p.responseDelay = milliseconds(s.args[0])
}

// connectionRule reads a tcp-request connection rule, which rejects with a RST.
func connectionRule(t *translation, p *proxy, s statement) {
	if r, ok := t.earlyRule(p, s); ok {
		switch {
		case r.action == "close":
			r.action = "reset"
		case r.action == actionNames[expectProxy] && r.cond == nil:
			r.cond = always()
		}
		p.connection = append(p.connection, r)
	}
}

// sessionRule reads a tcp-request session rule.
func sessionRule(t *translation, p *proxy, s statement) {
	if r, ok := t.earlyRule(p, s); ok {
		p.session = append(p.session, r)
	}
}

// earlyRule reads a rule that runs before any data is read.
func (t *translation) earlyRule(p *proxy, s statement) (r rule, ok bool) {
	if r, ok = t.tcpRule(p, s, 0); !ok {
		return r, false
	}
	if r.cond.needs(sample.NeedsRequest) {
		t.warnf(s.Pos, "a condition of '%s' needs data from the client, which has not been read at that point: it will never match", s.keyword)
	}
	return r, true
}

// tcpRule reads "ACTION [ARGS] [if|unless CONDITION]". has is the data available when the rule
// runs.
func (t *translation) tcpRule(p *proxy, s statement, has sample.Needs) (r rule, ok bool) {
	if t.refusesAnonymous(p, s) {
		return r, false
	}
	name, more, _ := strings.Cut(s.arg(0), "(")
	k := t.tcpAction(p, s, name, has&sample.NeedsResponse != 0)
	if k == nil {
		return r, false
	}
	s.keyword += " " + name
	t.apply(k, p, s, " in "+p.String())
	if k.grade == refused {
		return r, false
	}
	if name == "silent-drop" && s.arg(1) == "rst-ttl" {
		t.notice(s.Pos, differs, k.note, s.arg(1))
	}
	r, words, err := t.action(p, s, has, more)
	if err != nil {
		t.errorf(s.Pos, "'%s' : %v, in %s", s.keyword, err, p)
		return r, false
	}
	r.origin = s.Pos.String() + ": " + s.keyword
	if r.cond, ok = t.tcpCondition(p, s, words); !ok {
		return r, false
	}
	if has&sample.NeedsBackend == 0 && r.cond.needs(sample.NeedsBackend) {
		t.warnf(s.Pos, "a condition of '%s' needs the backend, which has not been chosen at that point: it will never match", s.keyword)
	}
	return r, r.action != ""
}

// refusesAnonymous reports a line that a defaults section may only have if it has a name.
func (t *translation) refusesAnonymous(p *proxy, s statement) bool {
	if p.isAnonymous() {
		t.errorf(s.Pos, "%s is not allowed in anonymous 'defaults' sections: expected a name for the section", s.keyword)
	}
	return p.isAnonymous()
}

// tcpAction returns the action of a name, or nil and reports that a rule cannot have it. Rules for
// responses have other actions than those for requests.
func (t *translation) tcpAction(p *proxy, s statement, name string, ofResponse bool) *keyword {
	if name == "silent-drop" && ofResponse {
		t.errorf(s.Pos, "'%s silent-drop' in %s is not available: expected 'reject' or 'close'", s.keyword, p)
		return nil
	}
	k := tcpActions[name]
	if k == nil && strings.TrimRight(name, "0123456789") == trackPrefix { // tune.stick-counters
		k = tcpActions[trackPrefix+"0"]
	}
	if k == nil || name == "close" && !ofResponse || ofResponse && (strings.HasPrefix(name, trackPrefix) || strings.HasPrefix(name, "set-dst")) {
		t.errorf(s.Pos, "'%s' expects 'accept', 'reject', 'silent-drop', 'set-var' or another action, in %s (got '%s')%s", s.keyword, p, s.arg(0), tcpActions.similar(name, inProxies))
		return nil
	}
	if expectsHeader(name) && !t.validateExpect(p, s) {
		return nil
	}
	if (strings.HasPrefix(name, "set-priority-") || name == "do-resolve") && s.keyword != "tcp-request content" {
		t.errorf(s.Pos, "'%s %s' in %s is not available: expected it in a rule of 'tcp-request content'", s.keyword, name, p)
		return nil
	}
	return k
}

// tcpCondition reads the condition of a rule, or reports why it cannot.
func (t *translation) tcpCondition(p *proxy, s statement, words []string) (cond *condition, ok bool) {
	if len(words) > 0 && !haproxyfile.BeginsCondition(words[0]) {
		t.errorf(s.Pos, "'%s' only accepts 'if' or 'unless', in %s (got '%s')", s.keyword, p, words[0])
		return nil, false
	}
	cond, err := t.condition(p, s, words)
	if err != nil {
		t.errorf(s.Pos, "'%s' : error detected in %s while parsing '%s' condition : %v", s.keyword, p, words[0], err)
	}
	return cond, err == nil
}

// action reads the arguments of an action. The rest is its condition.
func (t *translation) action(p *proxy, s statement, has sample.Needs, more string) (r rule, rest []string, err error) {
	name, _, _ := strings.Cut(s.args[0], "(")
	words := s.args[1:]
	if isTracking(name) {
		return t.tracking(p, s, has, more)
	}
	r.action = actionNames[name]
	switch name {
	case "silent-drop":
		if len(words) > 1 && words[0] == "rst-ttl" {
			words = words[2:]
		}
		return r, words, nil
	case "set-var", "set-var-fmt":
		return t.setVar(p, s, has, r, more)
	case "unset-var":
		r.variable, err = parseVariable(more)
		return r, words, err
	case "do-resolve":
		return t.doResolve(p, s, has, r, more)
	case "set-priority-class", "set-priority-offset", "set-dst", "set-dst-port":
		return t.ruleValue(p, s, has, r)
	case "accept", "reject", "close":
		if more != "" {
			return r, words, fmt.Errorf("unexpected '(%s'", more)
		}
		return r, words, nil
	case expectProxy:
		return r, words[1:], nil
	case "capture":
		return t.capture(p, s, has, r)
	case "set-log-level":
		if r.value = s.arg(1); !slices.Contains(syslog.Severities, r.value) && r.value != "silent" {
			return r, nil, fmt.Errorf("expects exactly 1 argument (log level name or 'silent')")
		}
		if has&sample.NeedsResponse != 0 {
			t.notice(s.Pos, ignored, noteSetLogLevel, s.keyword)
			r.action = ""
		}
		return r, words[1:], nil
	default: // has no effect here; its condition is validated
		_, condition := haproxyfile.CutCondition(words)
		return r, condition, nil
	}
}

func setInspectDelay(t *translation, p *proxy, s statement) {
	if t.refusesAnonymous(p, s) {
		return
	}
	if p.inspect != 0 { // HAProxy keeps the first one, or that of its defaults
		t.warnf(s.Pos, "ignoring %s (was already defined) in %s", s.keyword, p)
		return
	}
	p.inspect = milliseconds(s.args[0])
}
