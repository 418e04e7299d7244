// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// request is a command that a client has sent, with its answer.
type request struct {
	ctx     context.Context // ends with the server
	args    []string        // those after the command's own words
	payload string          // the lines after <<, without the last newline
	loaded  bool            // there is a payload

	*client
}

// arg returns an argument, or "" if the line has fewer.
func (r *request) arg(i int) string {
	if i < len(r.args) {
		return r.args[i]
	}
	return ""
}

// print adds to the answer. A full buffer is written to the client, so a command must hold no lock
// meanwhile. After an error of the connection print does nothing.
func (r *request) print(texts ...string) {
	for _, text := range texts {
		_, _ = r.out.WriteString(text)
	}
}

// printf adds to the answer, like print.
func (r *request) printf(format string, args ...any) { _, _ = fmt.Fprintf(r.out, format, args...) }

// may returns an error if the client has not the level.
func (r *request) may(l Level) error {
	if r.level < l {
		return errDenied
	}
	return nil
}

// done says that a change took place, in HAProxy's way: by an empty line, unless there is something
// to say.
func (r *request) done(told ...string) {
	if text := strings.Join(told, ", "); text != "" {
		r.say(severityInfo, text)
	}
}

var errDenied = message("Permission denied")

// severity is that of syslog.
type severity int

const (
	severityError   severity = 3
	severityWarning severity = 4
	severityInfo    severity = 6
)

var severities = map[severity]string{severityError: "err", severityWarning: "warning", severityInfo: "info"}

// say adds a message to the answer.
func (r *request) say(s severity, text string) {
	switch r.severities {
	case severityNone:
	case severityNumber:
		r.printf("[%d]: ", s)
	case severityString:
		r.printf("[%s]: ", severities[s])
	}
	r.print(text, "\n")
}

// pause waits for a delay. It returns early if the server or the client's connection ends.
func (r *request) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-r.ctx.Done():
	case <-timer.C:
	}
}
