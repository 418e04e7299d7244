// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"encoding/binary"
	"math"

	"github.com/caddy-passthrough/caddy-passthrough/modules/logformat"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Step is a point in the life of a connection at which it can be logged.
type Step uint8

// The steps, HAProxy's log-steps.
const (
	Accepted  Step = iota // rules about addresses have let it through
	Connected             // to a server
	Closed
	stepCount // their number
)

// messages are those of the lines.
var messages = [stepCount]string{Accepted: "accepted", Connected: "connected", Closed: "session"}

// origins are HAProxy's %OG.
var origins = [stepCount]string{Accepted: "txn_accept", Connected: "txn_connect", Closed: "txn_close"}

// Options say when the connections of a frontend are logged, and the encoder tcplog how.
type Options struct {
	// Format is that of the lines; nil: HAProxy's option tcplog. ErrorFormat replaces it for
	// connections that fail before anything is known of them, such as those with an invalid PROXY
	// header.
	Format, ErrorFormat *logformat.Format
	// StructuredData is the format of RFC 5424's structured data.
	StructuredData *logformat.Format

	// Steps are those with a line. If Soon is set, that is the line at the earlier of the two steps
	// Connected and Closed.
	Steps [stepCount]bool
	Soon  bool
	// Incomplete writes a plus sign before numbers that may grow after the line.
	Incomplete bool

	// Fingerprints are those of hellos that lines of other encoders have.
	Fingerprints Fingerprints

	// SkipSilent leaves out connections whose client has sent nothing, and SkipNormal those without an
	// error. SeparateErrors makes lines about errors of severity err.
	SkipSilent, SkipNormal, SeparateErrors bool
}

// Fingerprints says which fingerprints of hellos are logged.
type Fingerprints struct{ JA3, JA4 bool }

func (f Fingerprints) any() bool { return f.JA3 || f.JA4 }

// AtEnd are the Steps of connections that are logged at their end.
var AtEnd = [stepCount]bool{Closed: true}

// formats returns the formats.
func (o *Options) formats() [3]*logformat.Format {
	if o == nil {
		return [3]*logformat.Format{}
	}
	return [...]*logformat.Format{o.Format, o.ErrorFormat, o.StructuredData}
}

// Values returns the values that the formats' expressions have now; see
// [logformat.Format.AppendValues]. It is empty without expressions.
func (o *Options) Values(in *sample.Input, late bool) string {
	var b []byte
	for _, f := range o.formats() {
		b = append(b, 0, 0)
		if begin := len(b); f != nil && f.HasValues(late) {
			b = f.AppendValues(b, in, late)
			binary.BigEndian.PutUint16(b[begin-2:], uint16(min(len(b)-begin, math.MaxUint16)))
		}
	}
	return string(b)
}

// HasValues reports whether the formats have expressions whose values are known once the server is
// connected or, if late is set, at the end.
func (o *Options) HasValues(late bool) bool {
	for _, f := range o.formats() {
		if f != nil && f.HasValues(late) {
			return true
		}
	}
	return false
}

// Expressions returns the expressions of the formats.
func (o *Options) Expressions() (all []*sample.Expression) {
	for _, f := range o.formats() {
		if f != nil {
			all = append(all, f.Expressions()...)
		}
	}
	return all
}

// Uses reports whether a format has a fact.
func (o *Options) Uses(a logformat.Alias) bool {
	for _, f := range o.formats() {
		if f != nil && f.Uses(a) {
			return true
		}
	}
	return false
}

// NeedsSource reports whether a format has the proxy's address at the connection to the server.
func (o *Options) NeedsSource() bool {
	for _, f := range o.formats() {
		if f != nil && f.NeedsSource() {
			return true
		}
	}
	return false
}

// ending returns the severity of the line of a connection that has ended, or NotLogged.
func (o *Options) ending(r *Record, severity Severity) Severity {
	if o.isOver(r) || o.SkipSilent && r.sentNothing() {
		return NotLogged
	}
	full := r
	if len(r.AtStart) > 0 {
		unpacked := *r
		u := unpacker(r.AtStart)
		unpacked.unpack(&u)
		full = &unpacked
	}
	return o.severity(full, severity)
}

// isOver reports whether the connection has no line at its end.
func (o *Options) isOver(r *Record) bool {
	if o.Soon {
		return len(r.AtStart) > 0 // it had its line when it became a session
	}
	return !o.Steps[Closed] && r.Listener == ""
}

// sentNothing reports whether the client has sent nothing.
func (r *Record) sentNothing() bool {
	if len(r.AtStart) > 0 {
		return r.In == 0
	}
	return r.Silent
}

// severity returns the severity of a line, or NotLogged.
func (o *Options) severity(r *Record, severity Severity) Severity {
	failed := r.End.Letters()[0] != '-' || r.Retries > 0 || r.Redispatched
	switch {
	case !failed && o.SkipNormal:
		return NotLogged
	case r.Severity != 0:
		return r.Severity
	case failed && o.SeparateErrors:
		return Err
	}
	return severity
}

// LogStep writes the line of a connection that is not over, if its step has one.
func (l *Log) LogStep(r *Record, step Step) {
	o := l.format
	if o == nil || !l.HasStep(step) {
		return
	}
	if severity := o.severity(r, Info); severity != NotLogged {
		l.put(r, step, severity)
	}
}

// HasStep reports whether connections have a line at a step before their end.
func (l *Log) HasStep(step Step) bool {
	return l.format != nil && (l.format.Steps[step] || l.format.Soon && step == Connected)
}

// With returns the log with options, which may be nil.
func (l *Log) With(o *Options) *Log {
	if o == nil {
		return l
	}
	return &Log{logger: l.logger, queue: l.queue, format: o}
}

// Options returns the log's options, or nil.
func (l *Log) Options() *Options { return l.format }
