// SPDX-License-Identifier: Apache-2.0

package logformat

import (
	"errors"
	"fmt"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Options are those of Parse.
type Options struct {
	// Captures is the number of slots of what rules have captured, which %hr writes.
	Captures int
	// Check is called for each expression with its text, and with the place of its brackets in the
	// format. For one that HAProxy has and this program lacks, e is nil and err an
	// [*sample.Unsupported]; if Check returns nil, it has no value. Otherwise its error is Parse's.
	// With nil, Parse returns err.
	Check func(text string, at [2]int, e *sample.Expression, err error) error
}

type parser struct {
	Options
	loader *sample.Loader
	text   string
	at     int
	flags  flags // of the items that follow
	f      *Format
}

// Parse reads a format. Errors have HAProxy's text.
func Parse(l *sample.Loader, text string, o Options) (*Format, error) {
	p := &parser{Options: o, loader: l, text: text, f: new(Format)}
	for p.at < len(text) {
		switch text[p.at] {
		case ' ':
			p.at = len(text) - len(strings.TrimLeft(text[p.at:], " "))
			p.f.items = append(p.f.items, item{separates: true})
		case '%':
			if err := p.item(); err != nil {
				return nil, err
			}
		default:
			end := strings.IndexAny(text[p.at:], " %")
			if end < 0 {
				end = len(text) - p.at
			}
			p.addText(text[p.at : p.at+end])
			p.at += end
		}
	}
	return p.f, nil
}

func (p *parser) addText(t string) { p.f.items = append(p.f.items, item{text: t}) }

// next returns the next byte, or 0 at the end.
func (p *parser) next() byte {
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

// item reads what a percent sign begins.
func (p *parser) item() error {
	begin := p.at
	p.at++
	if p.next() == '%' {
		p.addText("%")
		p.at++
		return nil
	}
	i := item{flags: p.flags}
	if err := p.name(&i); err != nil {
		return err
	}
	on, off, braces, err := p.braces()
	if err != nil {
		return err
	}
	i.flags = i.flags&^off | on
	if p.next() == '[' {
		return p.expression(i)
	}
	end := p.at
	for end < len(p.text) && isLetter(p.text[end]) {
		end++
	}
	name := p.text[p.at:end]
	switch {
	case name == "" && braces:
		return fmt.Errorf("parse argument modifier without alias name near '%s'", p.text[begin:p.at])
	case name == "":
		return errors.New("truncated line after '%'")
	}
	p.at = end
	if name == "o" {
		p.flags = i.flags &^ (inJSON | inCBOR | binary)
		p.f.encode = (p.f.encode | on&^off) &^ off
		return nil
	}
	return p.alias(i, name)
}

func isLetter(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// name reads "(NAME)" or "(NAME:TYPE)".
func (p *parser) name(i *item) error {
	if p.next() != '(' {
		return nil
	}
	end := p.at + 1
	for end < len(p.text) && (isLetter(p.text[end]) || p.text[end] == '_' || p.text[end] == '-') {
		end++
	}
	i.name = p.text[p.at+1 : end]
	if end < len(p.text) && p.text[end] == ':' {
		from := end + 1
		if end = strings.IndexByte(p.text[from:], ')'); end < 0 {
			end = len(p.text) - from
		}
		end += from
		i.as = p.text[from:end]
		if !isType(i.as) {
			return fmt.Errorf("unexpected output type '%s' at position %d line : '%s'. Supported types are: str, sint, bool, raw", i.as, from, p.text)
		}
	}
	switch {
	case end == len(p.text):
		return fmt.Errorf("truncated line after '%s'", i.name)
	case p.text[end] != ')':
		return fmt.Errorf("invalid character in custom name near '%c' at position %d line : '%s'", p.text[end], end, p.text)
	}
	p.at = end + 1
	return nil
}

func isType(name string) bool {
	return name == "str" || name == "sint" || name == "bool" || name == "raw"
}

// braces reads "{+FLAG,-FLAG…}". Unknown flags have no effect.
func (p *parser) braces() (on, off flags, found bool, err error) {
	if p.next() != '{' {
		return 0, 0, false, nil
	}
	words, _, closed := strings.Cut(p.text[p.at+1:], "}")
	if !closed {
		return 0, 0, true, fmt.Errorf("truncated line after '%s'", words)
	}
	p.at += len(words) + 2
	for word := range strings.SplitSeq(words, ",") {
		if name, adds := strings.CutPrefix(word, "+"); adds {
			on |= flagNames[name]
		} else if name, removes := strings.CutPrefix(word, "-"); removes {
			off |= flagNames[name]
		}
	}
	return on, off, true, nil
}

// alias adds an item for an alias.
func (p *parser) alias(i item, name string) error {
	s, known := aliases[name]
	if !known {
		return fmt.Errorf("no such format alias '%s'. If you wanted to emit the '%%' character verbatim, you need to use '%%%%'", name)
	}
	if name == "hr" || name == "hrl" {
		i.isValue, i.sources = true, p.Captures
		for n := range p.Captures {
			p.addSource(source{capture: n})
		}
	}
	p.add(i, s)
	return nil
}

func (p *parser) add(i item, s spec) {
	i.spec = s
	p.f.items = append(p.f.items, i)
	p.f.uses[s.fact] = true
	p.f.atEnd = p.f.atEnd || s.atEnd
	p.f.server = p.f.server || s.server
}

func (p *parser) addSource(s source) {
	p.f.sources = append(p.f.sources, s)
	p.f.late = p.f.late || s.late
	p.f.early = p.f.early || !s.late
}

// expression adds an item for "[EXPRESSION]".
func (p *parser) expression(i item) error {
	inner, _, closed := strings.Cut(p.text[p.at+1:], "]")
	if s, is := fetches[inner]; is && closed {
		p.at += len(inner) + 2
		p.add(i, s)
		return nil
	}
	begin := p.at
	e, end, err := p.loader.Bracketed(p.text, begin+1)
	if _, is := errors.AsType[*sample.Unsupported](err); is && p.Check != nil && closed {
		p.at += len(inner) + 2
		p.add(i, spec{fact: Never})
		return p.Check(inner, [2]int{begin, p.at}, nil, err)
	}
	if err != nil {
		return err
	}
	p.at = end
	if p.Check != nil {
		if err := p.Check(p.text[begin+1:end-1], [2]int{begin, end}, e, nil); err != nil {
			return err
		}
	}
	i.isValue, i.sources = true, 1
	p.addSource(source{expression: e, late: isLate(e)})
	p.add(i, spec{})
	return nil
}
