// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddytls"
	"go.uber.org/zap"
)

// warnCovered logs a warning for each site whose names a certificate of this process covers, as far
// as those that are loaded from files tell. Browsers send requests for such names on connections to
// the http server's own sites, where they get status 421.
func (w *Wrapper) warnCovered(ctx caddy.Context) {
	if _, err := ctx.App("tls"); err != nil {
		return // the http app reports it
	}
	for _, s := range w.Sites {
		for _, pattern := range s.patterns {
			if covering := coveringNames(pattern); covering != nil {
				ctx.Logger().Warn("a certificate for own sites is valid for a name that is passed through: browsers may send its requests to own sites, which answer 421 and cost a round trip; use a certificate without the name",
					zap.String("passthrough", pattern), zap.Strings("certificate", covering), zap.String("at", s.Origin.Block()))
			}
		}
	}
}

// coveringNames returns the names, 10 at most, of a certificate of the process that is valid for
// names that a pattern matches; nil if no certificate is.
func coveringNames(pattern string) []string {
	kind, host := splitKind(pattern)
	subjects := []string{host}
	switch kind {
	case "*.", ".":
		subjects = []string{"*." + host}
	case "+.":
		subjects = []string{host, "*." + host}
	}
	for _, subject := range subjects {
		for _, c := range caddytls.AllMatchingCertificates(subject) {
			if covers(c.Names, subject) {
				return c.Names[:min(len(c.Names), 10)]
			}
		}
	}
	return nil
}

// covers reports whether a certificate of some names is valid for a name.
func covers(names []string, name string) bool {
	_, parent, _ := strings.Cut(name, ".")
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) || strings.EqualFold(n, "*."+parent) })
}
