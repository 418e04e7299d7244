// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// Validators for keyword.args.

func noArgs(args []string) error { return atMost(0)(args) }

// oneArg expects exactly one argument.
func oneArg(args []string) error { return between(1, 1)(args) }

// someArgs expects at least one argument.
func someArgs(args []string) error { return between(1, 1<<30)(args) }

func atMost(n int) func([]string) error { return between(0, n) }

func between(least, most int) func([]string) error {
	return func(args []string) error {
		switch {
		case len(args) < least && least == 1:
			return errors.New("expects an argument")
		case len(args) < least:
			return fmt.Errorf("expects at least %d arguments, and has %d", least, len(args))
		case len(args) > most && most == 0:
			return fmt.Errorf("cannot handle unexpected argument '%s': expected none", args[0])
		case len(args) > most:
			return fmt.Errorf("cannot handle unexpected argument '%s': expected at most %d", args[most], most)
		}
		return nil
	}
}

// number expects one integer.
func number(low, high int64) func([]string) error {
	return func(args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("expects an integer argument from %d to %d", low, high)
		}
		if _, err := haproxyfile.ParseUint(args[0], low, high); err != nil {
			return fmt.Errorf("expects an integer argument: %w", err)
		}
		return atMost(1)(args)
	}
}

// duration expects one time. A bare number is in milliseconds.
func duration(args []string) error {
	switch len(args) {
	case 0:
		return errors.New("expects an integer value (in milliseconds), or a time such as 5s")
	case 1:
	default:
		return fmt.Errorf(": unexpected extra argument '%s' after value '%s'", args[1], args[0])
	}
	if _, err := haproxyfile.ParseTime(args[0], time.Millisecond); err != nil {
		return fmt.Errorf(": %w", err)
	}
	return nil
}

// oneOf expects one of the given words.
func oneOf(words ...string) func([]string) error {
	return func(args []string) error {
		if len(args) == 0 || !slices.Contains(words, args[0]) {
			got := ""
			if len(args) > 0 {
				got = args[0]
			}
			return fmt.Errorf("expects %s but got '%s'", choices(words), got)
		}
		return nil
	}
}

// choices lists words to choose from, for a message.
func choices(words []string) string {
	switch n := len(words); n {
	case 1:
		return "'" + words[0] + "'"
	case 2, 3:
		return "one of '" + strings.Join(words, "', '") + "'"
	default:
		return "one of '" + strings.Join(words[:n-1], "', '") + "' or '" + words[n-1] + "'"
	}
}

// milliseconds parses a time that args has validated.
func milliseconds(text string) time.Duration {
	d, _ := haproxyfile.ParseTime(text, time.Millisecond)
	return d
}

// integer parses a number that args has validated.
func integer(text string) int {
	n, _ := haproxyfile.ParseUint(text, 0, 1<<31-1)
	return int(n)
}
