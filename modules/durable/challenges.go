// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"reflect"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddytls"
	"github.com/caddyserver/certmagic"
)

// FixChallenges makes the ACME issuers of a configuration listen for challenges at a host, where
// they were given a durable address. Caddy's adapter for Caddyfiles takes the address in bind and
// default_bind for a host, with its network, and each challenge would fail. It must be called
// before certificates are obtained.
func FixChallenges(ctx caddy.Context) {
	mod, _ := ctx.AppIfConfigured("tls")
	app, ok := mod.(*caddytls.TLS)
	if !ok || app.Automation == nil {
		return
	}
	for _, policy := range app.Automation.Policies {
		for _, issuer := range policy.Issuers {
			if acme, ok := issuer.(interface{ GetACMEIssuer() *caddytls.ACMEIssuer }); ok {
				fixChallenges(acme.GetACMEIssuer())
			}
		}
	}
}

func fixChallenges(issuer *caddytls.ACMEIssuer) {
	if issuer.Challenges == nil {
		return
	}
	network, host, found := strings.Cut(issuer.Challenges.BindHost, "/")
	solver := solverOf(issuer)
	if !found || !IsNetwork(network) || solver == nil || solver.ListenHost != issuer.Challenges.BindHost {
		return
	}
	if strings.Contains(host, "/") { // a Unix socket, or a descriptor
		host = ""
	}
	solver.ListenHost = strings.Trim(host, "[]")
}

// solverOf returns the issuer that solves challenges, which an issuer of Caddy does not export; nil
// if Caddy has changed.
func solverOf(issuer *caddytls.ACMEIssuer) *certmagic.ACMEIssuer {
	field := reflect.ValueOf(issuer).Elem().FieldByName("issuer")
	if !field.IsValid() || field.Type() != reflect.TypeFor[*certmagic.ACMEIssuer]() {
		return nil
	}
	return (*certmagic.ACMEIssuer)(field.UnsafePointer())
}
