// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"

	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/l4acl"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Always reports whether the condition is true for every connection.
func (c *Condition) Always() bool {
	return len(c.Sets) == 0 || !c.Unless && slices.ContainsFunc(c.Sets, func(s Set) bool {
		return s.OnlyHello() && s.Hello == nil
	})
}

// OnlyHello reports whether the set has no matcher but Hello, if any.
func (s *Set) OnlyHello() bool { return s.ACL == nil && s.Rate == nil && len(s.Others) == 0 }

// Foreign reports whether the condition has matchers of other packages.
func (c *Condition) Foreign() bool {
	return slices.ContainsFunc(c.Sets, func(s Set) bool { return len(s.Others) > 0 })
}

// NeedsRequest reports whether the condition depends on bytes from the client.
func (c *Condition) NeedsRequest() bool {
	return slices.ContainsFunc(c.Sets, func(s Set) bool {
		return s.ACL != nil && s.ACL.NeedsRequest() || s.Hello != nil || slices.ContainsFunc(s.Others, needsRequest)
	})
}

// Changes reports whether evaluating the condition changes a counter.
func (c *Condition) Changes() bool {
	return slices.ContainsFunc(c.Sets, func(s Set) bool { return slices.ContainsFunc(s.acls(), (*l4acl.Matcher).Changes) })
}

// Questions returns the condition's questions about the process; see sample.Expression.
func (c *Condition) Questions() (all []sample.Question) {
	for _, s := range c.Sets {
		for _, acl := range s.acls() {
			all = append(all, acl.Questions()...)
		}
	}
	return all
}

// needsRequest returns false for the matchers of caddy-l4 that use only addresses. Any other
// matcher may read bytes.
func needsRequest(m layer4.ConnMatcher) bool {
	switch m := m.(type) {
	case *layer4.MatchRemoteIP, *layer4.MatchLocalIP:
		return false
	case *layer4.MatchNot:
		return slices.ContainsFunc(m.MatcherSets, func(s layer4.MatcherSet) bool { return slices.ContainsFunc(s, needsRequest) })
	case interface{ NeedsRequest() bool }:
		return m.NeedsRequest()
	default:
		return true
	}
}

// acls returns the ACLs of the set, also those within not.
func (s *Set) acls() (all []*l4acl.Matcher) {
	if s.ACL != nil {
		all = append(all, s.ACL)
	}
	return appendACLs(all, s.Others)
}

func appendACLs(all []*l4acl.Matcher, matchers layer4.MatcherSet) []*l4acl.Matcher {
	for _, m := range matchers {
		switch m := m.(type) {
		case *l4acl.Matcher:
			all = append(all, m)
		case *layer4.MatchNot:
			for _, set := range m.MatcherSets {
				all = appendACLs(all, set)
			}
		}
	}
	return all
}
