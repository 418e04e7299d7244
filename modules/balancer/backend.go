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

// Defaults of a backend, and the bounds of what may be set.
const (
	DefaultRetries = 3
	MaxRetries     = 100
)

// siteRunes are those of a site's name: it is a host to Caddy.
const siteRunes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

// policies is the namespace of the policy modules.
const policies = "passthrough.policies"

// Backend is a set of servers that offer the same thing, and how connections
// are spread over them.
type Backend struct {
	// BalanceRaw is the policy that picks a server for each connection.
	// Default: {"policy": "roundrobin"}.
	BalanceRaw json.RawMessage `json:"balance,omitempty" caddy:"namespace=passthrough.policies inline_key=policy"`

	// Servers in the order in which policies see them. Required; an empty list
	// is a backend that serves nobody.
	Servers []*Server `json:"servers,omitzero"`

	// AllBackups has the policy choose among all backups when there is nobody
	// else. Default: the first that is usable serves alone. It is HAProxy's
	// option allbackups.
	AllBackups bool `json:"allbackups,omitempty"`

	// UseServer are rules that name a server themselves: the first that matches, and
	// whose server is up, decides in place of the policy. Where no rule does, the
	// policy picks. A connection waits for the server if that has no room. They are
	// HAProxy's use-server.
	UseServer []*UseServer `json:"use_server,omitempty"`

	// Persist has rules of use_server name their server even if it is down or disabled,
	// and connections wait for it if it goes down. It is HAProxy's option persist.
	Persist bool `json:"persist,omitempty"`

	// PersistRules do so for the connections that they match. The first that matches
	// decides. They are tried before content, as soon as the connection comes to the
	// backend.
	PersistRules []*PersistRule `json:"persist_rules,omitempty"`

	// ID is the backend's number, which the fetch be_id finds. It is HAProxy's id.
	ID int `json:"id,omitempty"`

	// Content are rules over what the client sends first, once this backend has
	// been chosen. They are HAProxy's tcp-request content in a backend.
	Content *rules.Config `json:"content,omitempty"`

	// Response are rules over what a server sends first, which is held until they
	// have decided: accept, close, reset (the server's connection is reset) and those
	// that set variables. Sessions are copied then, and not spliced. They are
	// HAProxy's tcp-response content.
	Response *rules.Config `json:"response,omitempty"`

	// Check is how servers are checked that have no check of their own.
	Check *Check `json:"check,omitempty"`

	// Agent is the same for agents that servers run.
	Agent *Agent `json:"agent,omitempty"`

	// Passive takes a server out for a while when clients cannot connect to it. It
	// needs no check, and stands beside one. Default: none.
	Passive *Passive `json:"passive,omitempty"`

	// FullConn is at how many connections of the backend its servers have their
	// maxconn rather than their minconn. Required where a server has minconn below
	// its maxconn. It is HAProxy's fullconn.
	FullConn int `json:"fullconn,omitempty"`

	// Retries is how many times a failed connect is tried again, 0 to 100.
	// Default: 3. It is HAProxy's retries.
	Retries *int `json:"retries,omitempty"`

	// Redispatch says which server a retry goes to: true (another one), false
	// (the same one) or the number of HAProxy's option redispatch. Default: true.
	Redispatch *Redispatch `json:"redispatch,omitempty"`

	// RetryBudget limits the retries of all connections together. Default: none.
	RetryBudget *RetryBudget `json:"retry_budget,omitempty"`

	// Site makes connections of frontends go on as HTTP, in this process: they are
	// handed to the http server that listens on passthrough/SITE, with the client's
	// address and with all that has been read. Such a backend needs no servers; those
	// that it has are for the http handler passthrough_backend. It is what HAProxy does
	// where a frontend of mode tcp uses a backend of mode http.
	Site string `json:"site,omitempty"`

	// AbortOnClose has a connection that waits for a server end when the client
	// closes its direction. Otherwise only a broken connection does. It is
	// HAProxy's option abortonclose.
	AbortOnClose bool `json:"abortonclose,omitempty"`

	// AllowLocalAddresses lets a host that depends on the connection, such as
	// {l4.client_hello.sni}, resolve to a loopback, link-local or unspecified address.
	// Otherwise no connection is made to a host with such an address: its name would
	// lead clients to what only this system is to reach.
	AllowLocalAddresses bool `json:"allow_local_addresses,omitempty"`

	// Timeouts of connections to this backend.
	Timeouts Timeouts `json:"timeouts,omitzero"`

	// Origin is where in a Caddyfile the backend and some of its options stand. It
	// is written by the Caddyfile's adapter, and read for errors alone.
	Origin options.Origin `json:"origin,omitempty"`

	name    string
	pool    *pool.Pool
	inline  inline
	written *options.Recorder // while a Caddyfile is parsed
}

// Provision sets up the backend under a name.
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

// provisionResponse compiles the rules for what servers send. By then what the client
// has sent is gone.
func (b *Backend) provisionResponse(ctx caddy.Context) error {
	if err := b.Response.Provision(ctx); err != nil || b.Response == nil {
		return err
	}
	for i, r := range b.Response.Rules {
		switch {
		case r.Action == "reject" || r.Action == "drop":
			return fmt.Errorf("rule %d: action %s: expected accept, close, reset, set_var, set_var_format or unset_var", i+1, r.Action)
		case r.NeedsRequest():
			return fmt.Errorf("rule %d: it asks what the client has sent, which is gone by then: expected an acl such as res.len, or a variable", i+1)
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

// validatePolicy names the policies that there are, if name is not one of them.
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

// fillAddresses fills in what does not depend on a connection.
func (b *Backend) fillAddresses() {
	repl := caddy.NewReplacer()
	for _, s := range b.Servers {
		if s != nil && IsTemplate(s.Address) {
			s.Address = repl.ReplaceKnown(s.Address, "")
		}
	}
}

// validate says what is wrong with what the user wrote.
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

// validateMinConn says what a server with minconn wants of the backend.
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

// Name is the name under which the backend was provisioned.
func (b *Backend) Name() string { return b.name }

// Pool is the backend at run time, from Provision on.
func (b *Backend) Pool() *pool.Pool { return b.pool }

// Close gives up the hold on the backend's counts. Connections in hand may
// still use the backend.
func (b *Backend) Close() {
	if b != nil && b.pool != nil {
		b.pool.Close()
	}
}

// Empty reports whether nothing at all was configured.
func (b *Backend) Empty() bool {
	configured := *b
	configured.name, configured.pool = "", nil
	configured.Origin, configured.written = "", nil
	return reflect.ValueOf(configured).IsZero()
}
