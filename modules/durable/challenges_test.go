// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddytls"
	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// Caddy's issuer has the issuer of certmagic in a field, and the host of a durable address is that
// of challenges.
func TestFixChallenges(t *testing.T) {
	for bindHost, want := range map[string]string{
		"durable/":                "",
		"durable/127.0.0.1":       "127.0.0.1",
		"durable/[::1]":           "::1",
		"durable6/":               "",
		"durable+shared/10.0.0.1": "10.0.0.1",
		"durable/unix//run/x":     "",
		"127.0.0.1":               "127.0.0.1",
		"tcp/127.0.0.1":           "tcp/127.0.0.1", // not ours
	} {
		ctx, err := caddy.ProvisionContext(new(caddy.Config))
		if err != nil {
			t.Fatal(err)
		}
		issuer := &caddytls.ACMEIssuer{Challenges: &caddytls.ChallengesConfig{BindHost: bindHost}}
		if err := issuer.Provision(ctx); err != nil {
			t.Fatal(err)
		}
		issuer.SetConfig(&certmagic.Config{Logger: zap.NewNop()})
		fixChallenges(issuer)
		solver := solverOf(issuer)
		if solver == nil {
			t.Fatal("after an upgrade of Caddy, caddytls.ACMEIssuer has no field issuer of the type *certmagic.ACMEIssuer: see FixChallenges")
		}
		if solver.ListenHost != want {
			t.Errorf("%s: challenges are listened for on %q, want %q", bindHost, solver.ListenHost, want)
		}
	}
}
