// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// Default and maximum of Backend.Retries.
const (
	DefaultRetries = 3
	MaxRetries     = 100
)

// siteRunes are allowed in a site's name, which is a host name for Caddy.
const siteRunes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

// policies is the namespace of the policy modules.
const policies = "passthrough.policies"

// Backend is a set of interchangeable servers, and the way connections are spread over them.
type Backend struct {
	// BalanceRaw is the policy that picks a server for each connection. Default: {"policy":
	// "roundrobin"}.
	BalanceRaw json.RawMessage `json:"balance,omitempty" caddy:"namespace=passthrough.policies inline_key=policy"`

	// Servers are in the order that policies see. Required; a backend with an empty list serves no
	// connections.
	Servers []*Server `json:"servers,omitzero"`

	// AllBackups lets the policy choose among all backups if no other server is usable. Default: only
	// the first usable backup serves. It is HAProxy's option allbackups.
	AllBackups bool `json:"allbackups,omitempty"`

	// UseServer are rules that name a server: the first matching rule whose server is up decides
	// instead of the policy. If that server is full, the connection is queued for it. They are
	// HAProxy's use-server.
	UseServer []*UseServer `json:"use_server,omitempty"`

	// Persist makes use_server rules apply even if their server is down or disabled; connections stay
	// queued for it when it goes down. It is HAProxy's option persist.
	Persist bool `json:"persist,omitempty"`

	// PersistRules do the same for the connections that they match. The first match decides. They are
	// evaluated before content, when the connection enters the backend.
	PersistRules []*PersistRule `json:"persist_rules,omitempty"`

	// ID is the backend's number, which the sample fetch be_id returns. It is HAProxy's id.
	ID int `json:"id,omitempty"`

	// Content are rules on the client's first bytes, evaluated once this backend has been chosen. They
	// are HAProxy's tcp-request content in a backend.
	Content *rules.Config `json:"content,omitempty"`

	// Response are rules on the server's first bytes, which are held back until the rules have
	// decided: accept, close, reset (of the server's connection), and those that set variables.
	// Sessions are then copied and not spliced. They are HAProxy's tcp-response content.
	Response *rules.Config `json:"response,omitempty"`

	// Check configures the health checks of servers without a check of their own.
	Check *Check `json:"check,omitempty"`

	// Agent configures the agent checks of servers without an agent of their own.
	Agent *Agent `json:"agent,omitempty"`

	// Passive takes a server out for a while when clients fail to connect to it. It works with and
	// without health checks. Default: off.
	Passive *Passive `json:"passive,omitempty"`

	// FullConn is the number of connections of the backend at which its servers reach their maxconn,
	// starting from their minconn. Required if a server has minconn below maxconn. It is HAProxy's
	// fullconn.
	FullConn int `json:"fullconn,omitempty"`

	// Retries is the number of times that a failed connect is retried, 0 to 100. Default: 3. It is
	// HAProxy's retries.
	Retries *int `json:"retries,omitempty"`

	// Redispatch selects the server of a retry: true (another one), false (the same one) or the number
	// of HAProxy's option redispatch. Default: true.
	Redispatch *Redispatch `json:"redispatch,omitempty"`

	// RetryBudget limits the retries of all connections together. Default: none.
	RetryBudget *RetryBudget `json:"retry_budget,omitempty"`

	// Site passes the connections of frontends on to the HTTP server of this process that listens on
	// passthrough/SITE, with the client's address and all bytes read so far. Such a backend needs no
	// servers; its servers are for the HTTP handler passthrough_backend. HAProxy does the same if a
	// frontend in mode tcp uses a backend in mode http.
	Site string `json:"site,omitempty"`

	// AbortOnClose ends a queued connection when the client closes its sending side. Otherwise only a
	// broken connection ends it. It is HAProxy's option abortonclose.
	AbortOnClose bool `json:"abortonclose,omitempty"`

	// AllowLocalAddresses allows a host that depends on the connection, such as {l4.client_hello.sni},
	// to resolve to a loopback, link-local or unspecified address. Without it no connection is made to
	// a host with such an address: clients could choose a name that leads to internal services of this
	// system.
	AllowLocalAddresses bool `json:"allow_local_addresses,omitempty"`

	// Timeouts are the timeouts of connections to this backend.
	Timeouts Timeouts `json:"timeouts,omitzero"`

	// Origin is the place of the backend and of some of its options in a Caddyfile. The Caddyfile
	// adapter writes it; only error messages use it.
	Origin options.Origin `json:"origin,omitempty"`

	name    string
	pool    *pool.Pool
	inline  inline
	written *options.Recorder // while a Caddyfile is parsed
}

// Provision sets up the backend under its name.
func (b *Backend) Provision(ctx caddy.Context, name string) error {
	if err := b.provision(ctx, name); err != nil {
		return options.Locate(b.Origin.Block(), fmt.Errorf("backend %q: %w", name, err))
	}
	return nil
}

