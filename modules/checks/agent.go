// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(Agent))
}

// maxLine is the longest line that is read from a server or an agent.
const maxLine = 4096

// Agent queries an agent, a program next to a server that answers with one line of words. It is
// HAProxy's agent-check.
type Agent struct {
	// Send is sent first, as given. It is HAProxy's agent-send.
	Send string `json:"send,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Agent) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.checks.agent",
		New: func() caddy.Module { return new(Agent) },
	}
}

// Ask returns the agent's report: L7OK for up, L7STS for down, CodeNotChecked for neither; L7RSP if
// it closes without sending anything, L7TOUT if it sends nothing in time, or what a connect can
// result in.
func (a *Agent) Ask(ctx context.Context, t pool.Target) pool.AgentReport {
	l, bad := openConn(ctx, t, time.Now())
	if bad != nil {
		return pool.AgentReport{Result: bad.Result}
	}
	defer l.abort()
	if _, err := io.WriteString(l, a.Send); err != nil {
		return pool.AgentReport{Result: layer7.classify(ctx, err).Result}
	}
	line, err := readLine(l)
	switch {
	case err == nil:
		r := parseReport(line)
		r.Warning = l.warning
		return r
	case len(line) > 0 && !isTimeout(err):
		return pool.AgentReport{Result: pool.Result{Code: pool.CodeNotChecked, Info: "ignoring an incomplete line"}}
	}
	return pool.AgentReport{Result: layer7.classify(ctx, err).Result}
}

var errLineTooLong = errors.New("the line is too long")

// readLine reads up to the first CR or LF, which it leaves out. With an error it returns the part
// of the line read so far.
func readLine(r io.Reader) (string, error) {
	line, n := make([]byte, maxLine+1), 0
	for n < len(line) {
		more, err := r.Read(line[n:])
		if end := bytes.IndexAny(line[n:n+more], "\r\n"); end >= 0 {
			return string(line[:n+end]), nil
		}
		n += more
		if err != nil {
			return string(line[:n]), err
		}
	}
	return string(line), errLineTooLong
}

// Interface guards
var (
	_ caddy.Module = (*Agent)(nil)
	_ pool.Agent   = (*Agent)(nil)
)
