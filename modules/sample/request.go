// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"bytes"
	"iter"
	"strings"
)

// A request is the head of an HTTP/1 request. Its fields are views of the client's bytes.
type request struct {
	method, uri, version []byte
	headers              []header
}

type header struct{ name, value []byte }

// parseRequest parses the head of an HTTP/1 request, as strictly as HAProxy does. It returns Miss
// while further bytes may complete the head, and Fail as soon as a byte cannot be part of one. A
// request line without a version is HTTP/0.9 and ends the head.
func parseRequest(b []byte) (r request, verdict Verdict) {
	p := requestParser{rest: b}
	p.skipEmptyLines()
	r.method = p.token()
	p.blanks(1)
	if r.uri = p.until(isURIByte); len(r.uri) == 0 {
		p.fail()
	}
	if !p.atLineEnd() {
		p.blanks(1)
	}
	if p.atLineEnd() { // without a version
		r.version = []byte("HTTP/1.0")
		p.lineEnd()
		return r, p.verdict()
	}
	r.version = p.until(isVersionByte)
	p.lineEnd()
	for p.verdict() == Pass && !p.atLineEnd() {
		h := header{name: p.token()}
		p.expect(':')
		h.value = p.value()
		if isLength(h) && !isDigits(h.value) {
			p.fail()
		}
		r.headers = append(r.headers, h)
	}
	p.lineEnd()
	return r, p.verdict()
}

// A requestParser reads bytes until one is missing or wrong. After that it reads nothing.
type requestParser struct {
	rest         []byte
	wrong, short bool
}

func (p *requestParser) fail() {
	if !p.short {
		p.wrong = true
	}
}

func (p *requestParser) verdict() Verdict {
	switch {
	case p.wrong:
		return Fail
	case p.short:
		return Miss
	}
	return Pass
}

// more reports whether there is a byte to read.
func (p *requestParser) more() bool {
	if len(p.rest) == 0 && !p.wrong {
		p.short = true
	}
	return !p.wrong && !p.short
}

func (p *requestParser) skipEmptyLines() {
	for p.more() && (p.rest[0] == '\r' || p.rest[0] == '\n') {
		p.lineEnd()
	}
}

// until reads the bytes that belong to a set. It needs to see a byte after them.
func (p *requestParser) until(belongs func(byte) bool) []byte {
	n := 0
	for n < len(p.rest) && belongs(p.rest[n]) {
		n++
	}
	read := p.rest[:n]
	p.rest = p.rest[n:]
	p.more()
	return read
}

func (p *requestParser) token() []byte {
	t := p.until(isTokenByte)
	if len(t) == 0 {
		p.fail()
	}
	return t
}

// blanks reads blanks, at least as many as given.
func (p *requestParser) blanks(least int) {
	if len(p.until(isBlank)) < least {
		p.fail()
	}
}

func (p *requestParser) expect(c byte) {
	if p.more() {
		if p.rest[0] != c {
			p.fail()
			return
		}
		p.rest = p.rest[1:]
	}
}

func (p *requestParser) atLineEnd() bool {
	return p.more() && (p.rest[0] == '\r' || p.rest[0] == '\n')
}

func (p *requestParser) lineEnd() {
	if p.more() && p.rest[0] == '\r' {
		p.rest = p.rest[1:]
	}
	p.expect('\n')
}

// value reads a header's value, without the blanks around it, and the end of the line. A line that
// begins with a blank continues the value.
func (p *requestParser) value() []byte {
	p.until(isBlank)
	var value []byte
	for first := true; p.more() && (first || isBlank(p.rest[0])); first = false {
		line := p.until(func(c byte) bool { return c != '\r' && c != '\n' && c != 0 })
		p.lineEnd()
		if value == nil {
			value = line
		} else {
			value = bytes.Join([][]byte{value, bytes.TrimLeft(line, " \t")}, []byte(" "))
		}
		p.more()
	}
	return bytes.Trim(value, " \t")
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func isURIByte(c byte) bool { return 33 <= c && c <= 126 }

func isVersionByte(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || c == '.' || c == '/'
}

func isTokenByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

func isLength(h header) bool { return strings.EqualFold(string(h.name), "content-length") }

func isDigits(b []byte) bool {
	return len(b) > 0 && !bytes.ContainsFunc(b, func(c rune) bool { return c < '0' || c > '9' })
}

// path returns the path of the URI and everything after it: for http://host/path, /path. It returns
// nil without a path.
func (r *request) path() []byte {
	uri := r.uri
	if len(uri) > 0 && uri[0] == '/' {
		return uri
	}
	_, rest, ok := bytes.Cut(uri, []byte("://"))
	if !ok {
		return nil
	}
	if at := bytes.IndexByte(rest, '/'); at >= 0 {
		return rest[at:]
	}
	return nil
}

// values yields the values of the headers with a name. Unless whole, values are separated by
// commas; commas inside quotes do not count.
func (r *request) values(name string, whole bool) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, h := range r.headers {
			if !strings.EqualFold(string(h.name), name) {
				continue
			}
			for rest, more := h.value, true; more; {
				value := rest
				if !whole {
					value, rest, more = cutValue(rest)
				} else {
					more = false
				}
				if !yield(bytes.Trim(value, " \t")) {
					return
				}
			}
		}
	}
}

// cutValue cuts a list at its first comma that is not in quotes.
func cutValue(list []byte) (value, rest []byte, more bool) {
	quoted := false
	for k := 0; k < len(list); k++ {
		switch c := list[k]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			k++
		case c == ',' && !quoted:
			return list[:k], list[k+1:], true
		}
	}
	return list, nil, false
}
