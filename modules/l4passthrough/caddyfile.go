// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"cmp"
	"maps"
	"math"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4acl"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// UnmarshalCaddyfile sets up the frontend. Syntax:
//
//	passthrough {
//		name <name>
//		inspect_delay <duration>
//		max_hello <bytes>
//		connection {
//			…
//		}
//		session {
//			…
//		}
//		content {
//			…
//		}
//		use_backend <name> [unless] [<matcher> <args…>] {
//			<matcher> <args…>
//		}
//		use_backend_map <file> [unless] [<matcher> <args…>] {
//			<matcher> <args…>
//		}
//		use_backend_format <format> [unless] [<matcher> <args…>] {
//			<matcher> <args…>
//		}
//		use_backend_split <name>=<weight>… [unless] [<matcher> <args…>] {
//			<matcher> <args…>
//		}
//		reject|close|reset|drop|next [unless] [<matcher> <args…>] {
//			<matcher> <args…>
//		}
//		default_backend <name>
//		on <outcome> <action>
//		timeout_client <duration>|off
//		timeout_client_fin <duration>|off
//		nolinger_client
//		accept_proxy [required|optional] <network>|private_ranges|unix…
//		accept_netscaler_cip <magic> [required|optional] <network>|private_ranges|unix…
//		timeout_proxy_header <duration>
//		unique_id <format>
//		log_format|log_format_sd|error_log_format <format>
//		log_as_soon_as accepted|connected
//		log_steps accepted|connected|closed…
//		log_fingerprints ja3|ja4…
//		dontlognull
//		dontlog_normal
//		log_separate_errors
//		maxconn <number>
//		rate_limit_sessions <number>
//		limit {
//			…
//		}
//		id <number>
//		listener <address> [name <name>] [id <number>]
//
//		# or a backend of the frontend's own:
//		balance …
//		server …
//		retries …
//		redispatch …
//		retry_budget …
//		timeouts …
//	}
//
// A matcher is a field of client_hello (sni, sni_file, sni_regexp, no_sni, alpn,
// version, ech, post_quantum, ja3, ja4) or the name of a layer4 matcher. All of
// one use_backend must match; see client_hello for those about the name. For the
// words of limit see Limit, for the rules of content, connection and session
// rules.Config; the last two have
// no inspect_delay. For the words of a backend see balancer.Backend.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the handler's name
	h.BeginBlock(d)
	begin := *d
	if err := h.Options().With(advice()).With(balancer.BackendAdvice()).ParseBlock(d); err != nil {
		return err
	}
	h.EndBlock()
	return h.validateWritten(&begin, cmp.Or(h.Name, DefaultName))
}

// Options returns the words of a frontend's block: its own and those of its anonymous backend.
func (h *Handler) Options() options.Table {
	table := h.Backend.Options()
	maps.Copy(table, h.OwnOptions())
	return table
}

// OwnOptions returns the words of a frontend's block without those that only a backend has. The
// block must have been begun with BeginBlock.
func (h *Handler) OwnOptions() options.Table {
	table := options.Table{
		"name":            options.Once(h.parseName),
		"inspect_delay":   options.Duration(&h.InspectDelay),
		"max_hello":       options.Int(&h.MaxHello, minMaxHello, clienthello.DefaultMaxHello),
		"use_backend":     options.Repeatable(h.parseUseBackend),
		"use_backend_map": options.Repeatable(h.parseUseBackendMap),
		"default_backend": options.Once(h.parseDefaultBackend),
		"on":              options.Repeatable(h.parseOn),

		"use_backend_format":   options.Repeatable(h.parseUseBackendFormat),
		"use_backend_split":    options.Repeatable(h.parseUseBackendSplit),
		"connection":           h.noteLine("connection", rules.RuleOptions(&h.Connection).ParseBlock),
		"session":              h.noteLine("session", rules.RuleOptions(&h.Session).ParseBlock),
		"content":              options.Optional(&h.Content, func(c *rules.Config) options.Option { return h.noteLine("content", c.UnmarshalCaddyfile) }),
		"timeout_client":       balancer.TimeoutOption(&h.TimeoutClient),
		"timeout_client_fin":   balancer.TimeoutOption(&h.TimeoutClientFin),
		"nolinger_client":      options.Flag(&h.NoLingerClient),
		"unique_id":            h.noteLine("unique_id", logFormat(&h.UniqueID)),
		"timeout_proxy_header": options.Duration(&h.TimeoutProxyHeader),
		"maxconn":              options.Int(&h.MaxConn, 1, math.MaxInt32),
		"limit":                options.Optional(&h.Limit, func(l *Limit) options.Option { return h.noteLine("limit", l.UnmarshalCaddyfile) }),
		"rate_limit_sessions":  options.Int(&h.RateLimitSessions, 1, math.MaxInt32),
		"id":                   options.Int(&h.ID, 1, math.MaxInt32),
		"listener":             options.Repeatable(h.parseListener),
	}
	maps.Copy(table, h.verbs())
	maps.Copy(table, h.logOptions())
	maps.Copy(table, acceptProxyOptions(&h.AcceptProxy))
	return table
}

