// SPDX-License-Identifier: Apache-2.0

package options

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Text returns an option with one argument.
func Text(p *string) Option {
	return Once(func(d *caddyfile.Dispenser) (err error) {
		*p, err = Arg(d)
		return err
	})
}

// Texts returns an option with one or more arguments.
func Texts(p *[]string) Option {
	return Once(func(d *caddyfile.Dispenser) error {
		first, err := Arg(d)
		if err != nil {
			return err
		}
		*p = append([]string{first}, d.RemainingArgs()...)
		return nil
	})
}

// Flag returns an option without arguments.
func Flag(p *bool) Option {
	return Once(func(*caddyfile.Dispenser) error {
		*p = true
		return nil
	})
}

// OneOf returns an option with one of the known words.
func OneOf(p *string, known []string) Option {
	return Once(func(d *caddyfile.Dispenser) (err error) {
		name := d.Val()
		if *p, err = Arg(d); err != nil {
			return err
		}
		if err := ValidateWord(name, *p, known); err != nil {
			return d.WrapErr(err)
		}
		return nil
	})
}

// ValidateWord returns an error for a word that is not in known. An empty word is valid.
func ValidateWord(name, word string, known []string) error {
	if word == "" || slices.Contains(known, word) {
		return nil
	}
	return fmt.Errorf("%s: unknown word %q%s", name, word, Suggest(word, known))
}

// Escaped returns an option with one argument, to which Unescape is applied.
func Escaped(p *string) Option {
	return Once(func(d *caddyfile.Dispenser) error {
		name := d.Val()
		word, err := Arg(d)
		if err != nil {
			return err
		}
		if *p, err = Unescape(word); err != nil {
			return d.Errf("%s: %q: %w", name, word, err)
		}
		return nil
	})
}

var errEscape = errors.New(`expected \r, \n, \t, \0, \\ or \xHH after a backslash`)

// Unescape replaces C escapes, such as \r\n, by their bytes: a Caddyfile cannot contain a carriage
// return otherwise.
func Unescape(s string) (string, error) {
	const plain = "rnt0\\"
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, `\`)
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		if after == "" {
			return "", errEscape
		}
		if i := strings.IndexByte(plain, after[0]); i >= 0 {
			b.WriteByte("\r\n\t\x00\\"[i])
			s = after[1:]
			continue
		}
		if len(after) < 3 || after[0] != 'x' {
			return "", errEscape
		}
		c, err := strconv.ParseUint(after[1:3], 16, 8)
		if err != nil {
			return "", errEscape
		}
		b.WriteByte(byte(c))
		s = after[3:]
	}
}
