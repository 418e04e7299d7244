// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// healthCheck is the health check of a backend's servers.
type healthCheck struct {
	at              haproxyfile.Pos // position of its option
	module          string          // name of the checker; empty: a connect, or a TLS handshake
	log             bool
	protocolOptions protocolOptions
	program         externalProgram

	// rules are the rules in effect, if module has rules: those of the section itself or those of its
	// defaults. One list replaces the other as a whole, as in HAProxy.
	rules *ruleset
	// tcp and http are the rules of the section itself, in effect or not.
	tcp, http *ruleset

	drainOn404, sendState bool
}

// ruleset is a list of tcp-check or http-check rules.
type ruleset struct {
	haproxyfile.Pos // of the first rule
	steps           []checkStep
}

// checkStep is a rule of a script.
type checkStep struct {
	checks.Step
	connectOptions connectOptions // of a connect step
	fromHTTPChk    bool           // the request of "option httpchk"
}

// connectOptions are the options of a connect step, apart from its address.
type connectOptions struct {
	given     bool
	usual     bool // "default": TLS and PROXY header as on the server's line
	tls       bool
	proxy     bool
	sni, alpn string
}

// Checkers that have rules.
const (
	tcpScript  = "tcp_script"
	httpScript = "http_script"
)

// inherit drops the lists of rules of the defaults section itself.
func (h *healthCheck) inherit() { h.tcp, h.http = nil, nil }

// ownRules returns a list of rules of the section itself, and creates it if it does not exist.
func ownRules(list **ruleset, pos haproxyfile.Pos) *ruleset {
	if *list == nil {
		*list = &ruleset{Pos: pos}
	}
	return *list
}

// ownHTTPRules returns ownRules of http-check. From HAProxy 3.4 on, the first rule also resets the
// other http-check settings of the defaults.
func (t *translation) ownHTTPRules(h *healthCheck, pos haproxyfile.Pos) *ruleset {
	if h.http == nil && t.replacesDefaults() {
		h.drainOn404, h.sendState = false, false
	}
	return ownRules(&h.http, pos)
}

// replacesDefaults reports whether the file is for HAProxy 3.4 or later, in which any check setting
// of a section replaces all check settings of its defaults.
func (t *translation) replacesDefaults() bool { return atLeastBranch(t.branch, 3, 4) }

// tcpCheckOption reads "option tcp-check". Rules of the defaults stay in effect only if they were
// in effect before, and only up to HAProxy 3.2.
func tcpCheckOption(t *translation, p *proxy, s statement) {
	if h := &p.check; h.module != tcpScript || t.replacesDefaults() {
		h.module, h.rules = tcpScript, ownRules(&h.tcp, s.Pos)
	}
}

// tcpCheck reads a tcp-check rule.
func tcpCheck(t *translation, p *proxy, s statement) {
	h := &p.check
	rules := ownRules(&h.tcp, s.Pos)
	made, err := t.tcpStep(s)
	if err == nil && made.Connect != nil {
		err = rules.validateConnect()
	}
	if err != nil {
		t.errorf(s.Pos, "'tcp-check %s' : %v in %s", s.args[0], err, p)
		return
	}
	rules.steps = append(rules.steps, *made)
	if h.module == tcpScript {
		h.rules = rules
	}
}

// validateConnect reports a connect step that comes too late: if there is one, the first remote
// step must be one.
func (r *ruleset) validateConnect() error {
	for i := range r.steps {
		switch s := &r.steps[i]; {
		case s.isLocal() || s.fromHTTPChk:
		case s.Connect != nil:
			return nil
		default:
			return errors.New("first step MUST also be a 'connect', optionally preceded by a 'set-var', an 'unset-var' or a 'comment', when there is a 'connect' step in the ruleset")
		}
	}
	return nil
}

