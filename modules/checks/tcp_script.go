// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"context"
	"fmt"
	"slices"

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

	// TLS has TLS be spoken on the connection that is made without a step. Default: it
	// is not.
	TLS *TLS `json:"tls,omitempty"`

	allSteps []*Step // with those that are implied
}

// CaddyModule returns the Caddy module information.
func (*TCPScript) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.checks.tcp_script",
		New: func() caddy.Module { return new(TCPScript) },
	}
}

// Provision checks the steps, compiles patterns and reads files of roots.
func (c *TCPScript) Provision(caddy.Context) (err error) {
	if err := provisionTLS(c.TLS); err != nil {
		return err
	}
	c.allSteps, err = prepareSteps(c.Steps, c.TLS, false)
	return err
}

// prepareSteps makes steps ready, and returns them with the connect that they imply.
func prepareSteps(steps []*Step, implied *TLS, http bool) ([]*Step, error) {
	numberSteps(steps)
	for _, s := range steps {
		if err := s.provision(http); err != nil {
			return nil, fmt.Errorf("step %d: %w", s.number, err)
		}
	}
	all := slices.Clone(steps)
	if i := slices.IndexFunc(all, func(s *Step) bool { return !s.isLocal() }); i < 0 || all[i].Connect == nil {
		all = slices.Insert(all, 0, &Step{Connect: &ConnectStep{TLS: implied}})
	}
	setRetryFrom(all)
	return all, nil
}

// Check is L7OK, or after a connect as the last step L4OK or L6OK; L7RSP where
// something else has come than was expected, L7TOUT; or what a connect or handshake
// can come to. Info says in which step.
func (c *TCPScript) Check(ctx context.Context, t pool.Target) pool.Result {
	return newRun(ctx, t, c.allSteps).checkResult()
}

// CheckOptions are the words that the checker takes in the block of a check: each
// line but tls is a step. In the text of send, send_format, expect string and set
// format, \r, \n, \t, \0, \\ and \xHH stand for what they do in C. Syntax:
//
//	check tcp_script {
//		tls {
//			<options of checker tls>
//		}
//		connect [address <host>[:<port>]] [port <port>] [port_value <expression>] [send_proxy v1|v2] [linger] [comment <text>] [tls {
//			<options of checker tls>
//		}]
//		send|send_format <text> [comment <text>]
//		send_hex|send_hex_format <hex> [comment <text>]
//		expect [not] string|regexp|hex|hex_regexp|string_format|hex_format <pattern> [min_recv <bytes>] [comment <text>] [ok_status <code>] [error_status <code>] [timeout_status <code>] [on_success <format>] [on_error <format>] [status_code <expression>]
//		set <variable> value <expression>|format <text>
//		unset <variable>
//		comment <text>
//	}
func (c *TCPScript) CheckOptions() options.Table {
	table := stepOptions(&c.Steps, false)
	table["tls"] = tlsOption(&c.TLS)
	table["send"] = stepOption(&c.Steps, parseText(func(s *Step) *string { return &s.Send }, true))
	table["send_hex"] = stepOption(&c.Steps, parseText(func(s *Step) *string { return &s.SendHex }, false))
	table["send_format"] = stepOption(&c.Steps, parseText(func(s *Step) *string { return &s.SendFormat }, true))
	table["send_hex_format"] = stepOption(&c.Steps, parseText(func(s *Step) *string { return &s.SendHexFormat }, false))
	return table
}

// stepOption is an option that adds a step.
func stepOption(steps *[]*Step, parse func(*Step, *caddyfile.Dispenser) error) options.Option {
	return options.Repeatable(func(d *caddyfile.Dispenser) error {
		s := new(Step)
		*steps = append(*steps, s)
		return parse(s, d)
	})
}

// stepOptions are the steps that all scripts have.
func stepOptions(steps *[]*Step, http bool) options.Table {
	return options.Table{
		"connect": stepOption(steps, (*Step).parseConnect),
		"expect":  stepOption(steps, parseExpect(http)),
		"set":     stepOption(steps, (*Step).parseSet),
		"unset":   stepOption(steps, (*Step).parseUnset),
		"comment": stepOption(steps, (*Step).parseComment),
	}
}

// Interface guards
var (
	_ caddy.Module      = (*TCPScript)(nil)
	_ caddy.Provisioner = (*TCPScript)(nil)
	_ pool.Checker      = (*TCPScript)(nil)
)
