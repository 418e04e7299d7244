// SPDX-License-Identifier: Apache-2.0

// Package l4acl implements the matcher layer4.matchers.acl: HAProxy's ACLs over the first bytes of
// a connection. Fetches and converters are in package sample. In the rules of the passthrough
// handler, ACLs wait for bytes and become final as in HAProxy. In a caddy-l4 route the matcher has
// that package's limits: it sees at most 16 KiB, and no input is ever final, so wait_end is never
// true. Stick tables are found there by name; what connections track, and fetches about the process
// such as nbsrv, are refused.
package l4acl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/l4clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/patternfiles"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

func init() {
	caddy.RegisterModule(new(Matcher))
}

// Matcher matches connections for which all its terms are true. Terms are evaluated in order, and
// the first that is not true decides: a term that is still unknown holds up those after it. In JSON
// it is the array of its terms.
type Matcher struct {
	Terms []sample.Term `json:"-"`

	tables sample.Tables // in a route; nil if the terms need none, and in rules
}

// CaddyModule returns the Caddy module information.
func (*Matcher) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "layer4.matchers.acl",
		New: func() caddy.Module { return new(Matcher) },
	}
}

// Provision compiles the criteria and reads their files.
func (m *Matcher) Provision(ctx caddy.Context) error {
	if len(m.Terms) == 0 {
		return errors.New("acl: expected at least one term")
	}
	loader := patternfiles.Loader(ctx)
	for i := range m.Terms {
		t := &m.Terms[i]
		if err := t.Load(loader); err != nil {
			return fmt.Errorf("acl: term %d%s: %w", i+1, termName(t), err)
		}
		for k, acl := range t.ACLs() {
			if warning := acl.Warning(); warning != "" {
				ctx.Logger().Warn(warning, zap.String("acl", t.Name), zap.String("fetch", t.Any[k].Fetch))
			}
		}
		if err := m.provisionRoute(ctx, t); err != nil {
			return fmt.Errorf("acl: term %d%s: %w", i+1, termName(t), err)
		}
	}
	return nil
}

// termName returns the name of a term as errors show it after the term's number.
func termName(t *sample.Term) string {
	if t.Name == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", t.Name)
}

// NeedsRequest reports whether any term depends on bytes from the client. If not, waiting for them
// is pointless.
func (m *Matcher) NeedsRequest() bool {
	for i := range m.Terms {
		for _, acl := range m.Terms[i].ACLs() {
			if acl.NeedsRequest() {
				return true
			}
		}
	}
	return false
}

// Changes reports whether evaluating any term changes a counter; see sample.Expression.
func (m *Matcher) Changes() bool {
	return slices.ContainsFunc(m.Terms, func(t sample.Term) bool { return slices.ContainsFunc(t.ACLs(), (*sample.ACL).Changes) })
}

// Questions returns the terms' questions about the process; see sample.Expression.
func (m *Matcher) Questions() (all []sample.Question) {
	for i := range m.Terms {
		for _, acl := range m.Terms[i].ACLs() {
			all = append(all, acl.Questions()...)
		}
	}
	return all
}

// MatchInput evaluates the terms. It is safe for concurrent use.
func (m *Matcher) MatchInput(in *sample.Input) sample.Verdict {
	for i := range m.Terms {
		if verdict := m.Terms[i].Match(in); verdict != sample.Pass {
			return verdict
		}
	}
	return sample.Pass
}

// Match implements layer4.ConnMatcher, for the routes of caddy-l4. It asks for more bytes while the
// verdict is unknown.
func (m *Matcher) Match(cx *layer4.Connection) (bool, error) {
	in := Input(cx)
	if in.Tables == nil {
		in.Tables = m.tables
	}
	if m.NeedsRequest() {
		in.Hello = l4clienthello.Inspect(cx)
	}
	verdict := m.MatchInput(&in)
	if verdict == sample.Miss {
		return false, layer4.ErrConsumedAllPrefetchedBytes
	}
	return verdict == sample.Pass, nil
}

// MarshalJSON implements json.Marshaler.
func (m *Matcher) MarshalJSON() ([]byte, error) { return json.Marshal(m.Terms) }

// UnmarshalJSON implements json.Unmarshaler.
func (m *Matcher) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(&m.Terms)
}

// Interface guards
var (
	_ caddy.Module       = (*Matcher)(nil)
	_ caddy.Provisioner  = (*Matcher)(nil)
	_ layer4.ConnMatcher = (*Matcher)(nil)
)
