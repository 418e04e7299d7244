// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"cmp"
	"errors"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
)

// addHTTP adds an http-check rule. The request of "option httpchk" and the first request of the
// rules are one request, in which the later line takes precedence.
func (r *ruleset) addHTTP(made *checkStep) error {
	if made.fromHTTPChk {
		r.addHTTPChk(made)
		return nil
	}
	if err := r.validateOrder(made); err != nil {
		return err
	}
	first := r.nextRemote(0)
	if made.Request != nil && first >= 0 && r.steps[first].fromHTTPChk {
		made.Request = overwritten(r.steps[first].Request, made.Request)
		r.steps = slices.Delete(r.steps, first, first+1)
	}
	r.steps = append(r.steps, *made)
	return nil
}

// addHTTPChk adds the request of "option httpchk".
func (r *ruleset) addHTTPChk(made *checkStep) {
	first := r.nextRemote(0)
	if first >= 0 && r.steps[first].Connect != nil {
		first = r.nextRemote(first + 1)
	}
	switch {
	case first < 0 || r.steps[first].Request == nil:
		r.steps = slices.Insert(r.steps, 0, *made)
	case r.steps[first].fromHTTPChk:
		r.steps = slices.Insert(slices.Delete(r.steps, first, first+1), 0, *made)
	default:
		r.steps[first].Request = overwritten(r.steps[first].Request, made.Request)
	}
}

// nextRemote returns the index of the first rule from one on that involves the server, or -1.
func (r *ruleset) nextRemote(from int) int {
	for i := from; i < len(r.steps); i++ {
		if !r.steps[i].isLocal() {
			return i
		}
	}
	return -1
}

// validateOrder reports a rule that cannot come after the rules before it.
func (r *ruleset) validateOrder(made *checkStep) error {
	var last *checkStep
	for i := range r.steps {
		if !r.steps[i].isLocal() {
			last = &r.steps[i]
		}
	}
	switch {
	case last == nil || last.fromHTTPChk:
	case made.Request != nil && last.Connect == nil:
		return errors.New("unable to add http-check send rule (missing connect rule)")
	case made.Expect != nil && last.Request == nil && last.Expect == nil:
		return errors.New("unable to add http-check expect rule (missing send rule)")
	case made.Connect != nil && last.Expect == nil:
		return errors.New("unable to add http-check connect rule (missing expect rule)")
	}
	return nil
}

// overwritten returns a request with the settings of another one laid over it.
func overwritten(old, by *checks.Request) *checks.Request {
	made := *old
	made.Method, made.Version = cmp.Or(by.Method, old.Method), cmp.Or(by.Version, old.Version)
	if by.URI+by.URIFormat != "" {
		made.URI, made.URIFormat = by.URI, by.URIFormat
	}
	if by.Body+by.BodyFormat != "" {
		made.Body, made.BodyFormat = by.Body, by.BodyFormat
	}
	if len(by.Headers) > 0 {
		made.Headers = by.Headers
	}
	return &made
}
