// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/httpbackend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// addUse reads "use_backend NAME|FORMAT [if|unless CONDITION]".
func addUse(t *translation, p *proxy, s statement) {
	if len(s.args) == 0 {
		t.errorf(s.Pos, "'use_backend' expects a backend name")
		return
	}
	u := useRule{reference: reference{s.Pos, s.args[0]}}
	err := t.readTargetName(p, s, t.loaderFor(p), &u)
	if err != nil {
		t.errorf(s.Pos, "'use_backend' in %s: failed to parse the backend's name '%s': %v", p, u.name, err)
		return
	}
	if len(s.args) > 1 && !haproxyfile.BeginsCondition(s.args[1]) {
		t.errorf(s.Pos, "unexpected keyword '%s' after switching rule, only 'if' and 'unless' are allowed, in %s", s.args[1], p)
		return
	}
	if u.cond, err = t.condition(p, s, s.args[1:]); err != nil {
		t.errorf(s.Pos, "'use_backend' in %s: error detected while parsing switching rule : %v", p, err)
		return
	}
	if u.cond.needs(sample.NeedsBackend) {
		t.warnf(s.Pos, "a condition of 'use_backend' needs the backend, which has not been chosen at that point: it will never match")
	}
	p.useBackend = append(p.useBackend, u)
}

// readTargetName reads the name in a rule, which may be a log format.
func (t *translation) readTargetName(p *proxy, s statement, loader *sample.Loader, u *useRule) error {
	if !strings.Contains(u.name, "%") {
		return nil
	}
	u.dynamic = true
	name, f, err := t.readFormat(loader, u.name)
	if err != nil {
		return unavailable(err)
	}
	if w := f.Warning(); w != "" {
		t.warnf(s.Pos, "'%s %s': %s", s.keyword, u.name, w)
	}
	t.addExpressionQuestions(p, s.Pos, sampleFetch, s.keyword+" expression", f.Questions())
	u.name = name
	return nil
}

func setDefaultBackend(t *translation, p *proxy, s statement) {
	switch {
	case len(s.args) == 0:
		t.errorf(s.Pos, "'default_backend' expects a backend name")
	case len(s.args) > 1:
		t.errorf(s.Pos, "'default_backend' cannot handle unexpected argument '%s'", s.args[1])
	default:
		p.defaultBackend = reference{s.Pos, s.args[0]}
	}
}

// setRedispatch reads "option redispatch [N]". 0 turns it off.
func setRedispatch(t *translation, p *proxy, s statement) {
	if s.not {
		p.redispatch = 0
		return
	}
	if len(s.args) == 0 {
		p.redispatch = -1
		return
	}
	n, negative := strings.CutPrefix(s.args[0], "-")
	if _, err := haproxyfile.ParseUint(n, 0, 100); err != nil {
		t.errorf(s.Pos, "'option redispatch' expects a whole number from -100 to 100 but got '%s'", s.args[0])
		return
	}
	p.redispatch = integer(n)
	if negative {
		p.redispatch = -p.redispatch
	}
}

// retryOn reads "retry-on WORD ...". In mode tcp, only failed connects are retried.
func retryOn(t *translation, p *proxy, s statement) {
	p.retryOn = nil
	for _, word := range s.args {
		status, err := strconv.Atoi(word)
		switch {
		case word == "none" && !p.isHTTP():
			p.retries = new(0)
		case word == "conn-failure" || word == "none":
		case slices.Contains([]string{"empty-response", "junk-response", "response-timeout", "all-retryable-errors"}, word), err == nil && slices.Contains(httpbackend.RetryableStatuses, status):
			if !p.isHTTP() {
				t.warnf(s.Pos, "'retry-on %s' is ignored: only failed connects are retried in mode tcp, as in HAProxy", word)
			}
		case word == "0rtt-rejected":
			t.notice(s.Pos, ignored, "no early data is sent to servers", word)
			continue
		default:
			t.errorf(s.Pos, "'retry-on': unknown keyword '%s'; expected 'none', 'conn-failure', 'empty-response', 'junk-response', 'response-timeout', 'all-retryable-errors' or a status", word)
		}
		p.retryOn = append(p.retryOn, underscores(word))
	}
}

// oneMode expects the name of a mode.
func oneMode(args []string) error {
	if err := oneOf("tcp", "http", "health", "log", "syslog", "spop")(args); err != nil {
		return fmt.Errorf(": unknown proxy mode '%s': expected tcp or http", strings.Join(args, " "))
	}
	return atMost(1)(args)
}

func setMode(t *translation, p *proxy, s statement) {
	switch p.mode = s.args[0]; p.mode {
	case "tcp", "http":
	default:
		t.errorf(s.Pos, "'mode %s' in %s: expected 'tcp' or 'http'", p.mode, p)
	}
}

// defaultBackendOf returns the backend for connections that no rule takes: that of default_backend,
// or the section itself.
func (t *translation) defaultBackendOf(p *proxy) string {
	switch {
	case p.defaultBackend.name != "":
		return p.defaultBackend.name
	case p.isBackend():
		return p.name
	default:
		return ""
	}
}
