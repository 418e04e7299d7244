// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("passthrough", parseApp)
}

// parseApp parses the global option passthrough. It may be given several times; the blocks are
// merged. Syntax:
//
//	passthrough {
//		frontend <name> {
//			…
//		}
//		backend <name> {
//			…
//		}
//		stick_table <name> {
//			type    ip|ipv6|integer|string|binary
//			length  <bytes>
//			size    <number>[k|m]
//			expire  <duration>
//			nopurge
//			store   <value>[,<value>…] …
//		}
//		resolvers <name> {
//			…
//		}
//		peers <name> {
//			local <name>
//			bind  <address> …
//			peer  <name> <address>
//			table <name> {
//				…
//			}
//		}
//		stick_counters <number>
//		set_var <name> <expression>
//		log <file>
//		grace_period           <duration>|off
//		removed_server_timeout <duration>|off
//		maxconn <number>
//		max_conn_rate <number>
//		max_sess_rate <number>
//		overload on|off
//		metrics {
//			off
//			haproxy_names
//			names <number>
//			ja4
//		}
//		socket <path>|<address> {
//			…
//		}
//		status_page {
//			allow_control
//		}
//	}
func parseApp(d *caddyfile.Dispenser, existing any) (any, error) {
	app := new(App)
	if earlier, ok := existing.(httpcaddyfile.App); ok {
		if err := json.Unmarshal(earlier.Value, app); err != nil {
			return nil, d.Errf("reading the passthrough block before this one: %v", err)
		}
	}
	if err := app.UnmarshalCaddyfile(d); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "passthrough", Value: caddyconfig.JSON(app, nil)}, nil
}

// UnmarshalCaddyfile parses the passthrough block. See parseApp for its syntax.
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the option's name
	table := options.Table{
		"frontend":               options.Repeatable(a.parseFrontend),
		"backend":                options.Repeatable(a.parseBackend),
		"stick_table":            options.Repeatable(a.parseStickTable),
		"resolvers":              options.Repeatable(a.parseResolvers),
		"peers":                  options.Repeatable(a.parsePeers),
		"stick_counters":         options.Int(&a.StickCounters, 1, rules.MaxCounters),
		"metrics":                options.Once(a.parseMetrics),
		"socket":                 options.Repeatable(a.parseSocket),
		"status_page":            options.Once(a.parseStatusPage),
		"set_var":                options.Repeatable(a.parseVariable),
		"log":                    options.Text(&a.Log),
		"grace_period":           TimeoutOption(&a.GracePeriod),
		"removed_server_timeout": TimeoutOption(&a.RemovedServerTimeout),
	}
	maps.Copy(table, a.ProcessLimits.options())
	return table.With(advice(&advised.app)).ParseBlock(d)
}

func (a *App) parseBackend(d *caddyfile.Dispenser) error {
	name, err := options.Arg(d)
	if err != nil {
		return err
	}
	if err := ValidateWrittenName(name); err != nil {
		return d.Errf("backend: %w", err)
	}
	if a.Backends[name] != nil {
		return d.Errf("backend %q is defined twice", name)
	}
	if a.Backends == nil {
		a.Backends = make(map[string]*Backend)
	}
	b := new(Backend)
	a.Backends[name] = b
	b.BeginBlock(d)
	begin := *d
	if err := b.Options().With(BackendAdvice()).ParseBlock(d); err != nil {
		return err
	}
	b.EndBlock()
	return b.ValidateWritten(&begin, name)
}

// ValidateWritten validates the block as a whole; begin is its first token.
func (b *Backend) ValidateWritten(begin *caddyfile.Dispenser, name string) error {
	if len(b.Servers)+len(b.ServerTemplates) == 0 && b.Site == "" {
		return begin.Errf("backend %q: it has no servers: expected at least one", name)
	}
	for i, s := range b.Servers {
		if err := b.validateMinConn(s); err != nil {
			return fmt.Errorf("backend %q: server %q: %w, at %s", name, s.Name, err, b.Origin.Of("server", i))
		}
	}
	return nil
}

