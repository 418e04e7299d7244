// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// scriptRun is the state of one run of a script.
type scriptRun struct {
	ctx       context.Context
	target    pool.Target
	started   time.Time
	steps     []*Step
	sendState bool // requests carry X-Haproxy-Server-State

	conn     *checkConn // nil before the first connect
	usesTLS  bool       // conn uses TLS
	linger   bool       // close conn in order instead of with a reset
	received []byte
	readErr  error // why reading ended; nil: more may come
	warning  string

	vars       map[string]sample.Value
	last       *Step // the last step that involved the server
	request    *Request
	response   *httpResponse // nil before the first response, and in a tcp_script
	isDraining func(status int) bool
}

func newRun(ctx context.Context, t pool.Target, steps []*Step) *scriptRun {
	return &scriptRun{ctx: ctx, target: t, started: time.Now(), steps: steps}
}

// runSteps runs the steps up to the first that fails.
func (r *scriptRun) runSteps() *failure {
	unread, waiting := true, -1
	for i := 0; i < len(r.steps); i++ {
		s := r.steps[i]
		var bad *failure
		switch {
		case s.isLocal():
			r.assignVariable(s)
			continue
		case s.Connect != nil:
			bad, unread = r.connect(s.Connect), true
		case s.Expect == nil:
			bad, unread = r.send(s), true
		default:
			if unread {
				// While an expect waits for more, its row is evaluated again from an earlier step. Messages
				// name the expect that still waits, not that earlier step.
				if bad = r.receiveMore(); bad != nil {
					at := r.steps[max(i, waiting)]
					return at.annotate(r.timedOut(at.Expect, bad))
				}
			}
			var v verdict
			if v, bad = r.judge(s.Expect); v == waits {
				unread, waiting = true, i
				i = s.retryFrom - 1
				continue
			}
			unread = false
		}
		if r.last = s; bad != nil {
			return s.annotate(bad)
		}
		waiting = -1
	}
	return nil
}

// annotate adds the step in which a failure occurred to its Info.
func (s *Step) annotate(bad *failure) *failure {
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

func (r *scriptRun) connect(c *ConnectStep) (bad *failure) {
	r.close()
	t := c.target(r.target, r.input())
	r.received, r.readErr, r.response, r.request, r.usesTLS, r.linger = nil, nil, nil, nil, false, c.Linger
	if r.conn, bad = openConn(r.ctx, t, r.started); bad != nil {
		return bad
	}
	if c.TLS != nil {
		if bad = c.TLS.handshake(r.conn, t); bad != nil {
			return bad
		}
		r.usesTLS = true
	}
	if r.conn.warning != "" {
		r.warning = r.conn.warning
	}
	return nil
}

// send sends the step's data and discards the bytes received so far.
func (r *scriptRun) send(s *Step) (bad *failure) {
	in, data := r.input(), s.data
	switch {
	case s.Request != nil:
		state := ""
		if r.sendState {
			state = serverState(&r.target)
		}
		data, r.request = s.Request.encode(in, state), s.Request
	case s.SendHexFormat != "":
		text := s.format.String(in)
		if text == "" {
			break
		}
		var err error
		if data, err = decodeHex("send_hex_format", text); err != nil {
			return layer7.failf("%v", err)
		}
	case s.format != nil:
		data = []byte(s.format.String(in))
	}
	r.received, r.response = nil, nil
	if len(data) == 0 {
		return nil
	}
	if _, err := r.conn.Write(data); err != nil {
		return layer7.classify(r.ctx, err)
	}
	return nil
}

// result returns the result of a script whose steps have all passed.
func (r *scriptRun) result() pool.Result {
	passed := pool.Result{Code: pool.Layer7OK, Warning: r.warning}
	switch s := r.last; {
	case s == nil:
	case s.Expect != nil:
		passed.Code, passed.Info = r.expectResult(s.Expect)
	case s.Connect == nil:
	case r.usesTLS:
		passed.Code = pool.Layer6OK
	default:
		passed.Code = pool.Layer4OK
	}
	return passed
}

// expectResult returns the code and the Info of a script that ends with an expect.
func (r *scriptRun) expectResult(e *Expect) (code pool.Code, info string) {
	status := ""
	if r.response != nil {
		status = printable(r.response.status)
		if r.isDraining(r.response.Status) {
			return pool.Layer7Stopping, status
		}
	}
	info = e.logText(e.success, r.input(), "")
	if e.code == nil && info != "" && status != "" {
		status += ": "
	}
	if e.code == nil {
		info = status + info
	}
	return codeOr(e.OKStatus, pool.Layer7OK), info
}

// checkResult runs the script and returns its result.
func (r *scriptRun) checkResult() pool.Result {
	defer r.abort()
	if bad := r.runSteps(); bad != nil {
		bad.Warning = cmp.Or(bad.Warning, r.warning)
		return bad.Result
	}
	passed := r.result()
	r.close()
	return passed
}

// close closes the connection after success, abort after a failure.
func (r *scriptRun) close() {
	if r.conn != nil && r.linger {
		setLinger(r.conn.tcp, -1)
	}
	if r.conn != nil {
		r.conn.close()
	}
	r.conn = nil
}

func (r *scriptRun) abort() {
	if r.conn == nil {
		return
	}
	if r.linger {
		setLinger(r.conn.tcp, -1)
	}
	r.conn.abort()
}