// noteLine returns an option that records the line on which it is written.
func (h *Handler) noteLine(word string, parse func(*caddyfile.Dispenser) error) options.Option {
	return options.Once(func(d *caddyfile.Dispenser) error {
		h.NoteLine(word, d)
		return parse(d)
	})
}

func (h *Handler) parseName(d *caddyfile.Dispenser) (err error) {
	if h.Name, err = options.Arg(d); err != nil {
		return err
	}
	return options.Wrap(d, balancer.ValidateWrittenName(h.Name))
}

// backendName parses the name of a backend, which may be defined further down.
func backendName(d *caddyfile.Dispenser, name *string) (err error) {
	option := d.Val()
	if !d.NextArg() {
		return d.Errf("%s: expected the name of a backend", option)
	}
	*name = d.Val()
	return options.Wrap(d, balancer.ValidateWrittenName(*name))
}

func (h *Handler) parseDefaultBackend(d *caddyfile.Dispenser) error {
	h.NoteLine("default_backend", d)
	return backendName(d, &h.DefaultBackend)
}

func (h *Handler) parseOn(d *caddyfile.Dispenser) error {
	words := d.RemainingArgs()
	if len(words) < 2 {
		return d.Errf("expected on OUTCOME ACTION")
	}
	outcome, action := words[0], strings.Join(words[1:], " ")
	if _, err := reasonNamed(outcome); err != nil {
		return d.WrapErr(err)
	}
	if err := validateAction(action); err != nil {
		return d.Errf("on %s: %w", outcome, err)
	}
	if name, ok := strings.CutPrefix(action, "backend "); ok {
		if err := balancer.ValidateWrittenName(name); err != nil {
			return d.Errf("on %s: %w", outcome, err)
		}
	}
	if _, twice := h.On[outcome]; twice {
		return d.Errf("on %s is given twice, first at %s", outcome, h.LineOf("on."+outcome))
	}
	if h.On == nil {
		h.On = make(map[string]string)
	}
	h.On[outcome] = action
	h.NoteLine("on."+outcome, d)
	return nil
}

// verbs returns the words for rules with an action.
func (h *Handler) verbs() options.Table {
	table := make(options.Table)
	for word := range frontend.Verbs {
		table[word] = options.Repeatable(func(d *caddyfile.Dispenser) error { return h.parseRule(d, &Rule{Action: word}) })
	}
	return table
}

func (h *Handler) parseUseBackend(d *caddyfile.Dispenser) error {
	r := new(Rule)
	if err := rules.RuleTarget(d, &r.Backend, "the name of a backend"); err != nil {
		return err
	}
	if err := options.Wrap(d, balancer.ValidateNameTemplate(r.Backend)); err != nil {
		return err
	}
	if !balancer.IsTemplate(r.Backend) {
		if err := options.Wrap(d, balancer.ValidateWrittenName(r.Backend)); err != nil {
			return err
		}
	}
	return h.parseRule(d, r)
}

func (h *Handler) parseUseBackendMap(d *caddyfile.Dispenser) error {
	r := new(Rule)
	if err := rules.RuleTarget(d, &r.BackendMap, "the name of a file"); err != nil {
		return err
	}
	return h.parseRule(d, r)
}

func (h *Handler) parseUseBackendFormat(d *caddyfile.Dispenser) error {
	r := new(Rule)
	if err := rules.RuleTarget(d, &r.BackendFormat, "a format such as %[req.ssl_sni,lower]"); err != nil {
		return err
	}
	if _, err := l4acl.WithoutFiles().Format(r.BackendFormat); err != nil {
		return d.Errf("use_backend_format: %w", err)
	}
	return h.parseRule(d, r)
}

// parseRule parses the matchers of a rule.
func (h *Handler) parseRule(d *caddyfile.Dispenser, r *Rule) error {
	h.Rules = append(h.Rules, r)
	h.NoteLine("rule", d)
	return rules.ParseCondition(d, r.String(), &r.MatcherSetsRaw, &r.UnlessRaw)
}

// validateWritten checks the block as a whole, which begins at begin.
func (h *Handler) validateWritten(begin *caddyfile.Dispenser, name string) error {
	if err := h.validateBackends(); err != nil {
		return begin.Errf("frontend %q: %w", name, err)
	}
	if h.Backend.Empty() {
		return nil
	}
	return h.ValidateWritten(begin, name)
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Handler)(nil)