// isLocal reports whether the step does not involve the server.
func (s *checkStep) isLocal() bool {
	return s.Connect == nil && s.Expect == nil && s.Request == nil && s.Send+s.SendHex+s.SendFormat+s.SendHexFormat == ""
}

func (t *translation) tcpStep(s statement) (*checkStep, error) {
	switch kind, args := s.args[0], s.args[1:]; kind {
	case "connect":
		return t.connectStep(args, "none")
	case "send", "send-lf", "send-binary", "send-binary-lf":
		return t.sendStep(kind, args)
	case "expect":
		return t.expectStep(s, tcpExpects)
	default:
		made, err := t.localStep(kind, args)
		if made == nil && err == nil {
			err = fmt.Errorf("only supports 'comment', 'connect', 'send', 'send-lf', 'send-binary', 'send-binary-lf', 'expect', 'set-var', 'set-var-fmt' and 'unset-var' but got '%s'", kind)
		}
		return made, err
	}
}

// localStep reads a rule that both kinds of scripts have, or returns nil for any other.
func (t *translation) localStep(kind string, args []string) (*checkStep, error) {
	if kind == "comment" {
		if err := someArgs(args); err != nil {
			return nil, err
		}
		return &checkStep{Step: checks.Step{Comment: args[0]}}, nil
	}
	kind, name, _ := strings.Cut(kind, "(")
	if !slices.Contains([]string{"set-var", "set-var-fmt", "unset-var"}, kind) {
		return nil, nil //nolint:nilnil // it is none
	}
	name, err := parseCheckVariable(name)
	if err != nil {
		return nil, err
	}
	switch made := new(checkStep); {
	case kind == "unset-var":
		made.Unset = name
		return made, nil
	case len(args) == 0:
		return nil, fmt.Errorf("missing expression after '%s(%s)'", kind, name)
	case kind == "set-var":
		made.Set = &checks.SetVar{Var: name, Value: args[0]}
		_, err := t.checkLoader.Expression(args[0])
		return made, unavailable(err)
	default:
		made.Set = &checks.SetVar{Var: name, Format: args[0]}
		_, err := t.parseCheckFormat(args[0])
		return made, err
	}
}

// parseCheckVariable reads the variable in the parentheses of set-var, as "check.name)".
func parseCheckVariable(text string) (string, error) {
	text, ok := strings.CutSuffix(text, ")")
	if !ok {
		return "", errors.New("expects 'set-var(<var-name>)', such as set-var(check.port)")
	}
	name, conditions, _ := strings.Cut(text, ",")
	if conditions != "" {
		return "", fmt.Errorf("conditions of variables ('%s') are not available in checks", conditions)
	}
	scope, rest, _ := strings.Cut(name, ".")
	switch {
	case rest == "" || !slices.Contains([]string{"check", "sess", "proc", "txn", "req", "res"}, scope):
		return "", fmt.Errorf("invalid variable name '%s': expected a scope of 'check' or 'sess' and a name, such as check.port", name)
	case scope != "check" && scope != "sess":
		return "", fmt.Errorf("a variable of the scope '%s' is not available in checks: expected 'check.%s' or 'sess.%s'", scope, rest, rest)
	}
	return name, nil
}

// parseCheckFormat validates a log format of a health check. It returns its text if that is
// constant, and otherwise nothing.
func (t *translation) parseCheckFormat(format string) (text string, err error) {
	f, err := t.checkLoader.Format(format)
	if err != nil {
		return "", fmt.Errorf("'%s' invalid log-format string (%w)", format, unavailable(err))
	}
	text, _ = f.Constant()
	return text, nil
}

// connects reports whether a script has a connect step.
func (h *healthCheck) connects() bool {
	return h.hasRules() && slices.ContainsFunc(h.rules.steps, func(s checkStep) bool { return s.Connect != nil })
}

// hasRules reports whether the health check is a script.
func (h *healthCheck) hasRules() bool {
	return h.module == tcpScript || h.module == httpScript
}
