// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// readHealthcheck reads "healthcheck NAME", a health check that servers refer to.
func (t *translation) readHealthcheck(s haproxyfile.Section) {
	if len(s.Args) != 1 {
		t.errorf(s.Pos, "'healthcheck' expects a name, such as 'healthcheck web'")
		return
	}
	p := &proxy{Pos: s.Pos, kind: "healthcheck", name: s.Args[0]}
	t.validateName(s.Pos, "'healthcheck' name", p.name)
	if other := t.checks[p.name]; other != nil {
		t.errorf(s.Pos, "%s has the same name as that declared at %s: expected a name of its own", p, other.Pos)
		return
	}
	before := len(t.problems)
	t.checks[p.name] = p
	words := []string{"type", "tcp-check", "http-check"}
	for _, l := range s.Lines {
		st := statement{Pos: l.Pos, keyword: l.Words[0], args: l.Words[1:]}
		switch {
		case !slices.Contains(words, st.keyword):
			t.errorf(l.Pos, "unknown keyword '%s' in 'healthcheck' section%s", st.keyword, didYouMean(st.keyword, words))
			continue
		case st.keyword == "type":
			st.keyword, st.args = "option "+st.arg(0), st.args[min(1, len(st.args)):]
		}
		k := checkKeywords[st.keyword]
		if k == nil {
			t.errorf(l.Pos, "'type' expects a kind of check, such as httpchk or tcp-check (got '%s')", strings.TrimPrefix(st.keyword, "option "))
			continue
		}
		t.apply(k, p, st, " in "+p.String())
	}
	if p.invalid = t.failedAfter(before); p.invalid {
		return
	}
	if p.check.module == "" {
		t.errorf(s.Pos, "%s has no type: expected a line 'type httpchk', 'type tcp-check' or another", p)
		return
	}
	t.warnUnusedRules(p)
}

// checkKeywords are the keywords of a healthcheck section: rules, and options as types.
var checkKeywords = newTable(checkingKeywords)

// checkOf returns the health check of a server: that of its healthcheck section, or else that of
// its backend.
func (t *translation) checkOf(p *proxy, n *server) *healthCheck {
	if s := t.checks[n.check.section]; s != nil {
		return &s.check
	}
	return &p.check
}

// validateCheckSection reports an unknown healthcheck section or protocol of a server.
func (t *translation) validateCheckSection(p *proxy, n *server) error {
	if name := n.check.section; name != "" && t.checks[name] == nil && !t.incomplete {
		return fmt.Errorf("unable to find healthcheck section '%s'%s", name, didYouMean(name, slices.Collect(maps.Keys(t.checks))))
	}
	if n.check.proto == "" {
		return nil
	}
	speaks := "none"
	if t.checkOf(p, n).module == httpScript {
		speaks = "h1"
	}
	return muxProtocol(n.check.proto, speaks)
}

// hasPort reports whether all connect steps have a port.
func (h *healthCheck) hasPort() bool {
	return h.connects() && !slices.ContainsFunc(h.rules.steps, func(s checkStep) bool {
		return s.Connect != nil && s.Connect.Port == 0 && !namesPort(s.Connect.Address)
	})
}

func namesPort(address string) bool {
	_, _, err := net.SplitHostPort(address)
	return err == nil
}

// warnUnusedRules warns of check rules that are not in effect.
func (t *translation) warnUnusedRules(p *proxy) {
	h := &p.check
	for _, of := range []struct {
		rules                *ruleset
		module, rule, option string
	}{{h.tcp, tcpScript, "tcp-check", "option tcp-check"}, {h.http, httpScript, "http-check", "option httpchk"}} {
		if of.rules != nil && h.module != of.module && len(of.rules.steps) > 0 && !of.rules.steps[0].fromHTTPChk {
			t.warnf(p.Pos, "%s uses %s rules without '%s', so the rules are ignored.", p, of.rule, of.option)
		}
	}
}