func (b *Backend) provision(ctx caddy.Context, name string) error {
	b.name = name
	b.fillAddresses()
	if err := b.validate(); err != nil {
		return err
	}
	b.setDefaults()
	if err := b.Content.Provision(ctx); err != nil {
		return b.at("content", 0, fmt.Errorf("content: %w", err))
	}
	if err := b.provisionResponse(ctx); err != nil {
		return b.at("response", 0, fmt.Errorf("response: %w", err))
	}
	if err := b.provisionUseServer(ctx); err != nil {
		return err
	}
	if err := b.provisionPersistRules(ctx); err != nil {
		return err
	}
	policy, err := b.loadPolicy(ctx)
	if err != nil {
		return b.at("balance", 0, err)
	}
	b.inline = b.newInline(policy)
	if err := b.provisionChecks(ctx); err != nil {
		return err
	}
	c := pool.Config{
		Backend: name, Policy: policy, AllBackups: b.AllBackups, FullConn: b.FullConn, QueueTimeout: time.Duration(b.Timeouts.Queue),
		Redispatch: b.Redispatch.On && !b.Persist, LastResort: b.Redispatch.On && b.Redispatch.N == 0,
		RetryBudget: b.RetryBudget.config(),
		Notify:      b.logEvents(ctx.Logger()),
	}
	for _, s := range b.Servers {
		config := s.config()
		config.HealthConfig = b.healthConfig(s)
		c.Servers = append(c.Servers, config)
	}
	b.pool, err = registry.Open(c)
	return err
}

// provisionResponse compiles the rules on the server's first bytes. The client's bytes are no
// longer available to them.
func (b *Backend) provisionResponse(ctx caddy.Context) error {
	if err := b.Response.Provision(ctx); err != nil || b.Response == nil {
		return err
	}
	for i, r := range b.Response.Rules {
		switch {
		case r.Action == "reject" || r.Action == "drop":
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

// validate validates the configuration.
func (b *Backend) validate() error {
	if err := ValidateName(b.name); err != nil {
		return err
	}
	if b.Servers == nil && b.Site == "" {
		return errors.New("it has no servers: expected at least one")
	}
	if strings.Trim(b.Site, siteRunes) != "" {
		return fmt.Errorf("site %q: expected letters, digits and any of -_. in a name", b.Site)
	}
	if err := b.validateServers(); err != nil {
		return err
	}
	if r := b.Retries; r != nil && (*r < 0 || *r > MaxRetries) {
		return fmt.Errorf("retries %d: expected a whole number from 0 to %d", *r, MaxRetries)
	}
	if b.Redispatch != nil {
		if err := b.Redispatch.validate(); err != nil {
			return err
		}
	}
	if err := b.RetryBudget.validate(); err != nil {
		return fmt.Errorf("retry_budget: %w", err)
	}
	if err := validateNumbers(number{"fullconn", b.FullConn}); err != nil {
		return err
	}
	if err := b.Passive.validate(); err != nil {
		return fmt.Errorf("passive: %w", err)
	}
	if err := b.Check.validate(); err != nil {
		return fmt.Errorf("check: %w", err)
	}
	if err := b.Agent.validate(); err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	return b.Timeouts.validate()
}

func (b *Backend) validateServers() error {
	seen := make(map[string]int, len(b.Servers))
	for i, s := range b.Servers {
		if s == nil {
			return fmt.Errorf("server %d: expected an object with name and address", i+1)
		}
		if first, twice := seen[s.Name]; twice && s.Name != "" {
			return b.at("server", i, fmt.Errorf("servers %d and %d are both named %q: expected names that differ", first, i+1, s.Name))
		}
		seen[s.Name] = i + 1
		if err := cmp.Or(s.validate(), b.validateHealth(s), b.validateMinConn(s)); err != nil {
			return b.at("server", i, fmt.Errorf("server %d %q: %w", i+1, s.Name, err))
		}
	}
	return nil
}

// validateMinConn validates minconn, which needs fullconn in the backend.
func (b *Backend) validateMinConn(s *Server) error {
	if b.FullConn != 0 || s.MinConn == 0 || s.MinConn >= s.MaxConn {
		return nil
	}
	return fmt.Errorf("minconn %d is below maxconn %d, and the backend has no fullconn: expected fullconn, the number of connections of the backend at which maxconn is reached", s.MinConn, s.MaxConn)
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
}

// Name returns the name under which the backend was provisioned.
func (b *Backend) Name() string { return b.name }

// Pool returns the backend's pool. It is valid after Provision.
func (b *Backend) Pool() *pool.Pool { return b.pool }

// Close releases the hold on the backend's counts. Connections that use the backend may continue.
func (b *Backend) Close() {
	if b != nil && b.pool != nil {
		b.pool.Close()
	}
}

// Empty reports whether no option is set.
func (b *Backend) Empty() bool {
	configured := *b
	configured.name, configured.pool = "", nil
	configured.Origin, configured.written = "", nil
	return reflect.ValueOf(configured).IsZero()
}
