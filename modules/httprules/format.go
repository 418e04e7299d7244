// SPDX-License-Identifier: Apache-2.0

package httprules

import (
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/patternfiles"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

func init() {
	caddy.RegisterModule(new(Format))
}

// Format matches requests for which a log format evaluates to a certain text. It is HAProxy's
// use_backend with a format in place of a name.
type Format struct {
	// Format is a log format. Required.
	Format string `json:"format"`

	// Value is the expected text.
	Value string `json:"value"`

	format *sample.Format
}

// CaddyModule returns the Caddy module information.
func (*Format) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.matchers.log_format",
		New: func() caddy.Module { return new(Format) },
	}
}

// Provision compiles the format.
func (f *Format) Provision(ctx caddy.Context) (err error) {
	if f.format, err = patternfiles.HTTPLoader(ctx).Format(f.Format); err != nil {
		return fmt.Errorf("log_format %q: %w", f.Format, err)
	}
	return nil
}

// MatchWithError reports whether a request matches.
func (f *Format) MatchWithError(r *http.Request) (bool, error) {
	return f.format.String(&Of(r).input) == f.Value, nil
}

// Interface guards
var (
	_ caddy.Provisioner                 = (*Format)(nil)
	_ caddyhttp.RequestMatcherWithError = (*Format)(nil)
)
