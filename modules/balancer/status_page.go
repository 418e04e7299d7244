// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// StatusPage configures the status page at /passthrough/ of Caddy's admin endpoint.
type StatusPage struct {
	// AllowControl lets readers change servers and frontends and end sessions, as other routes of the
	// admin endpoint do. Default: the page only shows.
	AllowControl bool `json:"allow_control,omitempty"`
}

// AdminPage returns the configuration of the page at the admin endpoint that is in effect.
func AdminPage() StatusPage {
	if a := serving.Load(); a != nil {
		return a.StatusPage
	}
	return StatusPage{}
}

// parseStatusPage parses the block of the option status_page. Syntax:
//
//	status_page {
//		allow_control
//	}
func (a *App) parseStatusPage(d *caddyfile.Dispenser) error {
	return options.Table{"allow_control": options.Flag(&a.StatusPage.AllowControl)}.ParseBlock(d)
}
