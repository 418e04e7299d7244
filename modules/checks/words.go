// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// text is an option with one argument.
func text(p *string) options.Option {
	return options.Func(func(d *caddyfile.Dispenser) (err error) {
		*p, err = options.Arg(d)
		return err
	})
}

// texts is an option with one argument or more.
func texts(p *[]string) options.Option {
	return options.Func(func(d *caddyfile.Dispenser) error {
		first, err := options.Arg(d)
		if err != nil {
			return err
		}
		*p = append([]string{first}, d.RemainingArgs()...)
		return nil
	})
}

// flag is an option without arguments.
func flag(p *bool) options.Option {
	return options.Func(func(*caddyfile.Dispenser) error {
		*p = true
		return nil
	})
}

// oneOf is an option with one of some words.
func oneOf(p *string, known []string) options.Option {
	return options.Func(func(d *caddyfile.Dispenser) (err error) {
		name := d.Val()
		if *p, err = options.Arg(d); err != nil {
			return err
		}
		if err := checkWord(name, *p, known); err != nil {
			return d.WrapErr(err)
		}
		return nil
	})
}

// checkWord says if a word is none of those known; empty is none given.
func checkWord(name, word string, known []string) error {
	if word == "" || slices.Contains(known, word) {
		return nil
	}
	return fmt.Errorf("%s: unknown word %q%s", name, word, options.Suggest(word, known))
}

var errEscape = errors.New(`expected \r, \n, \t, \0, \\ or \xHH after a backslash`)

// unescape is text whose line ends and the like are written as in C: a Caddyfile
// has no other way to write a carriage return.
func unescape(s string) (string, error) {
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
