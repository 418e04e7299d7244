// SPDX-License-Identifier: Apache-2.0

// Package options parses Caddyfile blocks, each through one table: name → option. Arity,
// duplicates, unknown words and ranges are checked here, so that every block of the project reports
// a mistake in the same way: with the file, the line, the expected form and the nearest word that
// would have been right. The package does not know what options mean, except for values that many
// blocks have: durations, names of protocols, placeholders.
package options

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Option is one word of a block with the function that parses its arguments.
type Option struct {
	parse      func(d *caddyfile.Dispenser) error
	repeatable bool
	advice     string // for a word that is not an option here: what to write instead
}

// Once returns an option that may be given once. f is called with the dispenser on the option's
// name and consumes exactly the option's arguments and block.
func Once(f func(d *caddyfile.Dispenser) error) Option {
	return Option{parse: f}
}

// Repeatable returns an option that may be given several times; otherwise it is like Once.
func Repeatable(f func(d *caddyfile.Dispenser) error) Option {
	return Option{parse: f, repeatable: true}
}

// After returns the option with a function that is called before the option is parsed, with the
// dispenser on its name. The function consumes nothing.
func (o Option) After(f func(d *caddyfile.Dispenser) error) Option {
	parse := o.parse
	o.parse = func(d *caddyfile.Dispenser) error {
		if err := f(d); err != nil {
			return err
		}
		return parse(d)
	}
	return o
}

// Table holds the options of one kind of block by name.
type Table map[string]Option

// Advice holds, for words that users expect in a block but that are not options of it, what to
// write instead, or why there is no such option.
type Advice map[string]string

// Add adds one advice for several words. An existing advice of a word stays.
func (a Advice) Add(advice string, words ...string) Advice {
	for _, word := range words {
		if _, known := a[word]; !known {
			a[word] = advice
		}
	}
	return a
}

// OnceIn returns the table for one of several blocks with the options of the same object: an option
// that may be given once may be given once in all of them together. given maps the options given so
// far to their places.
func (t Table) OnceIn(given map[string]string) Table {
	all := maps.Clone(t)
	for name, o := range t {
		if o.parse == nil || o.repeatable {
			continue
		}
		all[name] = o.After(func(d *caddyfile.Dispenser) error {
			if at, twice := given[name]; twice {
				return d.Errf("option %q is given twice, first at %s", name, at)
			}
			given[name] = fmt.Sprintf("%s:%d", d.File(), d.Line())
			return nil
		})
	}
	return all
}

// With adds advice to the table for words that are not its options, and returns the table.
func (t Table) With(a Advice) Table {
	for word, advice := range a {
		if _, known := t[word]; !known {
			t[word] = Option{advice: advice}
		}
	}
	return t
}

// Names returns the sorted names of the options.
func (t Table) Names() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(t)), func(name string) bool { return t[name].parse == nil })
}

// ParseBlock parses the block that follows, if any. The rest of the current line must be empty.
func (t Table) ParseBlock(d *caddyfile.Dispenser) error {
	return t.parse(d, make(map[string]bool, len(t)))
}

// ParseLine parses the options on the rest of the current line and then those of the block that
// follows, if any: `timeouts connect 5s client 1m`.
func (t Table) ParseLine(d *caddyfile.Dispenser) error {
	seen := make(map[string]bool, len(t))
	for d.NextArg() {
		if err := t.option(d, seen); err != nil {
			return err
		}
	}
	return t.parse(d, seen)
}

func (t Table) parse(d *caddyfile.Dispenser, seen map[string]bool) error {
	if err := expectLineEnd(d); err != nil {
		return err
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := t.option(d, seen); err != nil {
			return err
		}
		if err := expectLineEnd(d); err != nil {
			return err
		}
	}
	return nil
}

func (t Table) option(d *caddyfile.Dispenser, seen map[string]bool) error {
	name := d.Val()
	if name == "{" {
		return d.Err("unexpected block: the word before '{' takes none")
	}
	o, ok := t[name]
	if !ok || o.parse == nil {
		return d.Errf("%s", t.unknown(name))
	}
	if seen[name] && !o.repeatable {
		return d.Errf("option %q is given twice", name)
	}
	seen[name] = true
	return o.parse(d)
}

// unknown returns the error message for a word that is not an option.
func (t Table) unknown(name string) string {
	folded := strings.ReplaceAll(strings.ToLower(name), "-", "_")
	if o := t[folded]; o.advice != "" {
		return fmt.Sprintf("%q is not an option here: %s", name, o.advice)
	}
	known := t.Names()
	elsewhere := slices.DeleteFunc(slices.Sorted(maps.Keys(t)), func(name string) bool { return t[name].parse != nil })
	for _, find := range []func(string, []string) string{sameLetters, synonym} {
		if near := find(folded, elsewhere); near != "" && Nearest(name, known) == "" {
			return fmt.Sprintf("unknown option %q; did you mean %q? It is not an option here: %s", name, near, t[near].advice)
		}
	}
	return fmt.Sprintf("unknown option %q%s", name, Suggest(name, known))
}

// Wrap adds file and line to an error. It returns nil for nil.
func Wrap(d *caddyfile.Dispenser, err error) error {
	if err == nil {
		return nil
	}
	return d.WrapErr(err)
}

func expectLineEnd(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return nil
	}
	return d.Errf("unexpected %q: the line should have ended before it", d.Val())
}
