// SPDX-License-Identifier: Apache-2.0

package httprules

import (
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// action is the action of a rule. If do returns an answer, it replaces the request or response; end
// stops the list of rules.
type action struct {
	requires required
	do       func(t *Transaction, r *Rule) (a *answer, end bool, err error)
}

// required is a set of rule fields that an action requires.
type required uint8

const (
	requiresName required = 1 << iota
	requiresValue
	requiresPattern
)

// deniedError is the error of a request that a rule denies.
type deniedError struct{ origin string }

func (e *deniedError) Error() string {
	if e.origin == "" {
		return "refused by a rule"
	}
	return "refused by " + e.origin
}

// actions holds the actions of rules by name.
var actions map[string]action

func init() {
	change := func(needs required, f func(t *Transaction, r *Rule)) action {
		return action{needs, func(t *Transaction, r *Rule) (*answer, bool, error) {
			f(t, r)
			return nil, false, nil
		}}
	}
	actions = map[string]action{
		"allow":  {0, func(*Transaction, *Rule) (*answer, bool, error) { return nil, true, nil }},
		"deny":   {0, deny},
		"tarpit": {0, tarpit},
		"return": {0, func(t *Transaction, r *Rule) (*answer, bool, error) {
			return r.Reply.answer(&t.input, http.StatusOK), true, nil
		}},
		"use_service": {0, func(_ *Transaction, r *Rule) (*answer, bool, error) {
			return &answer{service: r.service}, true, nil
		}},
		"reject":   {0, func(*Transaction, *Rule) (*answer, bool, error) { panic(http.ErrAbortHandler) }},
		"redirect": {0, redirect},

		"set_header":     change(requiresName|requiresValue, setHeader),
		"add_header":     change(requiresName|requiresValue, addHeader),
		"del_header":     change(requiresName, deleteHeader),
		"replace_header": change(requiresName|requiresValue|requiresPattern, replaceHeader),
		"replace_value":  change(requiresName|requiresValue|requiresPattern, replaceValue),

		"set_method":    change(requiresValue, func(t *Transaction, r *Rule) { t.request.Method = t.text(r) }),
		"set_path":      change(requiresValue, func(t *Transaction, r *Rule) { t.setPath(t.text(r)) }),
		"set_pathq":     change(requiresValue, func(t *Transaction, r *Rule) { t.setTarget(t.text(r)) }),
		"set_query":     change(requiresValue, func(t *Transaction, r *Rule) { t.setQuery(t.text(r)) }),
		"set_uri":       change(requiresValue, func(t *Transaction, r *Rule) { t.setTarget(t.text(r)) }),
		"replace_path":  change(requiresValue|requiresPattern, func(t *Transaction, r *Rule) { t.rewrite(r, t.path(), t.setPath) }),
		"replace_pathq": change(requiresValue|requiresPattern, func(t *Transaction, r *Rule) { t.rewrite(r, t.request.RequestURI, t.setTarget) }),
		"replace_uri":   change(requiresValue|requiresPattern, func(t *Transaction, r *Rule) { t.rewrite(r, t.request.RequestURI, t.setTarget) }),

		"set_status":  change(0, func(t *Transaction, r *Rule) { t.http.Status = r.Status }),
		"set_var":     change(requiresName|requiresValue, setVar),
		"set_var_fmt": change(requiresName|requiresValue, setVarFormat),

		"set_priority_class":  change(requiresValue, setPriority),
		"set_priority_offset": change(requiresValue, setPriority),

		"unset_var": change(requiresName, func(t *Transaction, r *Rule) { delete(t.variables, r.Name) }),
	}
}

// deny answers with the rule's reply, or with an error if the reply has no content of its own.
func deny(t *Transaction, r *Rule) (*answer, bool, error) {
	status := r.Reply.Status
	if status == 0 {
		status = http.StatusForbidden
		switch {
		case t.http.Status != 0:
			status = http.StatusBadGateway
		case r.Action == "tarpit":
			status = http.StatusInternalServerError
		}
	}
	if r.Reply.Plain {
		return r.Reply.answer(&t.input, status), true, nil
	}
	return nil, true, caddyhttp.Error(status, &deniedError{r.Origin})
}

// tarpit delays the client and then denies the request.
func tarpit(t *Transaction, r *Rule) (*answer, bool, error) {
	select {
	case <-time.After(time.Duration(r.Delay)):
	case <-t.request.Context().Done():
	}
	return deny(t, r)
}

func redirect(t *Transaction, r *Rule) (*answer, bool, error) {
	a := r.Redirect.answer(t)
	return a, a != nil, nil
}

// text returns the value of a rule.
func (t *Transaction) text(r *Rule) string { return r.value.String(&t.input) }

// rewrite replaces the part of text that the pattern matches by the rule's value, which may refer
// to groups as \1, and passes the result to set.
func (t *Transaction) rewrite(r *Rule, text string, set func(string)) {
	at := r.pattern.FindStringSubmatchIndex(text)
	if at == nil {
		return
	}
	value := t.text(r)
	var b strings.Builder
	b.WriteString(text[:at[0]])
	for i := 0; i < len(value); i++ {
		if value[i] != '\\' || i+1 == len(value) {
			b.WriteByte(value[i])
			continue
		}
		i++
		if group := int(value[i]) - '0'; group >= 0 && group <= 9 {
			if 2*group+1 < len(at) && at[2*group] >= 0 {
				b.WriteString(text[at[2*group]:at[2*group+1]])
			}
			continue
		}
		b.WriteByte(value[i])
	}
	b.WriteString(text[at[1]:])
	set(b.String())
}

// setPriority sets the class or the offset of the request in the queues.
func setPriority(t *Transaction, r *Rule) {
	if v, ok := t.Sample(r.expression); ok {
		t.priority.Set(r.Action, v)
	}
}

func setVar(t *Transaction, r *Rule) {
	if v, ok := t.Sample(r.expression); ok {
		t.setVariable(r.Name, v)
	}
}

func setVarFormat(t *Transaction, r *Rule) { t.setVariable(r.Name, sample.Text(t.text(r))) }
