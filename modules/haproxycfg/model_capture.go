// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/logformat"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

const (
	noteCapture     = "it is for the formats of the log: without a format that has it, nothing is captured"
	noteSetLogLevel = "it has no effect in rules for responses"
	noteDoLog       = "there are no log profiles; see log-steps"
)

// capture reads "capture EXPRESSION len N", which sets the variable of the next slot.
func (t *translation) capture(p *proxy, s statement, has sample.Needs, r rule) (rule, []string, error) {
	at := slices.Index(s.args, "len")
	if at < 0 {
		return r, nil, errors.New("a positive 'len' argument is mandatory")
	}
	length, err := strconv.Atoi(s.arg(at + 1))
	if err != nil || length <= 0 {
		return r, nil, errors.New("a positive 'len' argument is mandatory")
	}
	value := s
	value.args = slices.Concat(s.args[:at], s.args[at+2:])
	r, condition, err := t.ruleValue(p, value, has, r)
	if err != nil {
		return r, nil, err
	}
	r.captures = true
	r.variable, r.value = logformat.CaptureVariable(p.logging.slots), fmt.Sprintf("%s,concat(),bytes(0,%d)", r.value, length)
	p.logging.slots++
	return r, condition, nil
}

// declareCapture reads "declare capture request|response len N": rules of mode tcp cannot fill its
// slot.
func declareCapture(_ *translation, p *proxy, s statement) {
	if s.arg(0) == "request" {
		p.logging.slots++
	}
}
