// SPDX-License-Identifier: Apache-2.0

package httpmonitor

import (
	"errors"
	"fmt"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Condition is true if all terms of one of its groups are. It is what stands after
// if or unless in a haproxy.cfg.
type Condition struct {
	// Any are the groups. Required.
	Any [][]Term `json:"any"`

	// Unless turns the condition around.
	Unless bool `json:"unless,omitempty"`
}

// Term is an ACL of HAProxy, named or anonymous.
type Term struct {
	// Name is that of the ACL, for readers of the configuration.
	Name string `json:"name,omitempty"`

	// Not turns the term around. It is HAProxy's "!".
	Not bool `json:"not,omitempty"`

	// Any are criteria, one of which must be true. Required.
	Any []sample.Criterion `json:"any"`

	acls []*sample.ACL
}

func (c *Condition) provision(loader *sample.Loader) error {
	if len(c.Any) == 0 {
		return errors.New("it asks nothing: expected a group of terms in any")
	}
	for _, group := range c.Any {
		for i := range group {
			if err := group[i].provision(loader); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *Term) provision(loader *sample.Loader) error {
	if len(t.Any) == 0 {
		return errors.New("a term asks nothing: expected a criterion in any")
	}
	for _, c := range t.Any {
		acl, err := loader.Criterion(c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Fetch, err)
		}
		t.acls = append(t.acls, acl)
	}
	return nil
}

// questions are what the condition asks about the process.
func (c *Condition) questions() (all []sample.Question) {
	for _, group := range c.Any {
		for i := range group {
			for _, acl := range group[i].acls {
				all = append(all, acl.Questions()...)
			}
		}
	}
	return all
}

// isTrue says what the condition comes to. What has no value is not true.
func (c *Condition) isTrue(in *sample.Input) bool {
	for _, group := range c.Any {
		if allTrue(group, in) {
			return !c.Unless
		}
	}
	return c.Unless
}

func allTrue(group []Term, in *sample.Input) bool {
	for i := range group {
		if group[i].isTrue(in) == group[i].Not {
			return false
		}
	}
	return true
}

func (t *Term) isTrue(in *sample.Input) bool {
	for _, acl := range t.acls {
		if acl.Match(in) == sample.Pass {
			return true
		}
	}
	return false
}
