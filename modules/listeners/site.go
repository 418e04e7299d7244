// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/net/idna"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
)

// Site is a set of names whose connections are passed through to the same servers.
type Site struct {
	// Names lists the server names: a name, *.NAME for one label before it, .NAME for any number of
	// labels, or +.NAME for those and NAME itself. A name outside of ASCII is converted to its xn--
	// form. Required.
	Names []string `json:"names,omitempty"`

	// BackendName is the name of a backend of the app passthrough. Required, unless the site has
	// servers of its own.
	BackendName string `json:"backend,omitempty"`

	// Redirect answers requests for the names at the HTTP port by a redirect to HTTPS. See
	// http.handlers.passthrough_http.
	Redirect bool `json:"redirect,omitempty"`

	// ACMETo is the address, HOST:PORT, that answers ACME's HTTP challenges for the names; HOST has
	// port 80, and :PORT is a port of the servers. Default: port 80 of the servers. See
	// http.handlers.passthrough_http.
	ACMETo string `json:"acme_to,omitempty"`

	// Backend holds the options of the site's own backend, which is named after the site's first name.
	balancer.Backend

	patterns []string // the names in normal form
	backend  *balancer.Backend
}

// provision checks the names and finds the backend. name is that of a backend of its own.
func (s *Site) provision(ctx caddy.Context, app *balancer.App, name string) (err error) {
	if len(s.Names) == 0 {
		return errors.New("a site without names: expected names, such as git.example.com")
	}
	s.patterns = nil
	for _, n := range s.Names {
		pattern, err := normalizeName(caddy.NewReplacer().ReplaceKnown(n, ""))
		if err != nil {
			return fmt.Errorf("passthrough: %w", err)
		}
		s.patterns = append(s.patterns, pattern)
	}
	if s.backend, err = s.findBackend(ctx, app, name); err == nil {
		err = s.validateACMETo()
	}
	if err != nil {
		return fmt.Errorf("passthrough %s: %w", s.Names[0], err)
	}
	return nil
}

// findBackend returns the backend of the site.
func (s *Site) findBackend(ctx caddy.Context, app *balancer.App, name string) (*balancer.Backend, error) {
	if err := s.validateBackend(); err != nil {
		return nil, err
	}
	if s.BackendName != "" {
		return app.Backend(s.BackendName)
	}
	return &s.Backend, app.AddBackend(ctx, name, &s.Backend)
}

// validateBackend returns an error unless the site has one backend.
func (s *Site) validateBackend() error {
	switch own := !s.Backend.Empty(); {
	case own && s.BackendName != "":
		return fmt.Errorf("it has backend %q and options of a backend of its own (servers, balance ...): expected one of the two", s.BackendName)
	case s.BackendName == "" && len(s.Servers) == 0 && s.Backend.Site == "":
		return errors.New("no server for its connections: expected an address, such as 10.0.0.5:443, or backend NAME")
	}
	return nil
}

// normalizeName returns a name in the form of package names.
func normalizeName(name string) (string, error) {
	kind, host := splitKind(name)
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return "", fmt.Errorf("name %q: TLS clients send no IP address as the server name (RFC 6066, section 3): expected a name; an address of a server has a port, as in %s:443", name, host)
	}
	if !isASCII(host) {
		ascii, err := idna.ToASCII(host)
		if err != nil {
			return "", fmt.Errorf("name %q: expected a name that has an ASCII form: %w", name, err)
		}
		name = kind + ascii
	}
	return names.Validate(name)
}

// splitKind splits the prefix that makes a pattern of a name from it.
func splitKind(name string) (kind, host string) {
	for _, kind := range []string{"*.", "+.", "."} {
		if host, ok := strings.CutPrefix(name, kind); ok {
			return kind, host
		}
	}
	return "", name
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}
