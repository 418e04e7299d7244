// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/l4acl"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/patternfiles"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// UseServer assigns matching connections to a server.
type UseServer struct {
	// Server is the name of a server of the backend. It may have placeholders of the connection such
	// as {l4.client_hello.sni}: if the result is not the name of a server, the policy picks one and
	// later rules are skipped.
	Server string `json:"server,omitempty"`

	// ServerFormat computes the name of the server, instead of Server: text with sample expressions
	// such as %[req.ssl_sni,field(1,.)]. If the result is not the name of a server, the policy picks
	// one and later rules are skipped.
	ServerFormat string `json:"server_format,omitempty"`

	// MatcherSetsRaw are sets of layer4 matchers: the rule matches if all matchers of one set do.
	// Without a set it always matches.
	MatcherSetsRaw []caddy.ModuleMap `json:"match,omitempty" caddy:"namespace=layer4.matchers"`

	// UnlessRaw negates the sets, and is used instead of match: the rule matches unless one of the
	// sets does.
	UnlessRaw []caddy.ModuleMap `json:"unless,omitempty" caddy:"namespace=layer4.matchers"`

	condition rules.Condition
	format    *sample.Format
}

func (b *Backend) provisionUseServer(ctx caddy.Context) error {
	for i, u := range b.UseServer {
		if u == nil {
			return fmt.Errorf("use_server %d: expected an object with server or server_format", i+1)
		}
		if err := u.provision(ctx, b); err != nil {
			return b.at("use_server", i, fmt.Errorf("use_server %d: %w", i+1, err))
		}
	}
	return nil
}

func (u *UseServer) provision(ctx caddy.Context, b *Backend) (err error) {
	switch {
	case (u.Server == "") == (u.ServerFormat == ""):
		return errors.New("expected server or server_format, one of the two")
	case u.ServerFormat != "":
		if u.format, err = patternfiles.Loader(ctx).Format(u.ServerFormat); err != nil {
			return fmt.Errorf("server_format %q: %w", u.ServerFormat, err)
		}
	case IsTemplate(u.Server):
		if err := ValidateNameTemplate(u.Server); err != nil {
			return err
		}
	default:
		if err := b.validateServer(u.Server); err != nil {
			return err
		}
	}
	u.condition, err = rules.LoadCondition(ctx, u, u.MatcherSetsRaw, u.UnlessRaw)
	return err
}

// validateServer reports an error if the backend has no such server.
func (b *Backend) validateServer(name string) error {
	known := b.ServerNames()
	if slices.Contains(known, name) {
		return nil
	}
	return fmt.Errorf("unknown server %q%s", name, options.Suggest(name, known))
}

// ServerNames returns the names of the servers, in their order.
func (b *Backend) ServerNames() (names []string) {
	for _, s := range b.Servers {
		names = append(names, s.Name)
	}
	return names
}

// Assigned returns the server that a use_server rule names for a connection, or "" if the policy is
// to pick one. forced ignores the server's state. An error means that a matcher failed: its rule's
// result is unknown, so no later rule may decide instead.
func (b *Backend) Assigned(v *rules.View, forced bool) (server string, err error) {
	for i, u := range b.UseServer {
		verdict, err := u.condition.Match(v)
		if v.Observe != nil {
			v.Observe(rules.Step{
				List: "use_server", Number: i + 1, Rule: "use_server " + cmp.Or(u.Server, u.ServerFormat), Origin: b.Origin.Of("use_server", i),
				Condition: &u.condition, Verdict: verdict, Err: err, Note: b.noteOn(u, v, verdict, forced),
			})
		}
		if err != nil {
			return "", fmt.Errorf("use_server %d: %w", i+1, err)
		}
		if verdict != sample.Pass {
			continue
		}
		name := u.name(v)
		switch {
		case !b.pool.Has(name):
			return "", nil
		case forced || b.Persist || b.pool.IsUp(name):
			return name, nil
		}
	}
	return "", nil
}

// noteOn says why a rule that matches decides nothing.
func (b *Backend) noteOn(u *UseServer, v *rules.View, verdict sample.Verdict, forced bool) string {
	if verdict != sample.Pass {
		return ""
	}
	switch name := u.name(v); {
	case !b.pool.Has(name):
		return fmt.Sprintf("the backend has no server %q: the policy picks one, and later rules are skipped", name)
	case forced || b.Persist || b.pool.IsUp(name):
		return ""
	default:
		return fmt.Sprintf("the server %s is not up: later rules and the policy decide", name)
	}
}

// name returns the name of the rule's server.
func (u *UseServer) name(v *rules.View) string {
	switch {
	case u.format != nil:
		return u.format.String(&v.Input)
	case IsTemplate(u.Server):
		return v.Connection().Replacer().ReplaceAll(u.Server, "")
	default:
		return u.Server
	}
}

// AssignsByRequest reports whether Assigned or StickyServer depends on bytes that the client sends.
func (b *Backend) AssignsByRequest() bool {
	if b.Stick.NeedsRequest() {
		return true
	}
	for _, u := range b.UseServer {
		if u.condition.NeedsRequest() || u.format != nil && u.format.NeedsRequest() || IsTemplate(u.Server) {
			return true
		}
	}
	return false
}

func (b *Backend) parseUseServer(d *caddyfile.Dispenser) error {
	u := new(UseServer)
	if err := rules.RuleTarget(d, &u.Server, "the name of a server"); err != nil {
		return err
	}
	if err := ValidateNameTemplate(u.Server); err != nil {
		return d.WrapErr(err)
	}
	return b.parseUseServerCondition(d, u, "use_server "+u.Server)
}

func (b *Backend) parseUseServerFormat(d *caddyfile.Dispenser) error {
	u := new(UseServer)
	if err := rules.RuleTarget(d, &u.ServerFormat, "a format such as %[req.ssl_sni,field(1,.)]"); err != nil {
		return err
	}
	if _, err := l4acl.WithoutFiles().Format(u.ServerFormat); err != nil {
		return d.Errf("use_server_format: %w", err)
	}
	return b.parseUseServerCondition(d, u, "use_server_format "+u.ServerFormat)
}

func (b *Backend) parseUseServerCondition(d *caddyfile.Dispenser, u *UseServer, rule string) error {
	b.UseServer = append(b.UseServer, u)
	return rules.ParseCondition(d, rule, &u.MatcherSetsRaw, &u.UnlessRaw)
}
