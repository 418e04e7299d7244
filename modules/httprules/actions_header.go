// SPDX-License-Identifier: Apache-2.0

package httprules

import (
	"net/http"
	"strings"
)

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
