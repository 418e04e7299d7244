// SPDX-License-Identifier: Apache-2.0

package httprules

import (
	"net/http"
	"net/url"
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
		"unset_var":   change(requiresName, func(t *Transaction, r *Rule) { delete(t.variables, r.Name) }),
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

// headers returns the headers that a rule changes: those of the response, once there is one.
func (t *Transaction) headers() http.Header {
	if t.http.Header != nil {
		return t.http.Header
	}
	return t.request.Header
}

// isHost reports whether name is the request's Host, which net/http keeps apart from the headers.
func (t *Transaction) isHost(name string) bool {
	return t.http.Header == nil && strings.EqualFold(name, "Host")
}

func setHeader(t *Transaction, r *Rule) {
	if t.isHost(r.Name) {
		t.request.Host = t.text(r)
		return
	}
	value := t.text(r) // evaluated before the header is replaced
	t.headers()[http.CanonicalHeaderKey(r.Name)] = []string{value}
}

func addHeader(t *Transaction, r *Rule) {
	if t.isHost(r.Name) && t.request.Host == "" {
		t.request.Host = t.text(r)
		return
	}
	t.headers().Add(r.Name, t.text(r))
}

func deleteHeader(t *Transaction, r *Rule) {
	name := strings.ToLower(r.Name)
	for known := range t.headers() {
		other := strings.ToLower(known)
		matches := other == name
		switch r.Method {
		case "beg":
			matches = strings.HasPrefix(other, name)
		case "end":
			matches = strings.HasSuffix(other, name)
		case "sub":
			matches = strings.Contains(other, name)
		case "reg":
			matches = r.pattern.MatchString(other)
		}
		if matches {
			delete(t.headers(), known)
		}
	}
}

// replaceHeader changes the matching lines of a header.
func replaceHeader(t *Transaction, r *Rule) {
	if t.isHost(r.Name) {
		t.rewrite(r, t.request.Host, func(to string) { t.request.Host = to })
		return
	}
	lines := t.headers()[http.CanonicalHeaderKey(r.Name)]
	for i := range lines {
		t.rewrite(r, lines[i], func(to string) { lines[i] = to })
	}
}

// replaceValue changes the matching values of a header, which are separated by commas.
func replaceValue(t *Transaction, r *Rule) {
	if t.isHost(r.Name) {
		replaceHeader(t, r)
		return
	}
	lines := t.headers()[http.CanonicalHeaderKey(r.Name)]
	for i := range lines {
		values := strings.Split(lines[i], ",")
		for k, value := range values {
			trimmed := strings.Trim(value, " \t")
			t.rewrite(r, trimmed, func(to string) { values[k] = to })
		}
		lines[i] = strings.Join(values, ",")
	}
}

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

// path returns the path of the target, as sent by the client.
func (t *Transaction) path() string {
	path, _, _ := strings.Cut(t.request.RequestURI, "?")
	if _, after, absolute := strings.Cut(path, "://"); absolute && !strings.HasPrefix(path, "/") {
		if slash := strings.IndexByte(after, '/'); slash >= 0 {
			return after[slash:]
		}
		return "/"
	}
	return path
}

func (t *Transaction) setPath(path string) {
	_, query, has := strings.Cut(t.request.RequestURI, "?")
	if has {
		path += "?" + query
	}
	t.setTarget(path)
}

func (t *Transaction) setQuery(query string) {
	path, _, _ := strings.Cut(t.request.RequestURI, "?")
	if query != "" {
		path += "?" + strings.TrimPrefix(query, "?")
	}
	t.setTarget(path)
}

// setTarget changes the target of the request.
func (t *Transaction) setTarget(target string) {
	u, err := url.ParseRequestURI(target)
	if err != nil { // sent unchanged, as in HAProxy
		path, query, _ := strings.Cut(target, "?")
		u = &url.URL{Path: path, RawQuery: query}
	}
	t.request.RequestURI = target
	t.request.URL.Path, t.request.URL.RawPath, t.request.URL.RawQuery, t.request.URL.ForceQuery = u.Path, u.RawPath, u.RawQuery, u.ForceQuery
}

func setVar(t *Transaction, r *Rule) {
	if v, ok := t.Sample(r.expression); ok {
		t.setVariable(r.Name, v)
	}
}

func setVarFormat(t *Transaction, r *Rule) { t.setVariable(r.Name, sample.Text(t.text(r))) }
