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

// TCPScript connects, sends and expects, one step after the other. It is HAProxy's option
// tcp-check. The connection ends with a reset; with TLS, as a client's would.
type TCPScript struct {
	// Steps are run in order. If the first is not a connect, the script first connects to the check's
	// target.
	Steps []*Step `json:"steps,omitempty"`

	// TLS enables TLS on the connection that is opened without a connect step. Default: off.
	TLS *TLS `json:"tls,omitempty"`

	allSteps []*Step // Steps and the implied ones
}

// CaddyModule returns the Caddy module information.
func (*TCPScript) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.checks.tcp_script",
		New: func() caddy.Module { return new(TCPScript) },
	}
}

// Provision validates the steps, compiles patterns and reads files of trusted certificates.
func (c *TCPScript) Provision(caddy.Context) (err error) {
	if err := provisionTLS(c.TLS); err != nil {
		return err
	}
	c.allSteps, err = prepareSteps(c.Steps, c.TLS, false)
	return err
}

// prepareSteps provisions the steps and returns them with the connect that they imply.
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

// Check returns L7OK, or L4OK or L6OK if the last step is a connect; L7RSP if the server sent
// something other than expected, L7TOUT; or what a connect or a handshake can result in. Info names
// the step.
func (c *TCPScript) Check(ctx context.Context, t pool.Target) pool.Result {
	return newRun(ctx, t, c.allSteps).checkResult()
}

// CheckOptions returns the options of the checker's block. Each line but tls is a step. In the text
// of send, send_format, expect string and set format, the escapes \r, \n, \t, \0, \\ and \xHH are
// those of C. Syntax:
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

// stepOption returns an option that adds a step.
func stepOption(steps *[]*Step, parse func(*Step, *caddyfile.Dispenser) error) options.Option {
	return options.Repeatable(func(d *caddyfile.Dispenser) error {
		s := new(Step)
		*steps = append(*steps, s)
		return parse(s, d)
	})
}

// stepOptions returns the steps that both kinds of script have.
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
