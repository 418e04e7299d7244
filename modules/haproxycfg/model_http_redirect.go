// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/httprules"
)

// parseRedirectRule reads "scheme|location|prefix TO [code N] [drop-query]
// [append-slash] [set-cookie|clear-cookie NAME] [ignore-empty] [keep-query]".
func parseRedirectRule(t *translation, l *ruleLine) (err error) {
	d := new(httprules.Redirect)
	l.Redirect = d
	var code string
	for words := l.words; len(words) > 0; {
		word := words[0]
		if flag := redirectFlags[word]; flag != nil {
			*flag(d) = true
			words = words[1:]
			continue
		}
		set := redirectValues[word]
		if set == nil {
			return fmt.Errorf("expects 'code', 'prefix', 'location', 'scheme', 'set-cookie', 'clear-cookie', 'drop-query', 'append-slash', 'ignore-empty', 'keep-query', 'if' or 'unless' (was '%s')", word)
		}
		if len(words) < 2 {
			return fmt.Errorf("'%s' expects an argument", word)
		}
		if err := set(d, words[1]); err != nil {
			return err
		}
		if word == "code" {
			code = words[1]
		}
		words = words[2:]
	}
	switch {
	case d.Kind == "":
		return errors.New("redirection type expected ('prefix', 'location', or 'scheme')")
	case code != "" && !slices.Contains([]int{301, 302, 303, 307, 308}, d.Code):
		return fmt.Errorf("unsupported HTTP code '%s' (must be one of 301, 302, 303, 307 or 308)", code)
	}
	d.To, err = t.format(l, d.To)
	return err
}

// redirectFlags are the words of a redirect rule that have no value.
var redirectFlags = map[string]func(*httprules.Redirect) *bool{
	"drop-query":   func(d *httprules.Redirect) *bool { return &d.DropQuery },
	"keep-query":   func(d *httprules.Redirect) *bool { return &d.KeepQuery },
	"append-slash": func(d *httprules.Redirect) *bool { return &d.AppendSlash },
	"ignore-empty": func(d *httprules.Redirect) *bool { return &d.IgnoreEmpty },
}

// redirectValues are the words of a redirect rule that have a value.
var redirectValues = map[string]func(*httprules.Redirect, string) error{
	"scheme":     func(d *httprules.Redirect, v string) error { d.Kind, d.To = "scheme", v; return nil },
	"location":   func(d *httprules.Redirect, v string) error { d.Kind, d.To = "location", v; return nil },
	"prefix":     func(d *httprules.Redirect, v string) error { d.Kind, d.To = "prefix", v; return nil },
	"set-cookie": func(d *httprules.Redirect, v string) error { d.Cookie = v + "; path=/;"; return nil },
	"clear-cookie": func(d *httprules.Redirect, v string) error {
		d.Cookie = v + "; path=/; Max-Age=0;"
		return nil
	},
	"set-cookie-fmt": func(*httprules.Redirect, string) error {
		return errors.New("'set-cookie-fmt' is not available: expected set-cookie")
	},
	"code": func(d *httprules.Redirect, v string) error {
		d.Code, _ = strconv.Atoi(v) // parseRedirectRule validates it
		return nil
	},
}
