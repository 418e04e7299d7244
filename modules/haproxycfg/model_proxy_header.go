// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Actions of tcp-request connection about headers that clients send before their data.
const (
	expectProxy     = "expect-proxy"
	expectNetScaler = "expect-netscaler-cip"
)

// validateMagic validates the number that NetScaler's header begins with. HAProxy truncates it to
// 32 bits, and refuses 0.
func validateMagic(v string) error {
	if magicNumber(v) == 0 {
		return fmt.Errorf("invalid value %s, must be >= 0: expected a decimal number other than 0", v)
	}
	return nil
}

func magicNumber(v string) uint32 {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return 0
	}
	return uint32(n) // truncated, as in HAProxy
}

// expectsHeader reports whether the action is one about headers.
func expectsHeader(action string) bool { return action == expectProxy || action == expectNetScaler }

// validateExpect validates "expect-proxy layer4", or reports why a rule cannot have it.
func (t *translation) validateExpect(p *proxy, s statement) (ok bool) {
	switch layer := s.arg(1); {
	case layer != "layer4":
		t.errorf(s.Pos, "'%s %s' only supports 'layer4' in %s (got '%s')", s.keyword, s.args[0], p, layer)
		return false
	case s.keyword != "tcp-request connection":
		t.errorf(s.Pos, "'%s layer4' is not allowed in '%s' rules in %s", s.args[0], s.keyword, p)
		return false
	}
	return true
}

// always returns the condition of a rule that needs one although its line has none.
func always() *condition {
	criterion := sample.Criterion{Fetch: "always_true"}
	return &condition{groups: [][]term{{{acl: &acl{criteria: []sample.Criterion{criterion}}}}}}
}
