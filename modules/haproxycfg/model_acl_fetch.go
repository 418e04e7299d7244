// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// aclTerm is a term of the fetch acl() and the ACL that it names, to which later lines may add.
type aclTerm struct {
	*sample.Term
	acl *acl
}

// referToACLs resolves the names in a criterion "acl(NAME,!NAME...)" of an ACL.
func (t *translation) referToACLs(p *proxy, a *acl, c *sample.Criterion) error {
	list, ok := strings.CutPrefix(c.Fetch, "acl")
	if !ok || list != "" && list[0] != '(' {
		return nil
	}
	if list != "" && strings.IndexByte(list, ')') != len(list)-1 {
		return fmt.Errorf("'%s': converters after acl() are not available", c.Fetch)
	}
	for word := range strings.SplitSeq(strings.Trim(list, "()"), ",") {
		name, not := strings.CutPrefix(word, "!")
		named, err := t.referredACL(p, a, name)
		if err != nil {
			return fmt.Errorf("invalid args in fetch method 'acl' : %w", err)
		}
		a.refers = append(a.refers, named)
		term := &sample.Term{Name: name, Not: not, Any: slices.Clone(named.criteria)}
		c.All = append(c.All, term)
		t.aclTerms = append(t.aclTerms, aclTerm{term, named})
	}
	return nil
}

// referredACL returns the ACL of a name to which another one refers.
func (t *translation) referredACL(p *proxy, from *acl, name string) (*acl, error) {
	named, err := t.namedACL(p, name)
	switch {
	case err != nil:
		return nil, err
	case len(named.criteria) == 0:
		return nil, fmt.Errorf("no such ACL : '%s'", name)
	case named.refersTo(from):
		return nil, fmt.Errorf("ACL '%s' would ask for itself", name)
	}
	return named, nil
}

// refersTo reports whether a is other, or refers to it through acl().
func (a *acl) refersTo(other *acl) bool {
	return a == other || slices.ContainsFunc(a.refers, func(r *acl) bool { return r.refersTo(other) })
}

// fillACLTerms gives the terms of acl() the final criteria of their ACLs.
func (t *translation) fillACLTerms() {
	for _, one := range t.aclTerms {
		one.Any = slices.Clone(one.acl.criteria)
	}
}
