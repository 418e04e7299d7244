// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"errors"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// timedOut replaces the code of a failed read by the one that the expect asks for.
func (r *scriptRun) timedOut(e *Expect, bad *failure) *failure {
	switch bad.Code { //nolint:exhaustive // other codes do not concern what is expected
	case pool.Layer7Timeout:
		bad.Code = codeOr(e.TimeoutStatus, bad.Code)
	case pool.Layer7Response:
		bad.Code = codeOr(e.ErrorStatus, bad.Code)
	}
	return bad
}

var errReadLimit = errors.New("read limit reached")

// receiveMore waits for more data. If the server closes without having sent anything, that is a
// failure whatever is expected.
func (r *scriptRun) receiveMore() *failure {
	if r.readErr == nil {
		if bad := r.receive(); bad != nil {
			return bad
		}
	}
	if r.readErr == nil {
		return nil
	}
	bad := layer7.classify(r.ctx, r.readErr)
	switch {
	case bad.Code == pool.Layer7Timeout && r.response != nil:
		bad.Info = "the rest of the answer is missing: got " + quoted(r.received)
	case bad.Code == pool.Layer7Timeout:
		bad.Info = "got " + quoted(r.received)
	case bad.Code == pool.Layer7Response && (len(r.received) > 0 || r.response != nil):
		return nil
	}
	return bad
}

// receive reads once: the response in an http_script, bytes in a tcp_script.
func (r *scriptRun) receive() *failure {
	if r.isDraining != nil {
		return r.receiveHTTP()
	}
	r.read(r.conn, maxReceived)
	return nil
}

// judge compares the bytes received with the expectation.
func (r *scriptRun) judge(e *Expect) (verdict, *failure) {
	if r.response != nil {
		return r.judgeHTTP(e)
	}
	in := r.input()
	return r.judgeText(e, in, "")
}

// judgeText judges text: the bytes received, or the body of a response. A failure's Info
// begins with before.
func (r *scriptRun) judgeText(e *Expect, in *sample.Input, before string) (verdict, *failure) {
	literal, wrong := e.literalFor(in)
	if wrong != "" {
		return fails, layer7.failf("%s", wrong)
	}
	v := e.decide(literal, r.received, r.readErr != nil)
	if v != fails {
		return v, nil
	}
	return fails, r.mismatch(e, pool.Layer7Response, before+"got "+quoted(r.received))
}

// mismatch returns the failure for unexpected data.
func (r *scriptRun) mismatch(e *Expect, code pool.Code, info string) *failure {
	return &failure{pool.Result{Code: codeOr(e.ErrorStatus, code), Info: e.logText(e.failure, r.input(), info)}}
}
