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

// HTTPScript runs steps in order: it sends HTTP/1 requests and checks the responses. It is
// HAProxy's option httpchk with http-check. If the last step is a request, the status of its
// response must be 200 to 399. The connection ends as that of a tcp_script.
type HTTPScript struct {
	// Request is sent after the first connect, before the other steps. Default: none; then requests
	// are steps.
	Request *Request `json:"request,omitempty"`

	// Steps are run in order. If the first is not a connect, the script first connects to the check's
	// target.
	Steps []*Step `json:"steps,omitempty"`

	// TLS enables TLS on the connection that is opened without a connect step. Default: off.
	TLS *TLS `json:"tls,omitempty"`

	// DrainOn404 makes a 404 from a server that is up pass with L7OKC: the server drains and gets no
	// new connections. It is HAProxy's disable-on-404.
	DrainOn404 bool `json:"drain_on_404,omitempty"`

	// SendState adds the state of the server to each request, in the header X-Haproxy-Server-State. It
	// is HAProxy's send-state.
	SendState bool `json:"send_state,omitempty"`

	allSteps []*Step // Steps and the implied ones
}

// CaddyModule returns the Caddy module information.
func (*HTTPScript) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.checks.http_script",
		New: func() caddy.Module { return new(HTTPScript) },
	}
}

// Provision validates the steps, compiles patterns and reads files of trusted certificates.
func (c *HTTPScript) Provision(caddy.Context) (err error) {
	if c.Request == nil && !slices.ContainsFunc(c.Steps, func(s *Step) bool { return s.Request != nil || s.Expect != nil }) {
		return errors.New("script without a request or expect: expected a request")
	}
	if err := provisionHTTPS(c.TLS); err != nil {
		return err
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

// addImpliedExpect adds the default expect for the last response.
func (c *HTTPScript) addImpliedExpect() {
	for _, s := range slices.Backward(c.allSteps) {
		if s.isLocal() {
			continue
		}
		if s.Request != nil {
			e := &Expect{Status: []string{defaultStatus}}
			_ = e.provision(true) // never fails for defaultStatus
			c.allSteps = append(c.allSteps, &Step{Expect: e, number: s.number, shownComment: s.shownComment})
		}
		return
	}
}

// validateOrder returns an error for a step that cannot follow the one before it.
func (c *HTTPScript) validateOrder() error {
	var before *Step
	for _, s := range c.allSteps {
		if s.isLocal() {
			continue
		}
		if before != nil {
			if err := s.validateAfter(before); err != nil {
				return err
			}
		}
		before = s
	}
	return nil
}

// validateAfter returns an error for a step of an http_script that cannot follow another.
func (s *Step) validateAfter(before *Step) error {
	switch {
	case s.Request != nil && before.Connect == nil:
		return fmt.Errorf("step %d: a request needs a connection of its own: expected connect before it", s.number)
	case s.Connect != nil && before.Expect == nil:
		return fmt.Errorf("step %d: connect follows a request without an expect: expected expect before it", s.number)
	case s.Expect != nil && before.Connect != nil && before.number > 0:
		return fmt.Errorf("step %d: expect without a request: expected request before it", s.number)
	}
	return nil
}

// Check returns L7OK; L7STS for an unexpected status or header, L7RSP for an unexpected body or a
// response that is not HTTP, L7OKC if the server drains, L7TOUT; or what a connect or a handshake
// can result in. Info has the status, or the step that failed.
func (c *HTTPScript) Check(ctx context.Context, t pool.Target) pool.Result {
	r := newRun(ctx, t, c.allSteps)
	r.sendState = c.SendState
	r.isDraining = func(status int) bool {
		return c.DrainOn404 && status == http.StatusNotFound && (t.Subject == nil || !t.Subject.Down)
	}
	return r.checkResult()
}

// CheckOptions returns the options of the checker's block. Each line but tls, drain_on_404 and
// send_state is a step. Steps that are not shown here are as in tcp_script. Syntax:
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
