// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"fmt"
	"strconv"
)

// A Criterion is an ACL without its name: an expression and the patterns to compare its value with.
// It matches if any of the patterns does. In HAProxy it follows the name of an acl line, or stands
// between braces in a condition.
type Criterion struct {
	// Fetch is the expression to evaluate, such as "req.ssl_sni,lower".
	Fetch string `json:"fetch"`
	// Method is the matching method, HAProxy's -m. Default: given by the type of the expression.
	Method string `json:"method,omitempty"`
	// IgnoreCase is HAProxy's -i.
	IgnoreCase bool `json:"ignore_case,omitempty"`
	// Values are the patterns, as in haproxy.cfg. Operators such as "ge" are values of their own.
	Values []string `json:"values,omitempty"`
	// Files are HAProxy's -f: files with one pattern a line.
	Files []string `json:"files,omitempty"`
	// All are terms that must all match, in place of Fetch. They are the ACLs that HAProxy's fetch
	// acl() names; Fetch then only describes them to readers.
	All []*Term `json:"all,omitempty"`
}

// ParseCriterion parses the words after the name in an acl line, such as "req.ssl_sni -i -m end
// .b.test". It validates the flags; [Loader.Criterion] validates the rest.
func ParseCriterion(words []string) (Criterion, error) {
	if len(words) == 0 || words[0] == "" {
		return Criterion{}, errors.New("missing fetch method in ACL expression ''")
	}
	p := flagParser{criterion: Criterion{Fetch: words[0]}, words: words[1:]}
	for p.next() {
		if err := p.flag(); err != nil {
			return Criterion{}, err
		}
	}
	for k, word := range p.words {
		if word == "" && k+1 < len(p.words) {
			return Criterion{}, fmt.Errorf("an empty argument ends the patterns: '%s' would be ignored", p.words[k+1])
		}
		if word != "" {
			p.criterion.Values = append(p.criterion.Values, word)
		}
	}
	return p.criterion, nil
}

// A flagParser parses flags at the beginning of words.
type flagParser struct {
	criterion Criterion
	words     []string
	ended     bool
}

func (p *flagParser) next() bool {
	return !p.ended && len(p.words) > 0 && len(p.words[0]) > 0 && p.words[0][0] == '-'
}

// take returns the next word, "" at the end.
func (p *flagParser) take() string {
	if len(p.words) == 0 {
		return ""
	}
	word := p.words[0]
	p.words = p.words[1:]
	return word
}

func (p *flagParser) flag() error {
	c := &p.criterion
	switch flag := p.take(); flag {
	case "-i":
		if len(c.Files) > 0 && !c.IgnoreCase {
			return &Unsupported{"'-i' after '-f'", "case is ignored in all patterns or in none"}
		}
		c.IgnoreCase = true
	case "-f":
		c.Files = append(c.Files, p.take())
	case "-m":
		if len(c.Files) > 0 {
			return errors.New("'-m' must only be specified before patterns and files in parsing ACL expression")
		}
		c.Method = p.take()
		if unknown, ok := errors.AsType[*unknownError](findMethod(c.Method)); ok {
			return fmt.Errorf("%w when parsing ACL expression", unknown)
		}
	case "-n":
		// Ignored: host names are never resolved.
	case "-u":
		if _, err := strconv.Atoi(p.take()); err != nil {
			return errors.New("the argument of -u must be an integer")
		}
	case "-M":
		return &Unsupported{"'-M'", "the files of an ACL have one column"}
	case "--":
		p.ended = true
	default:
		return fmt.Errorf("'%s' is not a valid ACL option. Please use '--' before any pattern beginning with a '-'", flag)
	}
	return nil
}

// predefined holds HAProxy's predefined ACLs. Most examine HTTP and cannot be loaded.
var predefined = map[string]Criterion{
	"TRUE":           {Fetch: "always_true"},
	"FALSE":          {Fetch: "always_false"},
	"LOCALHOST":      {Fetch: "src", Values: []string{"127.0.0.1/8", "::1"}},
	"REQ_CONTENT":    {Fetch: "req.len", Values: []string{"gt", "0"}},
	"WAIT_END":       {Fetch: "wait_end"},
	"RDP_COOKIE":     {Fetch: "req.rdp_cookie_cnt", Values: []string{"gt", "0"}},
	"HTTP":           {Fetch: "req.proto_http"},
	"HTTP_1.0":       {Fetch: "req.ver", Values: []string{"1.0"}},
	"HTTP_1.1":       {Fetch: "req.ver", Values: []string{"1.1"}},
	"HTTP_2.0":       {Fetch: "req.ver", Values: []string{"2.0"}},
	"HTTP_3.0":       {Fetch: "req.ver", Values: []string{"3.0"}},
	"HTTP_CONTENT":   {Fetch: "req.hdr_val(content-length)", Values: []string{"gt", "0"}},
	"HTTP_URL_ABS":   {Fetch: "url_reg", Values: []string{"^[^/:]*://"}},
	"HTTP_URL_SLASH": {Fetch: "url_beg", Values: []string{"/"}},
	"HTTP_URL_STAR":  {Fetch: "url", Values: []string{"*"}},
	"METH_CONNECT":   {Fetch: "method", Values: []string{"CONNECT"}},
	"METH_DELETE":    {Fetch: "method", Values: []string{"DELETE"}},
	"METH_GET":       {Fetch: "method", Values: []string{"GET", "HEAD"}},
	"METH_HEAD":      {Fetch: "method", Values: []string{"HEAD"}},
	"METH_OPTIONS":   {Fetch: "method", Values: []string{"OPTIONS"}},
	"METH_POST":      {Fetch: "method", Values: []string{"POST"}},
	"METH_PUT":       {Fetch: "method", Values: []string{"PUT"}},
	"METH_TRACE":     {Fetch: "method", Values: []string{"TRACE"}},
}

// Predefined returns the criterion of a predefined ACL, such as TRUE or WAIT_END.
func Predefined(name string) (Criterion, bool) {
	c, ok := predefined[name]
	c.Values = append([]string(nil), c.Values...)
	return c, ok
}
