// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"fmt"
	"slices"
	"strings"
)

// maxDepth is the limit for nested parentheses. HAProxy allows a few more.
const maxDepth = 300

// A condition evaluates the condition of ".if" or ".elif":
//
//	or   = and { "||" and }
//	and  = term { "&&" term }
//	term = { "!" } ( number | "(" or ")" | predicate )
//
// All of it is evaluated, which has no side effects.
type condition struct {
	text   string
	at     int
	depth  int
	reader *reader
}

// skipBlanks skips the blanks between terms, including those that were quoted in the line.
func (c *condition) skipBlanks() {
	for c.at < len(c.text) && (c.text[c.at] == ' ' || c.text[c.at] == '\t') {
		c.at++
	}
}

// skip skips blanks, and then the operator if it comes next, which it reports.
func (c *condition) skip(operator string) bool {
	c.skipBlanks()
	if !strings.HasPrefix(c.text[c.at:], operator) {
		return false
	}
	c.at += len(operator)
	return true
}

func (c *condition) or() (holds bool, err error) {
	for {
		right, err := c.and()
		if err != nil {
			return false, err
		}
		if holds = holds || right; !c.skip("||") {
			return holds, nil
		}
	}
}

func (c *condition) and() (holds bool, err error) {
	for holds = true; ; {
		right, err := c.term()
		if err != nil {
			return false, err
		}
		if holds = holds && right; !c.skip("&&") {
			return holds, nil
		}
	}
}

func (c *condition) term() (bool, error) {
	negated := false
	for c.skip("!") {
		negated = !negated
	}
	holds, err := c.plain()
	return holds != negated, err
}

// plain evaluates a term without exclamation marks.
func (c *condition) plain() (bool, error) {
	rest := c.text[c.at:]
	if nonzero, n := leadingNumber(rest); n > 0 {
		c.at += n
		return nonzero, nil
	}
	if strings.HasPrefix(rest, "(") {
		return c.parenthesis()
	}
	return c.predicate()
}

func (c *condition) parenthesis() (bool, error) {
	opened := c.at
	if c.depth++; c.depth > maxDepth {
		return false, fmt.Errorf("unparsable conditional expression: expected at most %d nested parentheses", maxDepth)
	}
	c.at++
	holds, err := c.or()
	if err != nil {
		return false, err
	}
	if !c.skip(")") {
		return false, fmt.Errorf("expected ')' after conditional expression '%s'", c.text[opened:])
	}
	c.depth--
	return holds, nil
}

// predicate evaluates a name with its arguments.
func (c *condition) predicate() (bool, error) {
	rest := c.text[c.at:]
	name := rest
	if i := strings.IndexAny(rest, " ("); i >= 0 {
		name = rest[:i]
	}
	p, ok := predicates[name]
	if !ok {
		known := make([]string, 0, len(predicates))
		for k := range predicates {
			known = append(known, k)
		}
		slices.Sort(known)
		return false, fmt.Errorf("unparsable conditional expression '%s' at position %d: expected a number, '(' or one of %s", rest, c.at+1, strings.Join(known, ", "))
	}
	c.at += len(name)
	args, err := c.arguments(name, p.args)
	if err != nil {
		return false, err
	}
	holds, err := p.holds(c.reader, args)
	if err != nil {
		return false, fmt.Errorf("evaluating predicate '%s': %w", name, err)
	}
	return holds, nil
}

// arguments parses the arguments of a predicate. Without parentheses there is one empty argument.
func (c *condition) arguments(predicate string, want int) (args []string, err error) {
	if !strings.HasPrefix(c.text[c.at:], "(") {
		args = append(args, "")
	}
	for more := len(args) == 0; more; {
		c.at++
		arg, err := c.argument(predicate)
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
		more = c.text[c.at] == ','
		if !more {
			c.at++
		}
	}
	if len(args) != want {
		return nil, fmt.Errorf("predicate '%s' has %d arguments: expected %d", predicate, len(args), want)
	}
	return args, nil
}

// argument parses an argument up to the comma or parenthesis that ends it. Quotes apply here a
// second time, after those of the line.
func (c *condition) argument(predicate string) (string, error) {
	var arg []byte
	quote := byte(0)
	for ; c.at < len(c.text); c.at++ {
		switch k := c.text[c.at]; {
		case k == quote:
			quote = 0
		case quote == 0 && (k == '"' || k == '\''):
			quote = k
		case quote == 0 && (k == ',' || k == ')'):
			return string(arg), nil
		case k == '\\' && quote != '\'' && c.at+1 < len(c.text):
			k, n := unescape(c.text[c.at+1])
			arg = append(arg, k)
			c.at += n - 1
		default:
			arg = append(arg, k)
		}
	}
	if quote != 0 {
		return "", fmt.Errorf("unmatched quote in an argument of predicate '%s': expected another %c", predicate, quote)
	}
	return "", fmt.Errorf("expected ')' after the arguments of predicate '%s'", predicate)
}

// leadingNumber parses the number that text begins with, as C's strtol() does with base 0. It
// returns whether the number is nonzero, and its length, which is 0 without a number.
func leadingNumber(text string) (nonzero bool, length int) {
	i := 0
	if i < len(text) && (text[i] == '-' || text[i] == '+') {
		i++
	}
	base := byte(10)
	switch {
	case len(text) > i+2 && text[i] == '0' && text[i+1]|0x20 == 'x':
		if _, ok := hexDigit(text[i+2]); ok {
			base = 16
			i += 2
			break
		}
		base = 8
	case len(text) > i && text[i] == '0':
		base = 8
	}
	first := i
	for ; i < len(text); i++ {
		digit, ok := hexDigit(text[i])
		if !ok || digit >= base {
			break
		}
		nonzero = nonzero || digit != 0
	}
	if i == first {
		return false, 0
	}
	return nonzero, i
}
