// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"fmt"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// Explanation says what a frontend would do with a connection, and why.
type Explanation struct {
	Frontend string `json:"frontend"`
	// State is open, full, disabled or stopped: in all but the first the client would wait, or be
	// refused, before.
	State string `json:"state"`
	// Summary is the result in one sentence.
	Summary string `json:"summary"`
	Hello   Hello  `json:"hello"`
	// Steps are the rules that were tried, in order.
	Steps []ExplainedStep `json:"steps"`
	// Backend is the name of the backend; empty: none.
	Backend string `json:"backend,omitempty"`
	// Site is the http server that gets the connections of the backend, in place of a server.
	Site string `json:"site,omitempty"`
	// Policy picks the server.
	Policy string `json:"policy,omitempty"`
	// Server is the server that the connection would get; empty: the load or the turn decides among
	// Candidates, the first of the usable ones, of which there are Usable.
	Server     string   `json:"server,omitempty"`
	Candidates []string `json:"candidates,omitempty"`
	Usable     int      `json:"usable"`
	// Queued reports that the connection would wait: the server, or all of them, are full.
	Queued bool `json:"queued,omitempty"`
	// End names the end of a connection that gets no server, as in the log: refused, no_backend,
	// passed_on and others. Action is the verb that ends it, such as reject, and Reason the cause.
	End    string `json:"end,omitempty"`
	Action string `json:"action,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Notes are limits of the explanation.
	Notes []string `json:"notes,omitempty"`
}

// Hello describes what a client sends.
type Hello struct {
	// Outcome is hello, timeout, not_tls and so on; empty if no rule looks at it.
	Outcome     string   `json:"outcome,omitempty"`
	Error       string   `json:"error,omitempty"`
	Size        int      `json:"size"`
	Name        string   `json:"name,omitempty"`
	ALPN        []string `json:"alpn,omitempty"`
	Version     string   `json:"version,omitempty"`
	JA4         string   `json:"ja4,omitempty"`
	ECH         bool     `json:"ech,omitempty"`
	PostQuantum bool     `json:"post_quantum,omitempty"`
}

// ExplainedStep is a rule that was tried.
type ExplainedStep struct {
	// List has the rule: connection, session, content, "content of backend NAME", site, rule, on,
	// default_backend, persist_rules, use_server or stick. Number is its position there, from 1; 0: it
	// is the only one.
	List   string `json:"list"`
	Number int    `json:"number,omitempty"`
	// Rule has its action, When its condition, in the words of the configuration.
	Rule string `json:"rule"`
	When string `json:"when,omitempty"`
	// Place is where it stands: FILE:LINE, if that is known.
	Place string `json:"place,omitempty"`
	// Result is matches, no_match, unknown or failed.
	Result string `json:"result"`
	// Why lists the values that were compared.
	Why []string `json:"why,omitempty"`
}

// maxCandidates bounds the servers that an explanation lists.
const maxCandidates = 50

func newExplanation(x *frontend.Explanation) Explanation {
	e := Explanation{
		Frontend: x.Frontend, State: x.State.String(), Hello: newHello(&x.Hello), Steps: []ExplainedStep{},
		Backend: x.Backend, Site: x.Site, Policy: x.Policy, Usable: len(x.Usable), Queued: x.Waits, Notes: x.Notes,
	}
	for _, s := range x.Steps {
		e.Steps = append(e.Steps, newStep(&s))
	}
	if x.Server != nil {
		e.Server = x.Server.Name
	}
	for _, s := range x.Usable[:min(len(x.Usable), maxCandidates)] {
		e.Candidates = append(e.Candidates, s.Name)
	}
	if x.Ends {
		e.End, e.Action, e.Reason = x.End.String(), x.Verb.String(), printable.Message(x.Reason)
	}
	e.Summary = summary(&e, x)
	return e
}

func newHello(f *frontend.HelloFacts) Hello {
	h := Hello{Outcome: f.Outcome.String(), Size: f.Size, Name: printable.Text(f.Name), JA4: f.JA4, ECH: f.ECH, PostQuantum: f.PostQuantum}
	if f.Uninspected {
		h.Outcome = ""
	}
	if f.Err != nil {
		h.Error = printable.Message(f.Err.Error())
	}
	if f.Version != 0 {
		h.Version = clienthello.VersionName(f.Version)
	}
	for _, p := range f.ALPN {
		h.ALPN = append(h.ALPN, printable.Text(p))
	}
	return h
}

// results are the words of verdicts.
var results = map[sample.Verdict]string{sample.Pass: "matches", sample.Fail: "no_match", sample.Miss: "unknown"}

func newStep(s *frontend.ExplainedStep) ExplainedStep {
	e := ExplainedStep{List: s.List, Number: s.Number, Rule: s.Rule, When: s.When, Place: s.Origin, Result: results[s.Verdict]}
	for _, c := range s.Compared {
		e.Why = append(e.Why, comparison(c))
	}
	if s.Note != "" {
		e.Why = append(e.Why, printable.Message(s.Note))
	}
	if s.Err != nil {
		e.Result = "failed"
		e.Why = append(e.Why, printable.Message(s.Err.Error()))
	}
	return e
}

// comparison says what a criterion found.
func comparison(c sample.Comparison) string {
	var values []string
	for _, v := range c.Values {
		values = append(values, printable.Text(v))
	}
	found := "it has no value"
	if len(values) > 0 {
		found = "it is " + strings.Join(values, ", ")
	}
	return fmt.Sprintf("%s: %s (%s)", c.Text, found, strings.ReplaceAll(results[c.Verdict], "_", " "))
}

// summary returns the result in one sentence.
func summary(e *Explanation, x *frontend.Explanation) string {
	switch {
	case x.Ends:
		return endSummary(e, x)
	case e.Site != "":
		return fmt.Sprintf("It goes to backend %s, which is the http server %s of this process.", e.Backend, e.Site)
	case e.Server != "" && e.Queued:
		return fmt.Sprintf("It goes to backend %s and waits for server %s, which is full.", e.Backend, e.Server)
	case e.Server != "":
		return fmt.Sprintf("It goes to backend %s, server %s.", e.Backend, e.Server)
	case e.Queued:
		return fmt.Sprintf("It goes to backend %s and waits: its %d usable servers are full.", e.Backend, e.Usable)
	default:
		return fmt.Sprintf("It goes to backend %s; %s picks one of its %d usable servers by the load or the turn.", e.Backend, e.Policy, e.Usable)
	}
}

// endSummary returns the result of a connection that gets no server.
func endSummary(e *Explanation, x *frontend.Explanation) string {
	switch {
	case x.End == tcplog.PassedOn:
		return "It leaves the frontend: the http server of the same listener, or the next handler, gets it."
	case errors.Is(x.Err, pool.ErrNoServer):
		return fmt.Sprintf("It goes to backend %s, which has no usable server, and is closed.", e.Backend)
	case errors.Is(x.Err, pool.ErrQueueFull):
		return fmt.Sprintf("It goes to backend %s, whose queue is full, and is closed.", e.Backend)
	case e.Reason != "":
		return fmt.Sprintf("It is ended (%s): %s.", e.Action, e.Reason)
	default:
		return fmt.Sprintf("It is ended (%s): %s.", e.Action, e.End)
	}
}
