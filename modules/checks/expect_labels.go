// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Labels hold the codes and texts that a step reports.
type Labels struct {
	// OKStatus is the code if the check passes with this step: L4OK, L6OK, L7OK or L7OKC. Default:
	// L7OK. With L7OKC the server passes and drains: it gets no new connections.
	OKStatus string `json:"ok_status,omitempty"`

	// ErrorStatus is the code if the step fails: L4CON, L6RSP, L7RSP, L7STS, or L7OKC, which passes.
	// Default: L7STS for a status or a header, otherwise L7RSP.
	ErrorStatus string `json:"error_status,omitempty"`

	// TimeoutStatus is the code if the expected data does not arrive in time: L4TOUT, L6TOUT or
	// L7TOUT. Default: L7TOUT.
	TimeoutStatus string `json:"timeout_status,omitempty"`

	// OnSuccess is a format of the text to log if the check passes with this step.
	OnSuccess string `json:"on_success,omitempty"`

	// OnError is a format of the text to log if the step fails.
	OnError string `json:"on_error,omitempty"`

	// StatusCode is an expression whose value is logged as the code, whether the step passes or fails.
	// Default: the status of an HTTP response.
	StatusCode string `json:"status_code,omitempty"`

	success, failure *sample.Format
	code             *sample.Expression
}

var (
	passCodes    = []string{"L4OK", "L6OK", "L7OK", "L7OKC"}
	failCodes    = []string{"L4CON", "L6RSP", "L7RSP", "L7STS", "L7OKC"}
	timeoutCodes = []string{"L4TOUT", "L6TOUT", "L7TOUT"}
)

func (l *Labels) provision() (err error) {
	for _, c := range []struct {
		name, code string
		known      []string
	}{{"ok_status", l.OKStatus, passCodes}, {"error_status", l.ErrorStatus, failCodes}, {"timeout_status", l.TimeoutStatus, timeoutCodes}} {
		if err := options.ValidateWord("expect: "+c.name, strings.ToUpper(c.code), c.known); err != nil {
			return err
		}
	}
	if l.success, err = compileFormat("expect: on_success", l.OnSuccess); err != nil {
		return err
	}
	if l.failure, err = compileFormat("expect: on_error", l.OnError); err != nil {
		return err
	}
	if l.StatusCode == "" {
		return nil
	}
	if l.code, err = expressionLoader().Expression(l.StatusCode); err != nil {
		return fmt.Errorf("expect: status_code %q: %w", l.StatusCode, err)
	}
	return nil
}

// codeOr returns a code of the configuration, or a default if that is empty.
func codeOr(code string, otherwise pool.Code) pool.Code {
	if code == "" {
		return otherwise
	}
	return pool.Code(strings.ToUpper(code))
}

// logText returns the text of a format, fit for a log, preceded by the value of StatusCode.
func (l *Labels) logText(f *sample.Format, in *sample.Input, otherwise string) string {
	if f != nil {
		otherwise = printable(f.String(in))
	}
	if l.code == nil {
		return otherwise
	}
	v, verdict := l.code.Eval(in)
	if verdict != sample.Pass {
		return otherwise
	}
	if otherwise != "" {
		otherwise = ", " + otherwise
	}
	return "code " + printable(v.String()) + otherwise
}

// options returns the options of the line.
func (l *Labels) options() options.Table {
	return options.Table{
		"ok_status":      options.OneOf(&l.OKStatus, passCodes),
		"error_status":   options.OneOf(&l.ErrorStatus, failCodes),
		"timeout_status": options.OneOf(&l.TimeoutStatus, timeoutCodes),
		"on_success":     options.Text(&l.OnSuccess),
		"on_error":       options.Text(&l.OnError),
		"status_code":    options.Text(&l.StatusCode),
	}
}
