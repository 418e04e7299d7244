// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// CheckQuestions calls check for the questions of use_server, persist_rules and stick about the
// process, and returns its first error with the place of the rule.
func (b *Backend) CheckQuestions(check func(sample.Question) error) error {
	for i, u := range b.UseServer {
		asked := u.condition.Questions()
		if u.format != nil {
			asked = append(asked, u.format.Questions()...)
		}
		if err := checkAll(asked, check); err != nil {
			return b.at("use_server", i, fmt.Errorf("use_server %d: %w", i+1, err))
		}
	}
	for i, r := range b.PersistRules {
		if err := checkAll(r.condition.Questions(), check); err != nil {
			return b.at("persist_rule", i, fmt.Errorf("persist_rules %d: %w", i+1, err))
		}
	}
	if b.Stick == nil {
		return nil
	}
	if err := checkAll(b.Stick.Questions(), check); err != nil {
		return b.at("stick", 0, fmt.Errorf("stick: %w", err))
	}
	return nil
}

func checkAll(questions []sample.Question, check func(sample.Question) error) error {
	for _, q := range questions {
		if err := check(q); err != nil {
			return err
		}
	}
	return nil
}
