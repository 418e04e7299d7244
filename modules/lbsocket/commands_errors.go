// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
)

// errorCommands show faulty messages.
var errorCommands = []command{
	{words: "show errors", args: "[<px>] [request|response]", help: "report last request and/or response errors for each proxy", level: Operator, run: showErrors},
}

// showErrors writes the last faulty hello of each frontend, and the last faulty answer of each
// backend.
func showErrors(r *request) error {
	proxy, kind := r.arg(0), r.arg(1)
	if proxy == "-1" { // HAProxy's number for all
		proxy = ""
	}
	if proxy != "" && !hasProxy(proxy) {
		return errNoProxy
	}
	list, total := control.Errors()
	r.printf("Total events captured on [%s] : %d\n", time.Now().Format(shortDateFormat), total)
	for i := range list {
		e := &list[i]
		answer := e.IsAnswer()
		if of := proxyOf(e); (proxy == "" || proxy == of) && (kind != "request" || !answer) && (kind != "response" || answer) {
			printError(r, e)
		}
	}
	return nil
}

const shortDateFormat = "02/Jan/2006:15:04:05.000"

func proxyOf(e *control.CapturedError) string {
	if e.IsAnswer() {
		return e.Backend
	}
	return e.Frontend
}

// hasProxy reports whether there is a frontend or a backend of that name.
func hasProxy(name string) bool {
	if _, err := control.BackendOf(name); err == nil {
		return true
	}
	return slices.ContainsFunc(control.Frontends(), func(f control.Frontend) bool { return f.Name == name })
}

func printError(r *request, e *control.CapturedError) {
	kind, title := "frontend", "invalid request"
	if e.IsAnswer() {
		kind, title = "backend", "invalid response"
	}
	r.printf(" \n[%s] %s %s: %s\n", e.At.Format(shortDateFormat), kind, proxyOf(e), title)
	if e.IsAnswer() {
		r.printf("  frontend %s, server %s, event #%d, src %s\n", e.Frontend, e.Server, e.Event, e.Client)
	} else {
		r.printf("  backend %s, server %s, event #%d, src %s\n", cmp.Or(e.Backend, "<NONE>"), cmp.Or(e.Server, "<NONE>"), e.Event, e.Client)
	}
	r.printf("  %s\n  len %d, error at position %d:\n  \n", e.Reason, e.Size, e.Position)
	printBytes(r, e.Bytes)
}

// printBytes writes bytes as HAProxy dumps them: each line has the position of its first byte, with
// + if it continues a line of the message.
func printBytes(r *request, b []byte) {
	const width = 70
	for at, mark := 0, ' '; at < len(b); {
		line := make([]byte, 0, width)
		from, next := at, '+'
		for ; at < len(b) && len(line) < width-len(`\x00`); at++ {
			if line = appendEscaped(line, b[at]); b[at] == '\n' {
				at++
				next = ' '
				break
			}
		}
		r.printf("  %05d%c %s\n", from, mark, line)
		mark = next
	}
}

// appendEscaped appends a byte as it is, or escaped.
func appendEscaped(line []byte, b byte) []byte {
	switch {
	case b == '\t':
		return append(line, `\t`...)
	case b == '\n':
		return append(line, `\n`...)
	case b == '\r':
		return append(line, `\r`...)
	case b == 0x1b:
		return append(line, `\e`...)
	case b == '\\':
		return append(line, `\\`...)
	case b >= ' ' && b <= '~':
		return append(line, b)
	default:
		return fmt.Appendf(line, `\x%02X`, b)
	}
}
