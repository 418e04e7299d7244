// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// policies is the namespace of the policy modules.
const policies = "passthrough.policies"

func (b *Backend) provision(ctx caddy.Context, name string) error {
	b.name, b.following = name, new(following)
	b.fillAddresses()
	if err := b.expandTemplates(); err != nil {
		return err
	}
	if err := b.validate(); err != nil {
		return err
	}
	b.setDefaults()
	if err := b.provisionDestinations(); err != nil {
		return err
	}
	if err := b.provisionSockets(); err != nil {
		return err
	}
	if err := b.provisionHeaders(ctx); err != nil {
		return err
	}
	if err := b.provisionRules(ctx); err != nil {
		return err
	}
	policy, err := b.loadPolicy(ctx)
	if err != nil {
		return b.at("balance", 0, err)
	}
	b.inline = b.newInline(policy)
	if b.Preconnect > 0 {
		b.ready = new(readyServers)
	}
	if err := b.provisionChecks(ctx); err != nil {
		return err
	}
	if err := b.provisionTemplates(ctx); err != nil {
		return err
	}
	b.prepareAdded()
	b.pool, err = registry.Open(b.poolConfig(policy, ctx.Logger()))
	return err
}

// provisionRules compiles the rules on connections.
func (b *Backend) provisionRules(ctx caddy.Context) error {
	if err := b.Content.Provision(ctx); err != nil {
		return b.at("content", 0, wrapAbout("content", err))
	}
	if err := b.provisionResponse(ctx); err != nil {
		return b.at("response", 0, wrapAbout("response", err))
	}
	if err := b.provisionUseServer(ctx); err != nil {
		return err
	}
	if err := b.provisionStick(ctx); err != nil {
		return err
	}
	return b.provisionPersistRules(ctx)
}

// poolConfig returns the pool's configuration of the backend.
func (b *Backend) poolConfig(policy pool.Policy, logger *zap.Logger) pool.Config {
	c := pool.Config{
		Backend: b.name, Policy: policy, AllBackups: b.AllBackups, FullConn: b.FullConn, QueueTimeout: time.Duration(b.Timeouts.Queue),
		Redispatch: b.Redispatch.On && !b.Persist, LastResort: b.Redispatch.On && b.Redispatch.N == 0,
		RetryBudget: b.RetryBudget.config(), Adjust: b.adjust, Added: b.addedConfig,
		Notify: b.logEvents(logger.Named("backend").Named(b.name)),
	}
	for _, s := range b.Servers {
		config := s.config()
		config.HealthConfig = b.healthConfig(s)
		c.Servers = append(c.Servers, config)
	}
	return c
}

// onlyForRequests are actions that rules about the server's first bytes cannot have.
var onlyForRequests = []string{"reject", "drop", "set_priority_class", "set_priority_offset", "set_dst", "set_dst_port", "do_resolve"}

// provisionResponse compiles the rules on the server's first bytes. The client's bytes are no
// longer available to them.
func (b *Backend) provisionResponse(ctx caddy.Context) error {
	if err := b.Response.Provision(ctx); err != nil || b.Response == nil {
		return err
	}
	for i, r := range b.Response.Rules {
		switch {
		case slices.Contains(onlyForRequests, r.Action):
			return fmt.Errorf("rule %d: action %s: expected accept, close, reset, set_var, set_var_format or unset_var", i+1, r.Action)
		case r.NeedsRequest():
			return fmt.Errorf("rule %d: it needs bytes of the client, which are no longer available: expected an acl such as res.len, or a variable", i+1)
		}
	}
	return nil
}

func (b *Backend) loadPolicy(ctx caddy.Context) (pool.Policy, error) {
	var inline struct {
		Policy string `json:"policy"`
	}
	if err := json.Unmarshal(b.BalanceRaw, &inline); err != nil {
		return nil, fmt.Errorf("balance: expected an object such as {\"policy\": \"roundrobin\"}: %w", err)
	}
	if err := validatePolicy(inline.Policy); err != nil {
		return nil, fmt.Errorf("balance: %w", err)
	}
	mod, err := ctx.LoadModule(b, "BalanceRaw")
	if err != nil {
		return nil, fmt.Errorf("loading balance policy %q: %w", inline.Policy, err)
	}
	policy, ok := mod.(pool.Policy)
	if !ok {
		return nil, fmt.Errorf("balance policy %q (%T) does not implement pool.Policy", inline.Policy, mod)
	}
	b.policy = inline.Policy
	return policy, nil
}

// validatePolicy reports an unknown policy, and suggests similar ones.
func validatePolicy(name string) error {
	if _, err := caddy.GetModule(policies + "." + name); err != nil {
		return fmt.Errorf("unknown policy %q%s", name, options.Suggest(name, knownPolicies()))
	}
	return nil
}

func knownPolicies() (names []string) {
	for _, m := range caddy.GetModules(policies) {
		names = append(names, m.ID.Name())
	}
	return names
}

// fillAddresses replaces placeholders that do not depend on a connection.
func (b *Backend) fillAddresses() {
	repl := caddy.NewReplacer()
	for _, s := range b.Servers {
		if s != nil && IsTemplate(s.Address) {
			s.Address = repl.ReplaceKnown(s.Address, "")
		}
	}
}

func (b *Backend) setDefaults() {
	if b.BalanceRaw == nil {
		b.BalanceRaw = caddyconfig.JSONModuleObject(struct{}{}, "policy", "roundrobin", nil)
	}
	if b.Retries == nil {
		b.Retries = new(DefaultRetries)
	}
	if b.Redispatch == nil {
		b.Redispatch = &Redispatch{On: true}
	}
	b.RetryBudget.setDefaults()
	b.Timeouts.setDefaults()
	for _, s := range b.Servers {
		s.inherit(&b.NameOptions)
	}
}
