// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// acl is the criteria of all lines of one name, of which one must match.
type acl struct {
	name     string
	criteria []sample.Criterion
	needs    []sample.Needs // of each criterion
	refers   []*acl         // the ACLs that acl() in its criteria names
	members  *members       // a criterion about accounts, for pages with statistics
}

// String returns the name of the ACL for messages.
func (a *acl) String() string {
	if a.name == "" {
		return "anonymous acl"
	}
	return "acl '" + a.name + "'"
}

// term is an ACL in a condition, or its negation.
type term struct {
	*acl
	not bool
}

// condition follows if or unless: all terms of one of the groups must match.
type condition struct {
	unless bool
	groups [][]term
}

// addACL reads "acl NAME CRITERION ...".
func addACL(t *translation, p *proxy, s statement) {
	name := s.args[0]
	if p.isAnonymous() {
		t.errorf(s.Pos, "'acl' not allowed in anonymous 'defaults' section: expected a name for the section")
		return
	}
	t.validateName(s.Pos, "acl name", name)
	if strings.EqualFold(name, "or") {
		t.errorf(s.Pos, "acl name '%s' will never match: 'or' is used to express a disjunction within a condition", name)
		return
	}
	if haproxyfile.BeginsCondition(name) {
		t.warnf(s.Pos, "acl name '%s' is easily taken for the beginning of a condition", name)
	}
	a := p.acls[name]
	if a == nil {
		a = &acl{name: name}
		p.acls[name] = a
	}
	if err := t.addCriterion(p, s.Pos, a, s.args[1:]); err != nil {
		t.errorf(s.Pos, "error detected while parsing ACL '%s' : %v", name, err)
	}
}

// addCriterion validates a criterion and adds it to an ACL.
func (t *translation) addCriterion(p *proxy, pos haproxyfile.Pos, a *acl, words []string) error {
	if len(words) == 0 {
		return errors.New("missing fetch method in ACL expression ''")
	}
	if !p.isHTTP() && isHTTPResponse(words[0]) {
		t.warnf(pos, "%s will never match: '%s' has a meaning in mode http only, as in HAProxy", a, fetchName(words[0]))
		a.criteria = append(a.criteria, sample.Criterion{Fetch: "always_false"})
		return nil
	}
	if m := parseMembers(words); m != nil && p.isHTTP() && a.members == nil {
		a.members = m
		return nil
	}
	c, err := sample.ParseCriterion(words)
	if err != nil {
		return err
	}
	if err := t.resolveFiles(&c); err != nil {
		return err
	}
	if err := t.referToACLs(p, a, &c); err != nil {
		return err
	}
	compiled, err := t.loaderFor(p).Criterion(c)
	if err != nil {
		return unavailable(err)
	}
	if w := compiled.Warning(); w != "" {
		t.warnf(pos, "%s: %s", a, w)
	}
	a.criteria = append(a.criteria, c)
	a.needs = append(a.needs, compiled.Needs())
	t.addExpressionQuestions(p, pos, "ACL keyword", "", compiled.Questions())
	return nil
}

// unavailable marks an error about something that HAProxy has and this program lacks.
func unavailable(err error) error {
	if _, ok := errors.AsType[*sample.Unsupported](err); ok {
		return fmt.Errorf("%w (not available here)", err)
	}
	return err
}

// resolveFiles makes the file names of a criterion absolute.
func (t *translation) resolveFiles(c *sample.Criterion) (err error) {
	if c.Fetch, err = sample.RewriteFiles(c.Fetch, t.absoluteFile); err != nil {
		return err
	}
	for i := range c.Files {
		if c.Files[i], err = t.absoluteFile(c.Files[i]); err != nil {
			return err
		}
	}
	return nil
}

// condition reads the end of a rule: nothing, or "if" or "unless" and terms.
func (t *translation) condition(p *proxy, s statement, words []string) (*condition, error) {
	c, err := t.conditionOfStats(p, s, words)
	if err == nil && c != nil && slices.ContainsFunc(slices.Concat(c.groups...), func(one term) bool { return one.acl.members != nil }) {
		err = errMembers
	}
	return c, err
}

// conditionOfStats reads a condition that may be about accounts.
func (t *translation) conditionOfStats(p *proxy, s statement, words []string) (*condition, error) {
	if len(words) == 0 {
		return nil, nil //nolint:nilnil // no condition is not an error
	}
	if !haproxyfile.BeginsCondition(words[0]) {
		return nil, fmt.Errorf("only accepts 'if' or 'unless' (got '%s')", words[0])
	}
	c := &condition{unless: words[0] == "unless", groups: [][]term{nil}}
	words = words[1:]
	for len(words) > 0 {
		if words[0] == "||" || strings.EqualFold(words[0], "or") {
			c.groups, words = append(c.groups, nil), words[1:]
			continue
		}
		one, rest, err := t.term(p, s, words)
		if err != nil {
			return nil, err
		}
		last := len(c.groups) - 1
		c.groups[last] = append(c.groups[last], one)
		words = rest
	}
	if len(c.groups) == 1 && len(c.groups[0]) == 0 {
		return nil, errors.New("has no ACL in its condition: expected one after 'if' or 'unless'")
	}
	return c, nil
}

// term reads one ACL of a condition: a name, or a definition in braces.
func (t *translation) term(p *proxy, s statement, words []string) (one term, rest []string, err error) {
	name := words[0]
	for strings.HasPrefix(name, "!") {
		one.not, name = !one.not, name[1:]
		if name == "" {
			if words = words[1:]; len(words) == 0 {
				return one, nil, errors.New("has nothing after '!' in its condition")
			}
			name = words[0]
		}
	}
	words = words[1:]
	if name != "{" {
		one.acl, err = t.namedACL(p, name)
		return one, words, err
	}
	end := slices.Index(words, "}")
	if end < 0 {
		return one, nil, errors.New("missing closing '}' in condition")
	}
	one.acl = new(acl)
	if err := t.addCriterion(p, s.Pos, one.acl, words[:end]); err != nil {
		return one, nil, err
	}
	return one, words[end+1:], nil
}

// namedACL returns an ACL of the section, or one of HAProxy's predefined ones.
func (t *translation) namedACL(p *proxy, name string) (*acl, error) {
	if a := p.acls[name]; a != nil {
		return a, nil
	}
	c, ok := sample.Predefined(name)
	if !ok {
		return nil, fmt.Errorf("no such ACL : '%s'%s", name, didYouMean(name, slices.Collect(maps.Keys(p.acls))))
	}
	compiled, err := t.loaderFor(p).Criterion(c)
	if err != nil {
		return nil, unavailable(err)
	}
	return &acl{name: name, criteria: []sample.Criterion{c}, needs: []sample.Needs{compiled.Needs()}}, nil
}

// needs reports whether a criterion of the condition needs any of what.
func (c *condition) needs(what sample.Needs) bool {
	return c != nil && slices.ContainsFunc(c.groups, func(terms []term) bool {
		return slices.ContainsFunc(terms, func(one term) bool {
			return slices.ContainsFunc(one.acl.needs, func(n sample.Needs) bool { return n&what != 0 })
		})
	})
}
