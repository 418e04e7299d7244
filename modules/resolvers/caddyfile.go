// SPDX-License-Identifier: Apache-2.0

package resolvers

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/dnsclient"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// UnmarshalCaddyfile parses the block of resolvers; d is on the last word before it. Syntax:
//
//	resolvers <name> {
//		nameserver [<name>] [tcp/]<address>[:<port>]
//		parse_resolv_conf
//		search <domain>…
//		tls <server name> {
//			ca <file>
//		}
//		hold valid|obsolete|nx|refused|timeout|other <duration>|forever
//		timeout_resolve <duration>
//		timeout_retry   <duration>
//		retries <1-100>
//		accepted_payload_size <512-65535>
//	}
func (r *Resolvers) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	begin := *d
	table := options.Table{
		"nameserver":            options.Repeatable(r.parseNameserver),
		"parse_resolv_conf":     options.Flag(&r.ParseResolvConf),
		"search":                options.Texts(&r.Search),
		"tls":                   options.Once(r.parseTLS),
		"hold":                  options.Repeatable(r.parseHold),
		"timeout_resolve":       options.Duration(&r.TimeoutResolve),
		"timeout_retry":         options.Duration(&r.TimeoutRetry),
		"retries":               options.Int(&r.Retries, 1, maxRetries),
		"accepted_payload_size": options.Int(&r.AcceptedPayloadSize, dnsclient.MinPayloadSize, dnsclient.MaxPayloadSize),
	}
	if err := table.ParseBlock(d); err != nil {
		return err
	}
	if err := r.validate(); err != nil {
		return begin.Errf("resolvers %q: %w", begin.Val(), err)
	}
	return nil
}

func (r *Resolvers) parseNameserver(d *caddyfile.Dispenser) error {
	words := d.RemainingArgs()
	if len(words) == 0 || len(words) > 2 {
		return d.Err("expected nameserver [NAME] ADDRESS[:PORT]")
	}
	n := Nameserver{Address: words[len(words)-1]}
	if len(words) == 2 {
		n.Name = words[0]
	}
	if slices.ContainsFunc(r.Nameservers, func(o Nameserver) bool { return n.Name != "" && o.Name == n.Name }) {
		return d.Errf("nameserver %q is given twice", n.Name)
	}
	if _, err := n.server(nil); err != nil {
		return options.Wrap(d, err)
	}
	r.Nameservers = append(r.Nameservers, n)
	return nil
}

func (r *Resolvers) parseTLS(d *caddyfile.Dispenser) error {
	name, err := options.Arg(d)
	if err != nil {
		return err
	}
	r.TLS = &TLS{ServerName: name}
	return options.Table{"ca": options.Text(&r.TLS.CA)}.ParseBlock(d)
}

func (r *Resolvers) parseHold(d *caddyfile.Dispenser) error {
	kind, err := options.Arg(d)
	if err != nil {
		return err
	}
	to := r.Hold.of(kind)
	if to == nil {
		return d.Errf("hold: %q: expected one of %s%s", kind, strings.Join(holds, ", "), options.Suggest(kind, holds))
	}
	word, err := options.Arg(d)
	if err != nil {
		return err
	}
	if word == "forever" && kind != "valid" {
		*to = forever
		return nil
	}
	v, err := caddy.ParseDuration(word)
	if err != nil || v <= 0 {
		return d.Errf("hold %s: %q: expected a duration greater than zero, such as 500ms, 5s or 1m", kind, word)
	}
	*to = caddy.Duration(v)
	return options.Wrap(d, options.ValidateDuration("hold "+kind, *to))
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Resolvers)(nil)
