// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"go.uber.org/zap"
)

// advisePort80 logs a warning for each site whose option redirect or acme_to has no effect, since
// no route has the handler for the HTTP port. It is called when the configuration has been
// provisioned.
func (w *Wrapper) advisePort80(l *wrapperList, logger *zap.Logger) {
	if l.port80.Load() {
		return
	}
	for _, s := range w.Sites {
		var word string
		switch {
		case s.ACMETo != "":
			word = "acme_to"
		case s.Redirect && !w.redirects():
			word = "redirect"
		default:
			continue
		}
		logger.Warn(word+" has no effect: expected a site block http:// with the directive passthrough",
			zap.String("passthrough", s.Names[0]), zap.String("at", s.Origin.Block()))
	}
}

// redirects reports whether Caddy's automatic redirects apply to the wrapper's server: they end
// with one for all names.
func (w *Wrapper) redirects() bool {
	auto := w.server.AutoHTTPS
	return len(w.server.TLSConnPolicies) > 0 && (auto == nil || !auto.Disabled && !auto.DisableRedir)
}