// Options returns the options of a backend's block. Syntax:
//
//	balance <policy> [<args…>] {
//		<option> [<args…>]
//	}
//	server <name> <address> {
//		id <number>
//		weight <0-256>
//		backup
//		non_stick
//		disabled
//		resolvers <name>
//		resolve_prefer ipv4|ipv6
//		resolve_net <network>[,<network>…]
//		resolve_opts <option>[,<option>…]
//		init_addr [last,][libc,]none|<address>
//		maxconn|minconn|maxqueue <number>
//		slowstart <duration>
//		source <address>[:<port>[-<port>]]
//		transparent client|clientip|<address>[:<port>]
//		interface <name>
//		namespace <name>
//		tfo
//		tcp_user_timeout <duration>
//		mss <88-32767>
//		keepalive_idle <duration>|off
//		keepalive_interval <duration>
//		keepalive_count <number>
//		send_proxy v1|v2|off
//		proxy_v2_options <option>[,<option>…]
//		proxy_v2_tlv <type> <value>|format <format>
//		check [<checker>] {
//			…
//		}
//		no_check
//		agent <port> {
//			…
//		}
//		track <backend>/<server>
//		init_state none|up|fully_up|down|fully_down
//		on_marked_down shutdown_sessions
//		on_marked_up shutdown_backup_sessions
//		observe layer4|first_byte
//		error_limit <number>
//		on_error fastinter|fail_check|sudden_death|mark_down
//	}
//	server_template <prefix> <count>|<low>-<high> [<address>] {
//		discovery <source> [<args…>] {
//			…
//		}
//		<option of server, except for id> [<args…>]
//	}
//	allbackups
//	check [<checker>] {
//		interval|fast_interval|down_interval|timeout <duration>
//		rise|fall <number>
//		spread <percent>
//		address <host>[:<port>]
//		port <port>
//		source <address>
//		send_proxy v1|v2|off
//		log
//		<option of the checker> [<args…>]
//	}
//	agent <port> {
//		address <host>
//		interval <duration>
//		send <text>
//	}
//	passive [fails <number>] [window <duration>] [eject <duration>]
//	use_server <name> [unless] [<matcher> <args…>] {
//		<matcher> <args…>
//	}
//	use_server_format <format> [unless] [<matcher> <args…>] {
//		<matcher> <args…>
//	}
//	stick [on <key>] {
//		…
//	}
//	id <number>
//	persist
//	force_persist|ignore_persist [unless] [<matcher> <args…>] {
//		<matcher> <args…>
//	}
//	content {
//		…
//	}
//	retries <0-100>
//	redispatch [off|<-100 to 100>]
//	retry_budget <percent> [<retries per second>]
//	fullconn <number>
//	preconnect <1-1000>
//	preconnect_max_age <duration>
//	source|transparent|interface|namespace|tfo|tcp_user_timeout|mss <as in server>
//	keepalive_idle|keepalive_interval|keepalive_count <as in server>
//	resolvers|resolve_prefer|resolve_net|resolve_opts|init_addr <as in server>
//	send_proxy|proxy_v2_options|proxy_v2_tlv <as in server>
//	site <name>
//	abortonclose
//	nolinger
//	allow_local_addresses
//	timeouts {
//		connect|queue|check|client|server <duration>|off
//		client_fin|server_fin|tunnel <duration>|off
//	}
//
// The options of server and timeouts may stand on the line, in a block, or both.
// A check on a server's line takes no block: that is the server's. For content
// see rules.Config, for matchers rules.ParseCondition.
func (b *Backend) Options() options.Table {
	table := b.ProxyHeader.headerTable()
	maps.Copy(table, options.Table{
		"balance":               options.Once(b.noted("balance", b.parseBalance)),
		"server":                options.Repeatable(b.noted("server", b.parseServer)),
		"server_template":       options.Repeatable(b.noted("server_template", b.parseServerTemplate)),
		"use_server":            options.Repeatable(b.noted("use_server", b.parseUseServer)),
		"use_server_format":     options.Repeatable(b.noted("use_server", b.parseUseServerFormat)),
		"id":                    options.Int(&b.ID, 1, maxNumber),
		"stick":                 options.Optional(&b.Stick, func(s *stick.Backend) options.Option { return options.Once(b.noted("stick", s.UnmarshalCaddyfile)) }),
		"persist":               options.Flag(&b.Persist),
		"force_persist":         b.persistRule(forcePersist),
		"ignore_persist":        b.persistRule(ignorePersist),
		"allbackups":            options.Flag(&b.AllBackups),
		"site":                  options.Text(&b.Site),
		"abortonclose":          options.Flag(&b.AbortOnClose),
		"nolinger":              options.Flag(&b.NoLinger),
		"allow_local_addresses": options.Flag(&b.AllowLocalAddresses),
		"allow_destinations":    options.Repeatable(b.parseAllowed),
		"check":                 options.Once(b.noted("check", func(d *caddyfile.Dispenser) error { return parseCheck(d, &b.Check, true) })),
		"agent":                 options.Once(b.noted("agent", func(d *caddyfile.Dispenser) error { return parseAgent(d, &b.Agent, true) })),
		"passive": options.Optional(&b.Passive, func(p *Passive) options.Option {
			return options.Once(func(d *caddyfile.Dispenser) error { return p.table().ParseLine(d) })
		}),
		"response":     options.Optional(&b.Response, func(c *rules.Config) options.Option { return options.Once(b.noted("response", c.UnmarshalCaddyfile)) }),
		"content":      options.Optional(&b.Content, func(c *rules.Config) options.Option { return options.Once(b.noted("content", c.UnmarshalCaddyfile)) }),
		"retries":      options.Optional(&b.Retries, func(n *int) options.Option { return options.Int(n, 0, MaxRetries) }),
		"redispatch":   options.Optional(&b.Redispatch, redispatch),
		"retry_budget": options.Optional(&b.RetryBudget, retryBudget),
		"fullconn":     options.Int(&b.FullConn, 1, maxNumber),
		"timeouts":     options.Once(b.Timeouts.options().ParseLine),

		"preconnect":         options.Int(&b.Preconnect, 1, MaxPreconnect),
		"preconnect_max_age": options.Duration(&b.PreconnectMaxAge),
	})
	maps.Copy(table, b.SocketOptions.table())
	maps.Copy(table, b.NameOptions.table())
	return table
}

func (b *Backend) parseBalance(d *caddyfile.Dispenser) error {
	name, err := options.Arg(d)
	if err != nil {
		return err
	}
	if err := validatePolicy(name); err != nil {
		return d.Errf("balance: %w", err)
	}
	policy, err := caddyfile.UnmarshalModule(d, policies+"."+name)
	if err != nil {
		return err
	}
	b.BalanceRaw = caddyconfig.JSONModuleObject(policy, "policy", name, nil)
	return nil
}

// Interface guards
var _ caddyfile.Unmarshaler = (*App)(nil)
