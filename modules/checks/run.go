// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// run is one run of a script.
type run struct {
	ctx    context.Context
	target pool.Target
	began  time.Time
	steps  []*Step

	link    *link // nil: none yet
	secure  bool  // it speaks TLS
	got     []byte
	over    error // why no more comes
	warning string
}

func newRun(ctx context.Context, t pool.Target, steps []*Step) *run {
	return &run{ctx: ctx, target: t, began: time.Now(), steps: steps}
}

// all does the steps.
func (r *run) all() *problem {
	if len(r.steps) == 0 || r.steps[0].Connect == nil {
		if bad := r.connect(new(ConnectStep)); bad != nil {
			return bad
		}
	}
	for i := 0; i < len(r.steps); {
		s, next := r.steps[i], i+1
		var bad *problem
		switch {
		case s.Connect != nil:
			bad = r.connect(s.Connect)
		case s.Expect != nil:
			for next < len(r.steps) && r.steps[next].Expect != nil {
				next++
			}
			i, bad = r.expect(i, next)
		default:
			bad = r.send(s.data)
		}
		if bad != nil {
			return r.at(i, bad)
		}
		i = next
	}
	return nil
}

// at is a problem with the step in which it has come up.
func (r *run) at(i int, bad *problem) *problem {
	step := fmt.Sprintf("at step %d (%v)", i+1, r.steps[i])
	if bad.Info != "" {
		step += ": " + bad.Info
	}
	bad.Info = step
	return bad
}

func (r *run) connect(c *ConnectStep) (bad *problem) {
	r.close()
	t := c.target(r.target)
	r.got, r.over, r.secure = nil, nil, false
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
func (r *run) send(data []byte) *problem {
	r.got = nil
	if _, err := r.link.Write(data); err != nil {
		return layer7.failed(r.ctx, err)
	}
	return nil
}

// expect does a row of expects, the steps from first up to next, and returns the one
// in which it has ended.
func (r *run) expect(first, next int) (int, *problem) {
	i, waiting := first, first
	for {
		if bad := r.receive(); bad != nil {
			return waiting, bad
		}
		v := passes
		for ; i < next; i++ {
			if v = r.steps[i].Expect.judge(r.got, r.over != nil); v != passes {
				break
			}
		}
		switch v {
		case passes:
			return i, nil
		case fails:
			return i, layer7.says("got %s", quoted(r.got))
		case waits:
			i, waiting = r.steps[i].again, i
		}
	}
}

var errEnough = errors.New("no more is looked at")

// receive waits for more. That nothing has come when the server ends the connection
// is a problem, whatever is expected.
func (r *run) receive() *problem {
	if r.over == nil {
		buffer := make([]byte, 4096)
		n, err := r.link.Read(buffer[:min(len(buffer), maxReceived-len(r.got))])
		r.got = append(r.got, buffer[:n]...)
		if len(r.got) == maxReceived {
			err = errEnough
		}
		r.over = err
	}
	if r.over == nil {
		return nil
	}
	bad := layer7.failed(r.ctx, r.over)
	switch {
	case bad.Code == pool.Layer7Timeout:
		bad.Info = "got " + quoted(r.got)
	case bad.Code == pool.Layer7Response && len(r.got) > 0:
		return nil
	}
	return bad
}

// reached is the code of a script whose steps have all passed.
func (r *run) reached() pool.Code {
	switch last := len(r.steps) - 1; {
	case last >= 0 && r.steps[last].Connect == nil:
		return pool.Layer7OK
	case r.secure:
		return pool.Layer6OK
	}
	return pool.Layer4OK
}

// close ends the connection, if there is one; abort is close after a failure.
func (r *run) close() {
	if r.link != nil {
		r.link.close()
	}
	r.link = nil
}

func (r *run) abort() {
	if r.link != nil {
		r.link.abort()
	}
}
