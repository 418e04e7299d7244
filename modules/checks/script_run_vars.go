// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// hasCheckScope reports whether a variable of this name can have a value in a check. Variables of
// the scopes of a connection cannot, since there is no client.
func hasCheckScope(name string) bool {
	scope, _, _ := strings.Cut(name, ".")
	return scope == "check" || scope == "sess"
}

// input returns the input for the script's expressions.
func (r *scriptRun) input() *sample.Input {
	about := sample.CheckInput{Received: r.received}
	if s := r.target.Subject; s != nil {
		about.Backend, about.Server = s.Backend, s.Server
	}
	if r.response != nil {
		about.Received, about.Response = nil, &r.response.CheckResponse
		about.Response.Body = r.received
	}
	return &sample.Input{Final: true, Check: &about, Var: func(name string) (sample.Value, bool) {
		v, ok := r.vars[name]
		return v, ok
	}}
}

// assignVariable runs a step that sets or unsets a variable.
func (r *scriptRun) assignVariable(s *Step) {
	if s.Unset != "" {
		delete(r.vars, s.Unset)
	}
	if s.Set == nil {
		return
	}
	var value sample.Value
	if s.Set.format != nil {
		value = sample.Text(s.Set.format.String(r.input()))
	} else {
		v, verdict := s.Set.value.Eval(r.input())
		if verdict != sample.Pass {
			return
		}
		value = v.Clone() // the value must not keep the received bytes alive
	}
	if r.vars == nil {
		r.vars = make(map[string]sample.Value)
	}
	r.vars[s.Set.Var] = value
}
