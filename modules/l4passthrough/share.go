// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// maxShare is the highest weight of a share, as in Kubernetes' TLSRoute.
const maxShare = 1_000_000

// Share is the part of a rule's connections that a backend gets. It corresponds to a weighted
// backendRef of Kubernetes' TLSRoute.
type Share struct {
	// Name is the backend's.
	Name string `json:"name"`

	// Weight is its part in relation to the sum of all, 0 to 1000000; with 0 it gets no connections.
	// Default: 1.
	Weight *int `json:"weight,omitempty"`
}

func (s *Share) weight() int {
	if s == nil || s.Weight == nil {
		return 1
	}
	return *s.Weight
}

// String returns the share as in a Caddyfile.
func (s *Share) String() string {
	if s == nil {
		return "null"
	}
	return s.Name + "=" + strconv.Itoa(s.weight())
}

func sharesText(shares []*Share) string {
	var all []string
	for _, s := range shares {
		all = append(all, s.String())
	}
	return strings.Join(all, " ")
}

// validateShares checks shares without their backends.
func validateShares(shares []*Share) error {
	sum, seen := 0, make(map[string]bool)
	for i, s := range shares {
		switch {
		case s == nil || s.Name == "":
			return fmt.Errorf("share %d: it has no name", i+1)
		case s.weight() < 0 || s.weight() > maxShare:
			return fmt.Errorf("backend %q: weight %d: expected a whole number from 0 to %d", s.Name, s.weight(), maxShare)
		case seen[s.Name]:
			return fmt.Errorf("backend %q has two shares: expected one", s.Name)
		}
		seen[s.Name] = true
		sum += s.weight()
	}
	if sum == 0 {
		return errors.New("no share has a weight above 0")
	}
	return nil
}

// splitTarget finds the backends of shares.
func splitTarget(app *balancer.App, shares []*Share) (t frontend.Target, err error) {
	if err := validateShares(shares); err != nil {
		return t, fmt.Errorf("backends: %w", err)
	}
	var backends []*balancer.Backend
	var weights []int
	for _, s := range shares {
		b, err := app.Backend(s.Name)
		if err != nil {
			return t, fmt.Errorf("backends: %w", err)
		}
		backends, weights = append(backends, b), append(weights, s.weight())
	}
	return frontend.ToSplit(backends, weights), nil
}

// parseUseBackendSplit parses "use_backend_split BACKEND=WEIGHT… [MATCHER …]".
func (h *Handler) parseUseBackendSplit(d *caddyfile.Dispenser) error {
	r := new(Rule)
	for d.NextArg() {
		name, weight, ok := strings.Cut(d.Val(), "=")
		if !ok {
			d.Prev()
			break
		}
		if err := options.Wrap(d, balancer.ValidateWrittenName(name)); err != nil {
			return err
		}
		n, err := strconv.Atoi(weight)
		if err != nil {
			return d.Errf("use_backend_split: %q: expected BACKEND=WEIGHT, such as web=90", d.Val())
		}
		r.Backends = append(r.Backends, &Share{name, &n})
	}
	if len(r.Backends) == 0 {
		return d.Err("use_backend_split: expected BACKEND=WEIGHT for each backend, such as web=90 canary=10")
	}
	if err := validateShares(r.Backends); err != nil {
		return d.Errf("use_backend_split: %w", err)
	}
	return h.parseRule(d, r)
}
