// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"fmt"
	"strings"
)

// maxBlocks is the number of nested ".if" that HAProxy rejects.
const maxBlocks = 100

// A block is a conditional block, from ".if" to ".endif".
type block struct {
	line   int  // of its ".if"
	active bool // the lines of the current branch count
	done   bool // a branch was taken, or the outer block is inactive
	last   bool // ".else" was seen
}

// active reports whether lines count at the current position.
func (r *reader) active() bool { return len(r.blocks) == 0 || r.blocks[len(r.blocks)-1].active }

// readDirective executes a directive: a line whose first word begins with a dot.
func (r *reader) readDirective(words []string) {
	switch words[0] {
	case ".if":
		r.openBlock(words)
	case ".elif", ".else":
		r.switchBlock(words)
	case ".endif":
		if r.validateStructure(words) {
			r.blocks = r.blocks[:len(r.blocks)-1]
		}
	default:
		if r.active() {
			r.say(words)
		}
	}
}

func (r *reader) openBlock(words []string) {
	outer := r.active()
	r.blocks = append(r.blocks, block{line: r.pos.Line, done: !outer})
	if len(r.blocks) >= maxBlocks {
		r.fail("too many nested '.if': expected fewer than %d", maxBlocks)
		return
	}
	if outer {
		r.decide(words)
	}
}

// switchBlock begins the next branch of a block.
func (r *reader) switchBlock(words []string) {
	if !r.validateStructure(words) {
		return
	}
	b := &r.blocks[len(r.blocks)-1]
	switch {
	case b.last:
		r.fail("'%s' after '.else' is not permitted: expected '.endif'", words[0])
	case words[0] == ".else":
		b.active, b.last = !b.done, true
	case b.done:
		b.active = false
	default:
		r.decide(words)
	}
}

// decide takes a branch if its condition holds: the words after the first.
func (r *reader) decide(words []string) {
	holds, err := r.evaluate(strings.Join(words[1:], " "))
	if err != nil {
		r.fail("%v in '%s'", err, words[0])
		return
	}
	b := &r.blocks[len(r.blocks)-1]
	b.active, b.done = holds, holds
}

// validateStructure checks that a directive of a block is inside one, and has no extra words.
func (r *reader) validateStructure(words []string) bool {
	switch {
	case words[0] != ".elif" && len(words) > 1 && words[1] != "":
		r.fail("unexpected argument '%s' for '%s': expected none", words[1], words[0])
	case len(r.blocks) == 0:
		r.fail("lone '%s' with no matching '.if'", words[0])
	default:
		return true
	}
	return false
}

// messages maps the directives that print a message to its severity.
var messages = map[string]Severity{".diag": Notice, ".notice": Notice, ".warning": Warning, ".alert": Error}

// say reports the message of a directive.
func (r *reader) say(words []string) {
	severity, ok := messages[words[0]]
	switch {
	case !ok:
		r.errorf("unknown directive '%s': expected .if, .elif, .else, .endif, .notice, .warning, .alert or .diag", words[0])
	case len(words) > 2 && words[2] != "":
		r.errorf("unexpected argument '%s' for '%s': expected one message, in quotes if it contains spaces", words[2], words[0])
	case words[0] == ".diag":
		// HAProxy prints it with -dD only.
	default:
		r.report(severity, "%s", strings.Join(words[1:], "")) // at most one is non-empty
		r.stopped = r.stopped || severity == Error
	}
}

// evaluate reports whether a condition holds. An empty one does not.
func (r *reader) evaluate(text string) (bool, error) {
	if text == "" {
		return false, nil
	}
	c := condition{text: text, reader: r}
	holds, err := c.or()
	if err != nil {
		return false, err
	}
	if c.skipBlanks(); c.at < len(text) {
		return false, fmt.Errorf("unexpected character '%s' at the end of conditional expression '%s': expected '&&', '||' or nothing", text[c.at:c.at+1], text)
	}
	return holds, nil
}
