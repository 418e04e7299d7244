// SPDX-License-Identifier: Apache-2.0

package stick

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// DefaultResponseDelay is the default of Backend.ResponseDelay.
const DefaultResponseDelay = 5 * time.Second

// off is the ResponseDelay of rules that do not wait.
const off caddy.Duration = -1

// Backend is the stickiness of a backend: clients come back to the server that they had.
type Backend struct {
	// Table is the backend's own table, which has the backend's name. Its defaults depend on the key
	// of the first rule that uses it: type and length have room for the key; the size is 100000, and
	// entries expire after 30 minutes.
	Table *Table `json:"table,omitempty"`

	// Rules are evaluated in order. The first one that finds a usable server decides, unless a
	// use_server rule has decided; a connection is stored once in each table, and in 8 at most.
	Rules []*Rule `json:"rules,omitempty"`

	// ResponseDelay limits how long the server's first bytes are held back while the key of a
	// store_response rule is incomplete. Default: 5s; -1: the rules do not wait. In HAProxy they do
	// not: rules of tcp-response content do.
	ResponseDelay caddy.Duration `json:"response_delay,omitempty"`

	requests, responses []*Rule
}

// Provision compiles the rules. A nil Backend has no rules.
func (b *Backend) Provision(ctx caddy.Context) error {
	if b == nil {
		return nil
	}
	if b.ResponseDelay == 0 {
		b.ResponseDelay = caddy.Duration(DefaultResponseDelay)
	}
	if b.ResponseDelay != off {
		if err := options.ValidateDuration("response_delay", b.ResponseDelay); err != nil {
			return err
		}
	}
	if len(b.Rules) == 0 {
		return errors.New("it has no rules: expected at least one, such as on src")
	}
	for i, r := range b.Rules {
		if r == nil {
			return at(i, errors.New("expected an object with action and key"))
		}
		if err := r.provision(ctx); err != nil {
			return at(i, err)
		}
		if r.ofResponse() {
			b.responses = append(b.responses, r)
		} else {
			b.requests = append(b.requests, r)
		}
	}
	return nil
}

// Finder returns the name of the backend's server that an entry names, by address or by name, or ""
// if the connection cannot go there.
type Finder func(stored string, byAddress bool) (server string)

// Request evaluates the rules of requests for a connection, whose server may have been assigned
// already. It returns the server, or "". p gets the entries to store. Errors are those of matchers.
func (b *Backend) Request(v *rules.View, assigned string, p *Pending, find Finder) (server string, err error) {
	server = assigned
	for i, r := range b.requests {
		t := r.table.Table()
		if r.stores() && p.has(t, 0) {
			continue
		}
		value, verdict, err := r.evaluate(v)
		if err != nil {
			return "", at(i, err)
		}
		var key []byte
		ok, stored := false, ""
		if verdict == sample.Pass {
			key, ok = value.Key(t.Config())
		}
		if ok && r.looks() {
			stored = lookUp(v, t, key)
			if stored == "" && server == "" && v.Trace == nil && r.table.isShared() {
				if stored = r.fetch(v, key, p); p.waits {
					return "", nil
				}
			}
		}
		if stored != "" && server == "" {
			server = find(stored, r.table.byAddress())
		}
		if v.Observe != nil {
			r.observe(v, i, value, verdict, stored)
		}
		if !ok {
			continue
		}
		if r.stores() {
			p.add(t, key, r.table.byAddress())
		}
	}
	p.requests = len(p.stores)
	return server, nil
}

// fetch returns the server of an entry that the store of the rule's table may have, or "". If it
// has to wait and may not, p says so.
func (r *Rule) fetch(v *rules.View, key []byte, p *Pending) (server string) {
	share := r.table.handle.shared.share()
	if share == nil || !share.Fetches(key) {
		return ""
	}
	if !p.MayWait {
		p.waits = true
		return ""
	}
	share.Fetch(key)
	return lookUp(v, r.table.Table(), key)
}

// isShared reports whether other nodes share the table.
func (t *Table) isShared() bool { return t.handle.shared.sharing.Load() != nil }

// lookUp returns the server of an entry, or "", and touches the entry.
func lookUp(v *rules.View, t *tables.Table, key []byte) (server string) {
	read := func(r tables.Row) { server = r.Server() }
	if v.Trace != nil {
		t.View(key, read)
	} else {
		t.Touch(key, read)
	}
	return server
}

// observe shows what a rule of requests has found.
func (r *Rule) observe(v *rules.View, i int, key sample.Value, verdict sample.Verdict, stored string) {
	s := rules.Step{List: "stick", Number: i + 1, Rule: r.Action + " " + r.Key, Condition: &r.condition, Verdict: verdict}
	switch {
	case verdict != sample.Pass:
	case !r.looks():
		s.Note = fmt.Sprintf("the server is stored for the key %s once it is connected", key)
	case stored == "":
		s.Note = fmt.Sprintf("no server is stored for the key %s", key)
	default:
		s.Note = fmt.Sprintf("the server %s is stored for the key %s", stored, key)
	}
	v.Observe(s)
}

// Response evaluates the rules of responses. It reports whether one of them waits for more bytes of
// the server; then nothing has changed.
func (b *Backend) Response(v *rules.View, p *Pending) (waits bool, err error) {
	for i, r := range b.responses {
		t := r.table.Table()
		if p.has(t, p.requests) {
			continue
		}
		value, verdict, err := r.evaluate(v)
		switch {
		case err != nil:
			return false, at(i, err)
		case verdict == sample.Miss && !v.Final:
			p.dropResponses()
			return true, nil
		case verdict != sample.Pass:
		default:
			if key, ok := value.Key(t.Config()); ok {
				p.add(t, key, r.table.byAddress())
			}
		}
	}
	return false, nil
}

// LearnsResponse reports whether there are rules of responses.
func (b *Backend) LearnsResponse() bool { return b != nil && len(b.responses) > 0 }

// NeedsRequest reports whether the rules of requests depend on bytes from the client.
func (b *Backend) NeedsRequest() bool {
	return b != nil && slices.ContainsFunc(b.requests, (*Rule).needsRequest)
}

// Foreign reports whether any rule has matchers of other packages, which may block.
func (b *Backend) Foreign() bool {
	return b != nil && slices.ContainsFunc(b.Rules, func(r *Rule) bool { return r.condition.Foreign() })
}

// Questions returns the rules' questions about the process; see sample.Expression.
func (b *Backend) Questions() (all []sample.Question) {
	for _, r := range b.Rules {
		if e := r.key.expression; e != nil {
			all = append(all, e.Questions()...)
		}
		all = append(all, r.condition.Questions()...)
	}
	return all
}

// at adds the number of a rule to an error.
func at(i int, err error) error { return fmt.Errorf("rule %d: %w", i+1, err) }
