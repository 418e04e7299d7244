// SPDX-License-Identifier: Apache-2.0

// Package options parses Caddyfile blocks through one table per block: name →
// option. Arity, duplicates, unknown words and ranges are checked here, so that
// every block of the project answers a mistake in the same way, with the file,
// the line, what was expected and the nearest word that would have been right.
// It knows nothing of what the options mean, but for the values that many blocks
// have: durations, names of protocols, placeholders.
package options

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Option is one word of a block and what to do with its arguments.
type Option struct {
	parse      func(d *caddyfile.Dispenser) error
	repeatable bool
	advice     string // what to write in place of the word, which is no option here
}

// Once is an option that may be given once. f is called with the dispenser on
// the option's name and takes the option's arguments and block, no more.
func Once(f func(d *caddyfile.Dispenser) error) Option {
	return Option{parse: f}
}

// Repeatable is Once for an option that may be given several times.
func Repeatable(f func(d *caddyfile.Dispenser) error) Option {
	return Option{parse: f, repeatable: true}
}

// Table holds the options of one kind of block by name.
type Table map[string]Option

// Advice holds, for words that are no options of a block though people expect
// them there, what to write instead, or why there is nothing.
type Advice map[string]string

// Add adds one advice for several words. What a word has already stays.
func (a Advice) Add(advice string, words ...string) Advice {
	for _, word := range words {
		if _, known := a[word]; !known {
			a[word] = advice
		}
	}
	return a
}

// With adds advice to the table for words that are no options of it, and returns
// the table.
func (t Table) With(a Advice) Table {
	for word, advice := range a {
		if _, known := t[word]; !known {
			t[word] = Option{advice: advice}
		}
	}
	return t
}

// Names returns the names of the options, in order.
func (t Table) Names() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(t)), func(name string) bool { return t[name].parse == nil })
}

// ParseBlock parses the block that follows, if there is one; nothing else may
// stand on the current line.
func (t Table) ParseBlock(d *caddyfile.Dispenser) error {
	return t.parse(d, make(map[string]bool, len(t)))
}

// ParseLine parses the options on the rest of the current line and then those
// of the block that follows, if there is one: `timeouts connect 5s client 1m`.
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
	if err := noMore(d); err != nil {
		return err
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := t.option(d, seen); err != nil {
			return err
		}
		if err := noMore(d); err != nil {
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

// unknown returns what is wrong with a word that is no option.
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

func noMore(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return nil
	}
	return d.Errf("unexpected %q: the line should have ended before it", d.Val())
}
