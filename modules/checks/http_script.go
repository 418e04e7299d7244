// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(HTTPScript))
}

// HTTPScript sends requests over HTTP/1 and looks at the answers, one step after the
// other. It is HAProxy's option httpchk with http-check. If the last step is a request,
// its answer must have a status from 200 to 399. The connection ends as that of a
// tcp_script.
type HTTPScript struct {
	// Request is sent after the first connect, before the other steps. Default: the
	// steps have all requests.
	Request *Request `json:"request,omitempty"`

	// Steps are what is done. If the first is no connect, the check's target is
	// connected to before it.
	Steps []*Step `json:"steps,omitempty"`

	// TLS has TLS be spoken on the connection that is made without a step. Default: it
	// is not.
	TLS *TLS `json:"tls,omitempty"`

	// DrainOn404 takes a status of 404 from a server that is up for the wish to drain: it
	// passes, and is given no new connections. It is HAProxy's disable-on-404.
	DrainOn404 bool `json:"drain_on_404,omitempty"`

	// SendState has each request say how the server stands, in the header
	// X-Haproxy-Server-State. It is HAProxy's send-state.
	SendState bool `json:"send_state,omitempty"`

	allSteps []*Step // with those that are implied
}

// CaddyModule returns the Caddy module information.
func (*HTTPScript) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.checks.http_script",
		New: func() caddy.Module { return new(HTTPScript) },
	}
}

// Provision checks the steps, compiles patterns and reads files of roots.
func (c *HTTPScript) Provision(caddy.Context) (err error) {
	if c.Request == nil && !slices.ContainsFunc(c.Steps, func(s *Step) bool { return s.Request != nil || s.Expect != nil }) {
		return errors.New("it asks for nothing: expected a request")
	}
	if c.TLS != nil {
		if err := c.TLS.provisionHTTP(); err != nil {
			return fmt.Errorf("tls: %w", err)
		}
	}
	if c.allSteps, err = prepareSteps(c.Steps, c.TLS, true); err != nil {
		return err
	}
	if c.Request != nil {
		first := &Step{Request: c.Request, number: 1}
		if err := first.provision(true); err != nil {
			return err
		}
		at := slices.IndexFunc(c.allSteps, func(s *Step) bool { return s.Connect != nil })
		c.allSteps = slices.Insert(c.allSteps, at+1, first)
	}
	c.addImpliedExpect()
	setRetryFrom(c.allSteps)
	return c.validateOrder()
}

// addImpliedExpect adds what is expected of the last answer.
func (c *HTTPScript) addImpliedExpect() {
	for _, s := range slices.Backward(c.allSteps) {
		if s.isLocal() {
			continue
		}
		if s.Request != nil {
			e := &Expect{Status: []string{defaultStatus}}
			_ = e.provision(true) // it is well formed
			c.allSteps = append(c.allSteps, &Step{Expect: e, number: s.number, shownComment: s.shownComment})
		}
		return
	}
}

// validateOrder says which step cannot come after the one before it.
func (c *HTTPScript) validateOrder() error {
	var before *Step
	for _, s := range c.allSteps {
		switch {
		case s.isLocal():
			continue
		case before == nil:
		case s.Request != nil && before.Connect == nil:
			return fmt.Errorf("step %d: a request needs a connection of its own: expected connect before it", s.number)
		case s.Connect != nil && before.Expect == nil:
			return fmt.Errorf("step %d: nothing is expected of what is sent before: expected expect", s.number)
		case s.Expect != nil && before.Connect != nil && before.number > 0:
			return fmt.Errorf("step %d: nothing has been asked for: expected request before it", s.number)
		}
		before = s
	}
	return nil
}

// Check is L7OK; L7STS where a status or a header is not the one expected, L7RSP
// where the body is not or it is no HTTP, L7OKC where the server drains, L7TOUT; or
// what a connect or handshake can come to. Info has the status, and says in which step.
func (c *HTTPScript) Check(ctx context.Context, t pool.Target) pool.Result {
	r := newRun(ctx, t, c.allSteps)
	r.sendState = c.SendState
	r.isDraining = func(status int) bool {
		return c.DrainOn404 && status == http.StatusNotFound && (t.Subject == nil || !t.Subject.Down)
	}
	return r.checkResult()
}

// CheckOptions are the words that the checker takes in the block of a check: each
// line but tls, drain_on_404 and send_state is a step. Those of tcp_script that are not
// shown here are the same. Syntax:
//
//	check http_script {
//		tls {
//			<options of checker tls>
//		}
//		drain_on_404
//		send_state
//		request <method> <uri> {
//			uri_format <format>
//			version HTTP/1.0|HTTP/1.1
//			header <name> <format>
//			body <text>
//			body_format <format>
//			comment <text>
//		}
//		expect [not] string|regexp|string_format|status|status_matches <pattern> …
//		expect [not] header <name> [name_match beg|end|sub|reg] [value <text>|value_format <format>] [value_match beg|end|sub|reg] [whole] …
//	}
func (c *HTTPScript) CheckOptions() options.Table {
	table := stepOptions(&c.Steps, true)
	table["request"] = stepOption(&c.Steps, (*Step).parseRequest)
	table["drain_on_404"] = options.Flag(&c.DrainOn404)
	table["send_state"] = options.Flag(&c.SendState)
	table["tls"] = tlsOption(&c.TLS)
	return table
}

// Interface guards
var (
	_ caddy.Module      = (*HTTPScript)(nil)
	_ caddy.Provisioner = (*HTTPScript)(nil)
	_ pool.Checker      = (*HTTPScript)(nil)
)
