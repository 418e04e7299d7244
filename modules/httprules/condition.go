// SPDX-License-Identifier: Apache-2.0

package httprules

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

func init() {
	caddy.RegisterModule(new(Condition))
}

// Condition is what stands behind if or unless in HAProxy. As the matcher acl it
// matches requests.
type Condition struct {
	// Section is the name of the section that it stands in, for expressions that ask
	// about it.
	Section string `json:"section,omitempty"`

	// Unless has the condition be true where it would be false.
	Unless bool `json:"unless,omitempty"`

	// Any are groups, one of which must be true: all terms of it.
	Any [][]Term `json:"any"`
}

// Term is an ACL, named or anonymous, or what several ACLs of one name ask together.
type Term struct {
	// Name is that of the ACL, for readers of the configuration.
	Name string `json:"name,omitempty"`

	// Not has the term be true where it would be false. It is HAProxy's "!".
	Not bool `json:"not,omitempty"`

	// Any are criteria, one of which must be true. Required.
	Any []sample.Criterion `json:"any"`

	acls []*sample.ACL
}

// CaddyModule returns the Caddy module information.
func (*Condition) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.matchers.acl",
		New: func() caddy.Module { return new(Condition) },
	}
}

// Provision compiles the criteria and reads their files.
func (c *Condition) Provision(ctx caddy.Context) error {
	if err := c.provision(&sample.Loader{HTTP: true}); err != nil {
		ctx.Logger().Error("acl", zap.Error(err))
		return fmt.Errorf("acl: %w", err)
	}
	return nil
}

func (c *Condition) provision(loader *sample.Loader) error {
	if c == nil {
		return nil
	}
	for _, group := range c.Any {
		for i := range group {
			if err := group[i].provision(loader); err != nil {
				return fmt.Errorf("term %q: %w", group[i].Name, err)
			}
		}
	}
	return nil
}

func (t *Term) provision(loader *sample.Loader) error {
	if len(t.Any) == 0 {
		return errors.New("it asks nothing: expected at least one criterion in any")
	}
	for _, c := range t.Any {
		acl, err := loader.Criterion(c)
		if err != nil {
			return err
		}
		t.acls = append(t.acls, acl)
	}
	return nil
}

// matches reports whether the condition is true; none is.
func (c *Condition) matches(in *sample.Input) bool {
	if c == nil {
		return true
	}
	for _, group := range c.Any {
		if allMatch(group, in) {
			return !c.Unless
		}
	}
	return c.Unless
}

func allMatch(group []Term, in *sample.Input) bool {
	for i := range group {
		if group[i].matches(in) == group[i].Not {
			return false
		}
	}
	return true
}

func (t *Term) matches(in *sample.Input) bool {
	for _, acl := range t.acls {
		if acl.Match(in) == sample.Pass {
			return true
		}
	}
	return false
}

// MatchWithError reports whether a request matches.
func (c *Condition) MatchWithError(r *http.Request) (bool, error) {
	t := Of(r)
	t.section = c.Section
	return c.matches(&t.input), nil
}

// Interface guards
var (
	_ caddy.Provisioner                 = (*Condition)(nil)
	_ caddyhttp.RequestMatcherWithError = (*Condition)(nil)
)
