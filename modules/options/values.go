// SPDX-License-Identifier: Apache-2.0

package options

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Duration returns an option with one duration as Caddy writes them (500ms, 5s, 1d), which must be
// greater than zero.
func Duration(p *caddy.Duration) Option {
	return Once(func(d *caddyfile.Dispenser) error {
		name := d.Val()
		word, err := Arg(d)
		if err != nil {
			return err
		}
		v, err := caddy.ParseDuration(word)
		if err != nil {
			return d.Errf("%s: %q is not a duration: expected a number with a unit, such as 500ms, 5s or 1m", name, word)
		}
		if v <= 0 {
			return d.Errf("%s: %v: expected a duration greater than zero", name, v)
		}
		if err := ValidateDuration(name, caddy.Duration(v)); err != nil {
			return d.WrapErr(err)
		}
		*p = caddy.Duration(v)
		return nil
	})
}

// Int returns an option with one whole number from low to high.
func Int(p *int, low, high int) Option {
	return Once(func(d *caddyfile.Dispenser) error {
		name := d.Val()
		word, err := Arg(d)
		if err != nil {
			return err
		}
		v, err := strconv.Atoi(word)
		if err != nil || v < low || v > high {
			return d.Errf("%s: %q: expected a whole number from %d to %d", name, word, low, high)
		}
		*p = v
		return nil
	})
}

// Optional returns option o for a value whose absence differs from its zero value: *p stays nil
// until the option is given.
func Optional[T any](p **T, o func(*T) Option) Option {
	return Once(func(d *caddyfile.Dispenser) error {
		v := new(T)
		if err := o(v).parse(d); err != nil {
			return err
		}
		*p = v
		return nil
	})
}

// Arg returns the next argument of the option that d is on.
func Arg(d *caddyfile.Dispenser) (string, error) {
	name := d.Val()
	if !d.NextArg() {
		return "", d.Errf("%q needs an argument", name)
	}
	return d.Val(), nil
}
