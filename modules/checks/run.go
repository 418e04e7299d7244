// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// run is one run of a script.
type run struct {
	ctx       context.Context
	target    pool.Target
	began     time.Time
	steps     []*Step
	sendState bool // requests say how the server stands

	link    *link // nil: none yet
	secure  bool  // it speaks TLS
	linger  bool  // it is closed in order
	got     []byte
	over    error // why no more comes
	warning string

	vars    map[string]sample.Value
	last    *Step // of those that have to do with the server
	request *Request
	answer  *answer // nil: none yet, or it is no script over HTTP
	drains  func(status int) bool
}

func newRun(ctx context.Context, t pool.Target, steps []*Step) *run {
	return &run{ctx: ctx, target: t, began: time.Now(), steps: steps}
}

// all does the steps.
func (r *run) all() *problem {
	unread, waiting := true, -1
	for i := 0; i < len(r.steps); i++ {
		s := r.steps[i]
		var bad *problem
		switch {
		case s.quiet():
			r.set(s)
			continue
		case s.Connect != nil:
			bad, unread = r.connect(s.Connect), true
		case s.Expect == nil:
			bad, unread = r.send(s), true
		default:
			if unread {
				// While an expectation waits, the row is gone through again, and it is the
				// one that still waits which messages name.
				if bad = r.receive(); bad != nil {
					at := r.steps[max(i, waiting)]
					return at.says(r.timedOut(at.Expect, bad))
				}
			}
			var v verdict
			if v, bad = r.judge(s.Expect); v == waits {
				unread, waiting = true, i
				i = s.again - 1
				continue
			}
			unread = false
		}
		if r.last = s; bad != nil {
			return s.says(bad)
		}
		waiting = -1
	}
	return nil
}

// says is a problem with the step in which it has come up.
func (s *Step) says(bad *problem) *problem {
	if s.number == 0 {
		return bad
	}
	step := fmt.Sprintf("at step %d (%v)", s.number, s)
	if bad.Info != "" {
		step += ": " + bad.Info
	}
	bad.Info = step
	return bad
}

// timedOut gives a problem with receiving the code that the expectation wants.
func (r *run) timedOut(e *Expect, bad *problem) *problem {
	switch bad.Code { //nolint:exhaustive // the others say nothing of what is expected
	case pool.Layer7Timeout:
		bad.Code = or(e.TimeoutStatus, bad.Code)
	case pool.Layer7Response:
		bad.Code = or(e.ErrorStatus, bad.Code)
	}
	return bad
}

func (r *run) connect(c *ConnectStep) (bad *problem) {
	r.close()
	t := c.target(r.target, r.input())
	r.got, r.over, r.answer, r.request, r.secure, r.linger = nil, nil, nil, nil, false, c.Linger
	if r.link, bad = open(r.ctx, t, r.began); bad != nil {
		return bad
	}
	if c.TLS != nil {
		if bad = c.TLS.secure(r.link, t); bad != nil {
			return bad
		}
		r.secure = true
	}
	if r.link.warning != "" {
		r.warning = r.link.warning
	}
	return nil
}

// send sends, and forgets what has come.
func (r *run) send(s *Step) (bad *problem) {
	in, data := r.input(), s.data
	switch {
	case s.Request != nil:
		state := ""
		if r.sendState {
			state = stateOf(&r.target)
		}
		data, r.request = s.Request.text(in, state), s.Request
	case s.SendHexFormat != "":
		text := s.format.String(in)
		if text == "" {
			break
		}
		var err error
		if data, err = digits("send_hex_format", text); err != nil {
			return layer7.says("%v", err)
		}
	case s.format != nil:
		data = []byte(s.format.String(in))
	}
	r.got, r.answer = nil, nil
	if len(data) == 0 {
		return nil
	}
	if _, err := r.link.Write(data); err != nil {
		return layer7.failed(r.ctx, err)
	}
	return nil
}

var errEnough = errors.New("no more is looked at")

// receive waits for more. That nothing has come when the server ends the connection
// is a problem, whatever is expected.
func (r *run) receive() *problem {
	switch {
	case r.over != nil:
	case r.drains != nil:
		if bad := r.receiveHTTP(); bad != nil {
			return bad
		}
	default:
		r.read(r.link, maxReceived)
	}
	if r.over == nil {
		return nil
	}
	bad := layer7.failed(r.ctx, r.over)
	switch {
	case bad.Code == pool.Layer7Timeout && r.answer != nil:
		bad.Info = "the rest of the answer is missing: got " + quoted(r.got)
	case bad.Code == pool.Layer7Timeout:
		bad.Info = "got " + quoted(r.got)
	case bad.Code == pool.Layer7Response && (len(r.got) > 0 || r.answer != nil):
		return nil
	}
	return bad
}

// judge looks at what has come.
func (r *run) judge(e *Expect) (verdict, *problem) {
	if r.answer != nil {
		return r.judgeHTTP(e)
	}
	in := r.input()
	return r.judgeText(e, in, "")
}

// judgeText looks at the text that has come so far; before is what an error says before
// it.
func (r *run) judgeText(e *Expect, in *sample.Input, before string) (verdict, *problem) {
	literal, wrong := e.evaluated(in)
	if wrong != "" {
		return fails, layer7.says("%s", wrong)
	}
	v := e.decide(literal, r.got, r.over != nil)
	if v != fails {
		return v, nil
	}
	return fails, r.unexpected(e, pool.Layer7Response, before+"got "+quoted(r.got))
}

// unexpected is the problem that an expectation has with what has come.
func (r *run) unexpected(e *Expect, code pool.Code, info string) *problem {
	return &problem{pool.Result{Code: or(e.ErrorStatus, code), Info: e.said(e.failure, r.input(), info)}}
}

// result is what comes of a script whose steps have all passed.
func (r *run) result() pool.Result {
	passed := pool.Result{Code: pool.Layer7OK, Warning: r.warning}
	switch s := r.last; {
	case s == nil:
	case s.Expect != nil:
		status := ""
		if r.answer != nil {
			status = plain(r.answer.status)
			if r.drains(r.answer.Status) {
				passed.Code, passed.Info = pool.Layer7Stopping, status
				return passed
			}
		}
		passed.Code = or(s.Expect.OKStatus, pool.Layer7OK)
		passed.Info = s.Expect.said(s.Expect.success, r.input(), "")
		if s.Expect.code == nil && passed.Info != "" && status != "" {
			status += ": "
		}
		if s.Expect.code == nil {
			passed.Info = status + passed.Info
		}
	case s.Connect == nil:
	case r.secure:
		passed.Code = pool.Layer6OK
	default:
		passed.Code = pool.Layer4OK
	}
	return passed
}

// outcome is what comes of a script.
func (r *run) outcome() pool.Result {
	defer r.abort()
	if bad := r.all(); bad != nil {
		bad.Warning = cmp.Or(bad.Warning, r.warning)
		return bad.Result
	}
	passed := r.result()
	r.close()
	return passed
}

// close ends the connection, if there is one; abort is close after a failure.
func (r *run) close() {
	if r.link != nil && r.linger {
		linger(r.link.raw, -1)
	}
	if r.link != nil {
		r.link.close()
	}
	r.link = nil
}

func (r *run) abort() {
	if r.link == nil {
		return
	}
	if r.linger {
		linger(r.link.raw, -1)
	}
	r.link.abort()
}
