// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"context"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(TCPScript))
}

// TCPScript connects, sends and expects, one step after the other. It is HAProxy's
// option tcp-check. The connection ends with a reset, or with TLS as a client's would.
type TCPScript struct {
	// Steps are what is done. If the first is no connect, the check's target is
	// connected to before it.
	Steps []*Step `json:"steps,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*TCPScript) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.checks.tcp_script",
		New: func() caddy.Module { return new(TCPScript) },
	}
}

// Provision checks the steps, compiles patterns and reads files of roots.
func (c *TCPScript) Provision(caddy.Context) error {
	for i, s := range c.Steps {
		if err := s.provision(); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	// Where an expect waits, HAProxy goes back to the first one of its row that says
	// what must not come.
	for i, s := range c.Steps {
		s.again = i
		if s.Expect != nil && i > 0 && c.Steps[i-1].Expect != nil {
			if p := c.Steps[i-1]; p.again < i-1 || p.Expect.Not {
				s.again = p.again
			}
		}
	}
	return nil
}

// Check is L7OK, or after a connect as the last step L4OK or L6OK; L7RSP where
// something else has come than was expected, L7TOUT; or what a connect or handshake
// can come to. Info says in which step.
func (c *TCPScript) Check(ctx context.Context, t pool.Target) pool.Result {
	r := newRun(ctx, t, c.Steps)
	defer r.abort()
	if bad := r.all(); bad != nil {
		return bad.Result
	}
	r.close()
	return pool.Result{Code: r.reached(), Warning: r.warning}
}

// CheckOptions are the words that the checker takes in the block of a check: each
// line is a step. In the text of send, and of expect string, \r, \n, \t, \0, \\
// and \xHH stand for what they do in C. Syntax:
//
//	check tcp_script {
//		connect [address <host>[:<port>]] [port <port>] [send_proxy v1|v2] [comment <text>] [tls {
//			<options of checker tls>
//		}]
//		send <text> [comment <text>]
//		send_hex <hex> [comment <text>]
//		expect [not] string|regexp|hex|hex_regexp <pattern> [min_recv <bytes>] [comment <text>]
//	}
func (c *TCPScript) CheckOptions() options.Table {
	step := func(parse func(*Step, *caddyfile.Dispenser) error) options.Option {
		return options.Many(func(d *caddyfile.Dispenser) error {
			s := new(Step)
			c.Steps = append(c.Steps, s)
			return parse(s, d)
		})
	}
	return options.Table{
		"connect":  step((*Step).parseConnect),
		"send":     step((*Step).parseSend),
		"send_hex": step((*Step).parseSendHex),
		"expect":   step((*Step).parseExpect),
	}
}

// Interface guards
var (
	_ caddy.Module      = (*TCPScript)(nil)
	_ caddy.Provisioner = (*TCPScript)(nil)
	_ pool.Checker      = (*TCPScript)(nil)
)
