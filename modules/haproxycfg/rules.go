// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// rule is a tcp-request rule.
type rule struct {
	haproxyfile.Pos
	action          string // of content.Rule
	variable, value string
	cond            *condition
}

// actions are those of tcp-request, and what becomes of them.
var actions = map[string]keyword{
	"accept":      {grade: supported},
	"reject":      {grade: supported},
	"silent-drop": {grade: differs, note: "rst-ttl is not followed: the connection is forgotten without a packet"},
	"set-var":     {grade: supported},
	"unset-var":   {grade: supported},

	"capture":       {grade: pending, note: ofLogging},
	"set-log-level": {grade: pending, note: ofLogging},
	"do-log":        {grade: pending, note: ofLogging},
	"set-nice":      {grade: harmless, note: "it is about HAProxy's own scheduling"},
	"set-mark":      {grade: refused, note: "marking packets is not available"},
	"set-tos":       {grade: refused, note: "marking packets is not available"},
	"set-fc-mark":   {grade: refused, note: "marking packets is not available"},
	"set-fc-tos":    {grade: refused, note: "marking packets is not available"},
	"set-bc-mark":   {grade: refused, note: "marking packets is not available"},
	"set-bc-tos":    {grade: refused, note: "marking packets is not available"},

	"set-var-fmt":          {grade: refused, note: notYet + "; expected set-var"},
	"track-sc0":            {grade: refused, note: "stick tables are not available yet"},
	"track-sc1":            {grade: refused, note: "stick tables are not available yet"},
	"track-sc2":            {grade: refused, note: "stick tables are not available yet"},
	"sc-inc-gpc":           {grade: refused, note: "stick tables are not available yet"},
	"sc-add-gpc":           {grade: refused, note: "stick tables are not available yet"},
	"sc-inc-gpc0":          {grade: refused, note: "stick tables are not available yet"},
	"sc-inc-gpc1":          {grade: refused, note: "stick tables are not available yet"},
	"sc-set-gpt":           {grade: refused, note: "stick tables are not available yet"},
	"sc-set-gpt0":          {grade: refused, note: "stick tables are not available yet"},
	"set-src":              {grade: refused, note: "changing addresses is not available"},
	"set-src-port":         {grade: refused, note: "changing addresses is not available"},
	"set-dst":              {grade: refused, note: "changing addresses is not available"},
	"set-dst-port":         {grade: refused, note: "changing addresses is not available"},
	"do-resolve":           {grade: refused, note: "it is not available; a server's address may hold the name that the client asks for: see {l4.client_hello.sni}"},
	"set-priority-class":   {grade: refused, note: "there are no queues yet"},
	"set-priority-offset":  {grade: refused, note: "there are no queues yet"},
	"set-retries":          {grade: refused, note: "it is not available; expected retries in the backend"},
	"set-bandwidth-limit":  {grade: refused, note: "bandwidth is not limited"},
	"switch-mode":          {grade: refused, note: "a connection stays what it is; HTTP is for Caddy's http app"},
	"use-service":          {grade: refused, note: "there is no Lua"},
	"send-spoe-group":      {grade: refused, note: "there is no SPOE"},
	"ot-group":             {grade: refused, note: "there is no OpenTracing"},
	"attach-srv":           {grade: refused, note: "reverse connections are not available"},
	"expect-proxy":         {grade: refused, note: "the PROXY protocol is not available yet"},
	"expect-netscaler-cip": {grade: refused, note: "NetScaler's header is not available"},
}

// shortcuts are the actions by HAProxy's names, as content.Rule calls them.
var shortcuts = map[string]string{"accept": "accept", "reject": "close", "silent-drop": "drop", "set-var": "set_var", "unset-var": "unset_var"}

func contentRule(t *translation, p *proxy, s statement) {
	r, ok := t.tcpRule(p, s)
	if !ok {
		return
	}
	for _, u := range p.uses {
		t.warnf(s.Pos, "a 'tcp-request content' rule placed after a 'use_backend' rule (line %d) will still be processed before", u.Line)
		break
	}
	p.content = append(p.content, r)
}

// connectionRule is one of tcp-request connection, or of session: nothing that
// is understood here happens between the two.
func connectionRule(t *translation, p *proxy, s statement) {
	r, ok := t.tcpRule(p, s)
	if !ok {
		return
	}
	if r.action == "close" {
		r.action = "reset"
	}
	if r.cond.request() {
		t.warnf(s.Pos, "a condition of '%s' looks at what the client has sent, and nothing has been read at that time: it will never match", s.keyword)
	}
	p.connection = append(p.connection, r)
}

