// SPDX-License-Identifier: Apache-2.0

package l4clienthello

import (
	"fmt"
	"os"
	"regexp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
)

// nameCondition matches server names by patterns and regular expressions.
type nameCondition struct {
	patterns    []string
	table       names.Table
	expressions []*regexp.Regexp
}

func newNameCondition(m *Matcher) (c nameCondition, err error) {
	for _, pattern := range m.SNI {
		if err := c.add(pattern); err != nil {
			return c, fmt.Errorf("sni: %w", err)
		}
	}
	for _, file := range m.SNIFile {
		if err := c.addFile(file); err != nil {
			return c, fmt.Errorf("sni_file: %w", err)
		}
	}
	for _, expression := range m.SNIRegexp {
		compiled, err := compile(expression)
		if err != nil {
			return c, fmt.Errorf("sni_regexp: %w", err)
		}
		c.expressions = append(c.expressions, compiled)
	}
	return c, nil
}

func (c *nameCondition) add(pattern string) error {
	c.patterns = append(c.patterns, pattern)
	return c.table.Add(pattern, names.Target{})
}

func (c *nameCondition) addFile(file string) error {
	f, err := os.Open(file) //nolint:gosec // the configuration names it
	if err != nil {
		return err
	}
	defer f.Close()
	entries, err := names.ReadList(file, f)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := c.add(e.Pattern); err != nil {
			return err
		}
	}
	return nil
}

// compile compiles a regular expression for names, which are case-insensitive.
func compile(expression string) (*regexp.Regexp, error) {
	if expression == "" {
		return nil, fmt.Errorf("%q: expected a regular expression", expression)
	}
	// Compiled without the flag first, so that the error shows the user's own text.
	if _, err := regexp.Compile(expression); err != nil {
		return nil, fmt.Errorf("%q: %w", expression, err)
	}
	return regexp.Compile("(?i)" + expression)
}

func (c *nameCondition) match(h *clienthello.Hello) bool {
	if !h.HasServerName() {
		return false
	}
	name := h.ServerName()
	if _, ok := c.table.Lookup(name); ok {
		return true
	}
	for _, expression := range c.expressions {
		if expression.Match(name) {
			return true
		}
	}
	return false
}
