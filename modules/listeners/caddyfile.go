// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"maps"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// UnmarshalCaddyfile sets up the wrapper in listener_wrappers of the global option servers. Syntax:
//
//	passthrough {
//		site <name…> [<address…>] {
//			<option of a site> …
//		}
//		<option of the handler layer4.handlers.passthrough> …
//	}
//
// For the options of a site see Site.UnmarshalCaddyfile, for the others
// l4passthrough.Handler.UnmarshalCaddyfile. Without a block it marks the place of the wrapper that
// the site directives passthrough make.
func (w *Wrapper) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the wrapper's name
	w.BeginBlock(d)
	if d.CountRemainingArgs() > 0 {
		d.NextArg()
		return d.Errf("unexpected %q: expected a block with site %[1]s …", d.Val())
	}
	table := w.Handler.Options()
	table["site"] = options.Repeatable(func(d *caddyfile.Dispenser) error { return w.parseSite(d, nil) })
	if err := table.With(advice()).With(balancer.BackendAdvice()).ParseBlock(d); err != nil {
		return err
	}
	w.EndBlock()
	return nil
}

// parseSite parses the site that d is on, in a block that may also have other options.
func (w *Wrapper) parseSite(d *caddyfile.Dispenser, others options.Table) error {
	s := new(Site)
	if err := s.parse(d, others); err != nil {
		return err
	}
	if err := w.validateNew(s); err != nil {
		return options.Wrap(d, err)
	}
	w.Sites = append(w.Sites, s)
	return nil
}

// advice returns hints for words that are not options of a site or of a wrapper.
func advice() options.Advice {
	return make(options.Advice).
		Add("the address of the site block has the port, and the directive bind its host", "bind", "listen", "port").
		Add("write the address behind the names, or server NAME ADDRESS", "address", "upstream", "to", "reverse_proxy").
		Add("names stand behind the word passthrough", "names", "sni", "host").
		Add("TLS is passed through as it is, and servers hold the certificates", "tls", "http", "header", "path")
}

// UnmarshalCaddyfile sets up the site. Syntax:
//
//	site <name…> [<address…>] {
//		backend <name>
//		redirect
//		acme_to <address>
//		<option of a backend> …
//	}
//
// A word with a port, or one that begins with unix/ or abns/, is the address of a server of the
// site's own. For the options of a backend see balancer.Backend.Options.
func (s *Site) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	return s.parse(d, nil)
}

// parse parses the site that d is on, in a block that may also have other options.
func (s *Site) parse(d *caddyfile.Dispenser, others options.Table) error {
	s.BeginBlock(d)
	s.noteMainFile(d)
	begin := *d
	if err := s.parseWords(d); err != nil {
		return err
	}
	table := s.Backend.Options()
	maps.Copy(table, others)
	maps.Copy(table, options.Table{
		"backend":  options.Once(s.parseBackendName),
		"redirect": options.Flag(&s.Redirect),
		"acme_to":  options.Once(s.parseACMETo),
	})
	if err := table.With(advice()).With(balancer.BackendAdvice()).ParseBlock(d); err != nil {
		return err
	}
	s.EndBlock()
	return s.validateWritten(&begin)
}

// parseWords parses the names and addresses on the line of the site.
func (s *Site) parseWords(d *caddyfile.Dispenser) error {
	word := d.Val()
	for d.NextArg() {
		switch {
		case isAddress(d.Val()):
			if err := s.ParseAddress(d); err != nil {
				return err
			}
		case len(s.Servers) > 0:
			return d.Errf("%s: name %q behind an address: expected %s NAME... ADDRESS...; an address has a port, such as %s:443", word, d.Val(), word, d.Val())
		default:
			if err := validateWrittenName(d.Val()); err != nil {
				return d.Errf("%s: %w", word, err)
			}
			s.Names = append(s.Names, d.Val())
		}
	}
	if len(s.Names) == 0 {
		return d.Errf("%s: no name: expected %s NAME... ADDRESS..., such as %s git.example.com 10.0.0.5:443; a word with a port is an address", word, word, word)
	}
	return nil
}

func (s *Site) parseBackendName(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.Errf("backend: expected the name of a backend")
	}
	s.BackendName = d.Val()
	return options.Wrap(d, balancer.ValidateWrittenName(s.BackendName))
}

func (s *Site) parseACMETo(d *caddyfile.Dispenser) (err error) {
	if s.ACMETo, err = options.Arg(d); err != nil {
		return err
	}
	return options.Wrap(d, s.validateACMETo())
}

// Interface guards
var (
	_ caddyfile.Unmarshaler = (*Wrapper)(nil)
	_ caddyfile.Unmarshaler = (*Site)(nil)
)
