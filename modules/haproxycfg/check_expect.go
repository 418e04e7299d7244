// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// expected is what tcp-check expect and http-check expect have in common.
type expected struct {
	kind, pattern, comment string
	not                    bool
	least                  int
}

// words of an expectation that change nothing but what is logged.
var sayings = []string{"ok-status", "error-status", "tout-status", "on-success", "on-error", "status-code"}

func (t *translation) parseExpect(s statement, args, kinds []string) (e expected, err error) {
	for len(args) > 0 {
		name := args[0]
		if name == "!" {
			if args = args[1:]; len(args) == 0 {
				break
			}
			name = "!" + args[0]
		}
		name, not := strings.CutPrefix(name, "!")
		known := slices.Contains(kinds, name)
		if !known && (not || name != "min-recv" && name != "comment" && !slices.Contains(sayings, name)) {
			return e, fmt.Errorf("only supports min-recv, '[!]%s' or comment but got '%s' as argument", strings.Join(kinds, "', '[!]"), name)
		}
		if len(args) < 2 {
			what := "an argument"
			if known {
				what = "a <pattern> as argument"
			}
			return e, fmt.Errorf("'%s' expects %s", name, what)
		}
		switch value := args[1]; {
		case known:
			e.kind, e.pattern, e.not = name, value, not
		case name == "min-recv":
			e.least = max(1, integer(value)) // HAProxy decides nothing on nothing
		case name == "comment":
			e.comment = value
		default:
			t.notice(s.Pos, differs, statusOfInfo, name)
		}
		args = args[2:]
	}
	if e.kind == "" {
		return e, errors.New("expects at least a matching pattern as arguments")
	}
	if strings.HasPrefix(e.kind, "r") {
		if _, err := regexp.Compile(e.pattern); err != nil {
			return e, fmt.Errorf("regex '%s' is invalid: %w", e.pattern, err)
		}
	}
	return e, plain(e.kind, e.pattern)
}
