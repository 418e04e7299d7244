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
		switch word := words[0]; word {
		case "scheme", "location", "prefix", "code", "set-cookie", "set-cookie-fmt", "clear-cookie":
			if len(words) < 2 {
				return fmt.Errorf("'%s' expects an argument", word)
			}
			switch word {
			case "code":
				code = words[1]
				d.Code, _ = strconv.Atoi(code)
			case "set-cookie":
				d.Cookie = words[1] + "; path=/;"
			case "clear-cookie":
				d.Cookie = words[1] + "; path=/; Max-Age=0;"
			case "set-cookie-fmt":
				return errors.New("'set-cookie-fmt' is not available: expected set-cookie")
			default:
				d.Kind, d.To = word, words[1]
			}
			words = words[2:]
			continue
		case "drop-query":
			d.DropQuery = true
		case "keep-query":
			d.KeepQuery = true
		case "append-slash":
			d.AppendSlash = true
		case "ignore-empty":
			d.IgnoreEmpty = true
		default:
			return fmt.Errorf("expects 'code', 'prefix', 'location', 'scheme', 'set-cookie', 'clear-cookie', 'drop-query', 'append-slash', 'ignore-empty', 'keep-query', 'if' or 'unless' (was '%s')", word)
		}
		words = words[1:]
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