// tcpRule reads "ACTION [ARGS] [if|unless CONDITION]".
func (t *translation) tcpRule(p *proxy, s statement) (r rule, ok bool) {
	if p.kind == "defaults" && p.name == "" {
		t.errorf(s.Pos, "%s is not allowed in anonymous 'defaults' sections: expected a name for the section", s.keyword)
		return r, false
	}
	name, more, _ := strings.Cut(s.arg(0), "(")
	k, known := actions[name]
	if !known {
		t.errorf(s.Pos, "'%s' expects 'accept', 'reject', 'silent-drop', 'set-var' or another action, in %s (got '%s')%s", s.keyword, p, s.arg(0), didYouMean(name, slices.Collect(maps.Keys(actions))))
		return r, false
	}
	s.keyword += " " + name
	t.perform(&k, p, s, " in "+p.String())
	if k.grade == refused {
		return r, false
	}
	r, words, err := t.action(name, more, s.args[1:])
	if err != nil {
		t.errorf(s.Pos, "'%s' : %v, in %s", s.keyword, err, p)
		return r, false
	}
	r.Pos = s.Pos
	if len(words) > 0 && words[0] != "if" && words[0] != "unless" {
		t.errorf(s.Pos, "'%s' only accepts 'if' or 'unless', in %s (got '%s')", s.keyword, p, words[0])
		return r, false
	}
	if r.cond, err = t.condition(p, s, words); err != nil {
		t.errorf(s.Pos, "'%s' : error detected in %s while parsing '%s' condition : %v", s.keyword, p, words[0], err)
		return r, false
	}
	return r, shortcuts[name] != ""
}

// action reads what belongs to an action; what is left is its condition.
func (t *translation) action(name, more string, words []string) (r rule, rest []string, err error) {
	r.action = shortcuts[name]
	switch name {
	case "silent-drop":
		if len(words) > 1 && words[0] == "rst-ttl" {
			words = words[2:]
		}
		return r, words, nil
	case "set-var":
		return t.setVar(r, more, words)
	case "unset-var":
		r.variable, err = variable(more)
		return r, words, err
	case "accept", "reject":
		if more != "" {
			return r, words, fmt.Errorf("unexpected '(%s'", more)
		}
		return r, words, nil
	case "capture":
		if i := slices.Index(words, "len"); len(words) == 0 || i < 0 && !slices.Contains(words, "id") || i >= 0 && len(words) < i+2 {
			return r, nil, errors.New("a positive 'len' argument is mandatory")
		}
		fallthrough
	default: // has no effect here: only its condition is looked at
		i := slices.IndexFunc(words, func(w string) bool { return w == "if" || w == "unless" })
		if i < 0 {
			return r, nil, nil
		}
		return r, words[i:], nil
	}
}

// setVar reads "set-var(SCOPE.NAME) EXPRESSION". The expression may stand in
// several words, as HAProxy lets converters follow after a blank.
func (t *translation) setVar(r rule, name string, words []string) (rule, []string, error) {
	var err error
	if r.variable, err = variable(name); err != nil {
		return r, nil, err
	}
	end := slices.IndexFunc(words, func(w string) bool { return w == "if" || w == "unless" })
	if end < 0 {
		end = len(words)
	}
	if end == 0 {
		return r, nil, fmt.Errorf("missing fetch method after set-var(%s)", r.variable)
	}
	if end != 1 {
		return r, nil, fmt.Errorf("expects one expression after set-var(%s), and has %d words", r.variable, end)
	}
	if r.value, err = sample.RewriteFiles(words[0], t.file); err != nil {
		return r, nil, err
	}
	if _, err = t.loader.Expression(r.value); err != nil {
		return r, nil, unavailable(err)
	}
	return r, words[end:], nil
}

// variables are the names that may be set. All live as long as the connection
// here; one of the scope proc outlives it, so it cannot be had.
var variables = regexp.MustCompile(`^(sess|txn|req)\.[A-Za-z0-9_.]+$`)

// variable is what stands in the parentheses of set-var, "sess.name)".
func variable(text string) (string, error) {
	text, ok := strings.CutSuffix(text, ")")
	if !ok {
		return "", errors.New("expects 'set-var(<var-name>)', such as set-var(sess.sni)")
	}
	name, conditions, _ := strings.Cut(text, ",")
	if conditions != "" {
		return "", fmt.Errorf("conditions of variables ('%s') are not available yet", conditions)
	}
	if !variables.MatchString(name) {
		return "", fmt.Errorf("invalid variable name '%s': expected a scope of 'sess', 'txn' or 'req' and a name of letters, digits, '_' and '.', such as sess.sni", name)
	}
	return name, nil
}

func setInspectDelay(t *translation, p *proxy, s statement) {
	if p.kind == "defaults" && p.name == "" {
		t.errorf(s.Pos, "%s is not allowed in anonymous 'defaults' sections: expected a name for the section", s.keyword)
		return
	}
	p.inspect = milliseconds(s.args[0])
}
