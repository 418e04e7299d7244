// SPDX-License-Identifier: Apache-2.0

package httprules

import (
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/patternfiles"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

func init() {
	caddy.RegisterModule(new(Condition))
}

// Condition is an HAProxy condition, after if or unless. As the matcher acl it matches requests.
type Condition struct {
	// Section is the name of its section, for expressions without a name.
	Section string `json:"section,omitempty"`

	sample.Condition
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
	if err := c.Load(patternfiles.HTTPLoader(ctx)); err != nil {
		ctx.Logger().Error("acl", zap.Error(err))
		return fmt.Errorf("acl: %w", err)
	}
	return nil
}

// MatchWithError reports whether a request matches.
func (c *Condition) MatchWithError(r *http.Request) (bool, error) {
	t := Of(r)
	t.section = c.Section
	return c.Match(&t.input), nil
}

// Interface guards
var (
	_ caddy.Provisioner                 = (*Condition)(nil)
	_ caddyhttp.RequestMatcherWithError = (*Condition)(nil)
)
