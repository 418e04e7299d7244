// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/patternfiles"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

func init() {
	caddy.RegisterModule(new(Hash))
}

// Hash sends each key to the same server. Connections without a key are spread round-robin. It is
// HAProxy's balance hash.
type Hash struct {
	// Key is the value to hash: src (the client's address), sni, alpn, ja4 or session_id of the
	// ClientHello, or any text with placeholders, such as {l4.client_hello.sni}. Either Key or
	// Expression is required.
	Key string `json:"key,omitempty"`

	// Expression is HAProxy's sample expression, such as var(sess.name). As in HAProxy, the bytes that
	// the client has sent are no longer available at this point; use a variable that a rule has set.
	Expression string `json:"expression,omitempty"`

	// HTTP makes the expression apply to a request of the http app, such as path or hdr(x-user,1),
	// instead of a connection.
	HTTP bool `json:"http,omitempty"`

	Hashing

	template   string
	expression *sample.Expression
}

// sourceKey is the key for the client's address.
const sourceKey = "src"

// keys maps keys to placeholders.
var keys = map[string]string{
	"sni":        "{l4.client_hello.sni}",
	"alpn":       "{l4.client_hello.alpn}",
	"ja4":        "{l4.client_hello.ja4}",
	"session_id": "{l4.client_hello.session_id}",
}

// placeholders must be implemented by Request.Connection for keys with placeholders. It replaces
// them, unknown ones with nothing.
type placeholders interface {
	Placeholders(template string) string
}

// samples must be implemented by Request.Connection for expressions.
type samples interface {
	Sample(e *sample.Expression) (sample.Value, bool)
}

// CaddyModule returns the Caddy module information.
func (*Hash) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.policies.hash",
		New: func() caddy.Module { return new(Hash) },
	}
}

// Provision validates and compiles the options.
func (p *Hash) Provision(ctx caddy.Context) error {
	if err := p.compileKey(ctx); err != nil {
		return err
	}
	return p.provision()
}

// compileKey validates and compiles the key.
func (p *Hash) compileKey(ctx caddy.Context) error {
	if err := p.validateKey(); err != nil {
		return err
	}
	if p.Expression == "src" { // the key uses the address that the listener reports
		p.Key, p.Expression = sourceKey, ""
	}
	if p.Expression != "" {
		loader := patternfiles.Loader(ctx)
		loader.HTTP = p.HTTP
		var err error
		if p.expression, err = loader.Expression(p.Expression); err != nil {
			return fmt.Errorf("expression %q: %w", p.Expression, err)
		}
	}
	if p.template = keys[p.Key]; p.template == "" {
		p.template = p.Key
	}
	return nil
}

// validateKey validates the key.
func (p *Hash) validateKey() error {
	switch {
	case (p.Key == "") == (p.Expression == ""):
		return errors.New("expected key or expression, one of the two")
	case p.Key == "" || p.Key == sourceKey || keys[p.Key] != "":
		return nil
	case strings.Contains(p.Key, "{"):
		return options.ValidatePlaceholders(p.Key)
	}
	known := append(slices.Sorted(maps.Keys(keys)), sourceKey)
	return fmt.Errorf("unknown key %q%s, or placeholders in braces", p.Key, options.Suggest(p.Key, known))
}

// Pick returns the server for the connection's key.
func (p *Hash) Pick(_ pool.View, r *pool.Request) *pool.Server { return p.pick(r) }

// Hash returns the hash of the connection's key, or false if it has none.
func (p *Hash) Hash(r *pool.Request) (uint32, bool) {
	function := p.HashType.Function
	if p.Key == sourceKey && function != noFunction && r.Source.IsValid() {
		if b := r.Source.As16(); !r.Source.Is4() {
			return p.finish(sample.Sum(function, b[:])), true
		}
		b := r.Source.As4()
		return p.finish(sample.Sum(function, b[:])), true
	}
	key, ok := p.key(r)
	if !ok {
		return 0, false
	}
	if function == noFunction {
		n, ok := key.AsInteger()
		return p.finish(uint32(n)), ok // HAProxy truncates it, too
	}
	b, ok := key.AsBinary()
	return p.finish(sample.Sum(function, b)), ok
}

// NeedsRequest reports whether the key depends on bytes that the client sends.
func (p *Hash) NeedsRequest() bool { return strings.Contains(p.template, "{l4.client_hello.") }

func (p *Hash) key(r *pool.Request) (sample.Value, bool) {
	if p.expression != nil {
		c, ok := r.Connection.(samples)
		if !ok {
			return sample.Value{}, false
		}
		return c.Sample(p.expression)
	}
	if p.Key == sourceKey {
		return sample.Address(r.Source.Unmap()), r.Source.IsValid()
	}
	c, ok := r.Connection.(placeholders)
	if !ok {
		return sample.Value{}, false
	}
	text := c.Placeholders(p.template)
	return sample.Text(text), text != ""
}

// UnmarshalCaddyfile parses the policy. Syntax:
//
//	balance hash [<key>] {
//		expression <sample expression>
//		http
//		hash_type map_based|consistent [sdbm|djb2|wt6|crc32|none [avalanche]]
//		balance_factor <percent>
//		preserve_affinity always|maxconn|maxqueue
//	}
func (p *Hash) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the policy's name
	if d.NextArg() {
		p.Key = d.Val()
	}
	table := p.options()
	table["http"] = options.Flag(&p.HTTP)
	table["expression"] = options.Once(expressionOption(&p.Expression))
	if err := p.parse(d, table); err != nil {
		return err
	}
	return options.Wrap(d, p.validateKey())
}

// expressionOption parses an expression, which may have several words.
func expressionOption(to *string) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		*to = strings.Join(d.RemainingArgs(), " ")
		return nil
	}
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Hash)(nil)
	_ caddyfile.Unmarshaler = (*Hash)(nil)
	_ pool.Policy           = (*Hash)(nil)
	_ pool.Rebuilder        = (*Hash)(nil)
	_ pool.Hasher           = (*Hash)(nil)
	_ pool.Sticky           = (*Hash)(nil)
	_ pool.Predictable      = (*Hash)(nil)
)
