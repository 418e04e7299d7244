// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"fmt"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// observe adds a rule that was tried. Rules that are tried again, since a wait is over, replace
// those of the first time.
func (x *trial) observe(s rules.Step) {
	if s.List == "" {
		s.List = x.list
	}
	again := slices.IndexFunc(x.Steps, func(old ExplainedStep) bool {
		return old.List == s.List && old.Number >= s.Number && old.Number > 0
	})
	if again >= 0 && s.List == x.list {
		x.Steps = x.Steps[:again]
	}
	x.Steps = append(x.Steps, ExplainedStep{Step: s, When: s.Condition.String(), Compared: x.c.viewState.Trace.Take()})
}

// maxNames bounds the rules about names that an explanation lists although they do not match.
const maxNames = 20

// addNames adds the rules about names that come before the one that decides. The router does not
// try them one by one.
func (x *trial) addNames() {
	r, decided := x.c.f.Router, x.decidedBy()
	listed, more := 0, 0
	for i := range decided {
		if slices.Contains(r.others, i) {
			continue
		}
		if listed++; listed > maxNames {
			more++
			continue
		}
		x.insert(r.step(i))
	}
	if more > 0 {
		x.note("%d more rules about names come before, and do not match", more)
	}
}

// decidedBy returns the index of the route that decides, or the number of routes.
func (x *trial) decidedBy() int {
	r := x.c.f.Router
	for _, s := range x.Steps {
		switch {
		case s.Verdict != sample.Pass && s.Err == nil:
		case s.List == "site":
			return s.Number - 1
		case s.List == "rule":
			return s.Number - 1 + r.Names
		}
	}
	if !slices.ContainsFunc(x.Steps, func(s ExplainedStep) bool { return s.List == "default_backend" }) {
		return 0 // routes were not tried
	}
	return len(r.routes)
}

// insert adds a rule about names in its place.
func (x *trial) insert(s rules.Step) {
	step := ExplainedStep{Step: s, When: s.Condition.String()}
	step.Note = fmt.Sprintf("the name is %s", x.nameText())
	at := slices.IndexFunc(x.Steps, func(other ExplainedStep) bool {
		return other.List == "default_backend" || other.List == "on" || s.List == "site" && other.List == "rule" || other.List == s.List && other.Number > s.Number
	})
	if at < 0 {
		at = len(x.Steps)
	}
	x.Steps = slices.Insert(x.Steps, at, step)
}

// nameText returns the server name for a note.
func (x *trial) nameText() string {
	if name, ok := serverName(&x.c.viewState); ok && len(name) > 0 {
		return string(name)
	}
	return "missing"
}

// noteHello notes the facts of what the client sends.
func (x *trial) noteHello() {
	c, facts := x.c, &x.Hello
	facts.Outcome, facts.Uninspected = c.record.Outcome, c.record.Uninspected
	if c.hello == nil {
		return
	}
	facts.Err = c.hello.Err()
	h := c.hello.Hello()
	if h == nil {
		facts.Size = len(c.hello.Bytes())
		return
	}
	facts.Size, facts.HasName, facts.Name = h.Len(), h.HasServerName(), string(h.ServerName())
	facts.Version, facts.ECH, facts.PostQuantum, facts.JA4 = h.Version(), h.ECH(), h.PostQuantum(), c.hello.JA4()
	for p := range h.ALPN() {
		facts.ALPN = append(facts.ALPN, string(p))
	}
}
