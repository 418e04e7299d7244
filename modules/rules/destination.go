// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Resolver looks up names.
type Resolver interface {
	// Resolve returns an address of a name. The verdict is Pass; Fail if the name has no address; or
	// Miss if the lookup takes time and the caller must not wait: then Decide is to be called again
	// where Resolve may wait.
	Resolve(l Lookup) (netip.Addr, sample.Verdict)
}

// Lookup holds the arguments of do_resolve.
type Lookup struct {
	Name      string
	Resolvers string        // their name; "": the system's
	Prefer    string        // ipv4, ipv6 or empty
	Delay     time.Duration // for which the rules may wait; 0: no limit of their own
}

// families are the values of Prefer.
var families = []string{"ipv4", "ipv6"}

// resolve performs the action do_resolve. It reports whether it waits for the lookup.
func (r *Rule) resolve(v *View) (waits bool) {
	in := v.Input
	in.Final = true // as for set_var
	name, verdict := r.value.Eval(&in)
	if verdict != sample.Pass || v.Resolver == nil {
		return false
	}
	address, verdict := v.Resolver.Resolve(Lookup{Name: name.String(), Resolvers: r.Resolvers, Prefer: r.Prefer, Delay: r.delay})
	if verdict == sample.Pass {
		v.SetVar(r.Var, sample.Address(address))
	}
	v.LooksUp = verdict == sample.Miss
	return v.LooksUp
}

// compileDestination compiles the value of set_dst or set_dst_port: an address, a port or an
// expression.
func compileDestination(loader *sample.Loader, action Action, value string) (*sample.Expression, error) {
	e, err := loader.Expression(value)
	switch {
	case err != nil:
		return nil, err
	case action == setDst && !e.CastsToAddress():
		return nil, fmt.Errorf("%s: expected an expression whose value is an address", value)
	case action == setDstPort && !e.CastsToInteger():
		return nil, fmt.Errorf("%s: expected an expression whose value is a number", value)
	}
	return e, nil
}

// setDestination performs the actions set_dst and set_dst_port.
func (r *Rule) setDestination(v *View) {
	in := v.Input
	in.Final = true // as for set_var
	value, verdict := r.value.Eval(&in)
	if verdict != sample.Pass {
		return
	}
	before := v.Destination
	if r.action == setDst {
		address, ok := value.AsAddress()
		if !ok {
			return
		}
		v.Destination = netip.AddrPortFrom(address, before.Port())
	} else {
		port, ok := value.AsInteger()
		if !ok {
			return
		}
		address := before.Addr()
		if !address.IsValid() { // a client without an IP address
			address = netip.IPv4Unspecified()
		}
		v.Destination = netip.AddrPortFrom(address, uint16(port)) // cut as in HAProxy
	}
	v.Redirected, v.Chosen = true, v.Chosen || !r.value.Configured()
}

// parseResolve parses "<variable> <expression> [resolvers <name>] [prefer ipv4|ipv6]".
func (r *Rule) parseResolve(d *caddyfile.Dispenser) error {
	if !d.Args(&r.Var, &r.Value) {
		return d.Err("expected do_resolve NAME EXPRESSION")
	}
	for d.NextArg() {
		to := map[string]*string{"resolvers": &r.Resolvers, "prefer": &r.Prefer}[d.Val()]
		if to == nil {
			d.Prev()
			return nil
		}
		if option := d.Val(); !d.Args(to) {
			return d.Errf("do_resolve: expected a word after %s", option)
		}
	}
	return nil
}

// Resolvers returns the names of the resolvers that rules ask, without that of the system.
func (c *Config) Resolvers() (all []string) {
	if c == nil {
		return nil
	}
	for _, r := range c.Rules {
		if r.Resolvers != "" {
			all = append(all, r.Resolvers)
		}
	}
	return all
}
