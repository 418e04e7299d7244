// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"strings"

	"go.uber.org/zap"
)

// inert is an option that is accepted and does nothing yet.
type inert struct {
	name  string
	given bool
}

// inertOptions are those of the backend and of its servers, in order.
func (b *Backend) inertOptions() (names []string) {
	list := []inert{
		{"check", b.Check != nil},
		{"agent", b.Agent != nil},
		{"timeouts.check", b.Timeouts.Check != 0},
	}
	for _, s := range b.Servers {
		list = append(list, s.inertOptions()...)
	}
	seen := make(map[string]bool)
	for _, o := range list {
		if o.given && !seen[o.name] {
			seen[o.name] = true
			names = append(names, o.name)
		}
	}
	return names
}

func (s *Server) inertOptions() []inert {
	return []inert{
		{"check", s.Check != nil},
		{"agent", s.Agent != nil},
		{"track", s.Track != ""},
		{"init_state", s.InitState != ""},
		{"on_marked_down", s.OnMarkedDown != ""},
		{"on_marked_up", s.OnMarkedUp != ""},
		{"observe", s.Observe != ""},
		{"error_limit", s.ErrorLimit != 0},
		{"on_error", s.OnError != ""},
	}
}

// warnInert tells once of all options that do nothing yet.
func (b *Backend) warnInert(logger *zap.Logger) {
	if names := b.inertOptions(); len(names) > 0 {
		logger.Warn("not in effect yet: "+strings.Join(names, ", "), zap.String("backend", b.name))
	}
}
