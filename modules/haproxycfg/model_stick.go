// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
)

// stickRule is a stick line.
type stickRule struct {
	haproxyfile.Pos
	action, key, table string // as in stick.Rule
	cond               *condition
	expression         *sample.Expression
}

// stickData are the data that a stick rule can use. Those of the client are gone when the server
// answers.
var stickData = map[string]sample.Needs{
	stick.On: sample.NeedsRequest | sample.NeedsBackend, stick.Match: sample.NeedsRequest | sample.NeedsBackend,
	stick.StoreRequest:  sample.NeedsRequest | sample.NeedsBackend,
	stick.StoreResponse: sample.NeedsBackend | sample.NeedsServer | sample.NeedsResponse,
}

// addStick reads "stick ACTION EXPRESSION [table TABLE] [if|unless CONDITION]".
func addStick(t *translation, p *proxy, s statement) {
	if p.isHTTP() {
		t.errorf(s.Pos, "'%s' in %s: it is not available in mode http: expected balance source, or a hash of what tells clients apart", s.keyword, p)
		return
	}
	_, action, _ := strings.Cut(s.keyword, " ")
	r, err := t.stickRule(p, s, underscores(action))
	if err != nil {
		t.errorf(s.Pos, "'%s': %v", s.keyword, err)
		return
	}
	p.stick = append(p.stick, r)
}

func (t *translation) stickRule(p *proxy, s statement, action string) (r stickRule, err error) {
	r.Pos, r.action = s.Pos, action
	if len(s.args) == 0 {
		return r, fmt.Errorf("missing fetch method, in %s", p)
	}
	text := s.args[0]
	if action == stick.StoreResponse {
		text = aboutResponse(text)
	}
	if r.key, r.expression, err = t.readExpression(t.loader, text); err != nil {
		return r, unavailable(err)
	}
	if lacks := r.expression.Needs() &^ stickData[action]; lacks != 0 {
		return r, fmt.Errorf("fetch method '%s' extracts information from '%s', none of which is available here", s.args[0], lacks)
	}
	t.addExpressionQuestions(p, s.Pos, sampleFetch, s.keyword+" rule", r.expression.Questions())
	rest := s.args[1:]
	if len(rest) > 1 && rest[0] == "table" {
		r.table, rest = rest[1], rest[2:]
	}
	if len(rest) > 0 && !haproxyfile.BeginsCondition(rest[0]) {
		return r, fmt.Errorf("unknown keyword '%s'", rest[0])
	}
	if r.cond, err = t.condition(p, s, rest); err != nil {
		return r, fmt.Errorf("error detected while parsing sticking condition : %w", err)
	}
	return r, nil
}

// aboutResponse returns an expression about the response. The names without a prefix are those of
// either direction.
func aboutResponse(text string) string {
	if strings.HasPrefix(text, "payload(") || strings.HasPrefix(text, "payload_lv(") {
		return "res." + text
	}
	return text
}

// validateStick reports stick rules whose table does not exist, or has keys of another type.
func (t *translation) validateStick(p *proxy) {
	for _, r := range p.stick {
		name := cmp.Or(r.table, p.name)
		switch table := t.tables[name]; {
		case table == nil && t.incomplete:
		case table == nil:
			t.errorf(r.Pos, "Proxy '%s': unable to find stick-table '%s'%s", p.name, name, suggestionOrDot(name, t.tables))
		case !r.expression.KeyOf(table.keyType()):
			t.errorf(r.Pos, "Proxy '%s': type of fetch not usable with type of stick-table '%s': its keys have the type %s", p.name, name, table.Type)
		}
	}
}
