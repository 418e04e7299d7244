// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-passthrough/caddy-passthrough/modules/logformat"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

func init() {
	caddy.RegisterModule(new(Encoder))
}

// Encoder writes the lines of connections as HAProxy does with option tcplog. Of other entries it
// writes the logger's name, the message and the fields as JSON.
type Encoder struct {
	// Priority makes each line begin with <N>, its severity, which systemd and the writer syslog read:
	// 6 for info, 4 for warn, 3 for error.
	Priority bool `json:"priority,omitempty"`

	// StructuredData makes each line begin with <N>, a byte 1f, RFC 5424's structured data of the
	// frontend's log_format_sd, and another byte 1f, which the writer syslog reads.
	StructuredData bool `json:"structured_data,omitempty"`

	zapcore.Encoder `json:"-"` // of the fields that loggers have, as JSON
}

// CaddyModule returns the Caddy module information.
func (*Encoder) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "caddy.logging.encoders.tcplog",
		New: func() caddy.Module { return new(Encoder) },
	}
}

// Provision sets up the encoder.
func (e *Encoder) Provision(caddy.Context) error {
	e.Encoder = zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		SkipLineEnding: true,
		EncodeDuration: zapcore.SecondsDurationEncoder,
		EncodeTime:     zapcore.ISO8601TimeEncoder,
	})
	return nil
}

// UnmarshalCaddyfile sets up the encoder. Syntax:
//
//	tcplog {
//	    priority
//	    structured_data
//	}
func (e *Encoder) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the encoder's name
	return options.Table{"priority": options.Flag(&e.Priority), "structured_data": options.Flag(&e.StructuredData)}.ParseBlock(d)
}

// Clone implements zapcore.Encoder.
func (e *Encoder) Clone() zapcore.Encoder {
	return &Encoder{Priority: e.Priority, StructuredData: e.StructuredData, Encoder: e.Encoder.Clone()}
}

var buffers = buffer.NewPool()

// EncodeEntry implements zapcore.Encoder.
func (e *Encoder) EncodeEntry(at zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	b := buffers.Get()
	for _, f := range fields {
		if line, ok := f.Interface.(*entry); ok {
			var room [512]byte
			_, _ = b.Write(append(e.appendEntry(room[:0], line), '\n'))
			return b, nil
		}
	}
	if e.appendWorded(b, fields) {
		return b, nil
	}
	e.appendPriority(b, severity(at.Level))
	if at.LoggerName != "" {
		b.AppendString(at.LoggerName)
		b.AppendString(": ")
	}
	b.AppendString(oneLine(at.Message))
	all, err := e.Encoder.EncodeEntry(zapcore.Entry{Level: at.Level, Time: at.Time}, fields)
	if err != nil {
		b.Free()
		return nil, err
	}
	defer all.Free()
	if text := all.String(); text != "{}" {
		b.AppendByte(' ')
		b.AppendString(text)
	}
	b.AppendByte('\n')
	return b, nil
}

// appendEntry appends the line of a connection.
func (e *Encoder) appendEntry(b []byte, line *entry) []byte {
	if e.Priority || e.StructuredData {
		b = append(b, '<', line.severity().digit(), '>')
	}
	if line.log != nil && line.log.format != nil {
		return e.appendFormatted(b, line, line.log.format)
	}
	r := line.record()
	return r.appendDefault(b)
}

// recordsOfFacts holds room for records. Formats read them through an interface, so they are on the
// heap.
var recordsOfFacts = sync.Pool{New: func() any { return &recordFacts{Record: new(Record)} }}

// appendFormatted appends the line of a connection whose log has options.
func (e *Encoder) appendFormatted(b []byte, line *entry, o *Options) []byte {
	f := recordsOfFacts.Get().(*recordFacts)
	defer recordsOfFacts.Put(f)
	*f.Record, f.step = line.record(), line.step()
	if o.Uses(logformat.LogCount) {
		f.lines = line.log.lines.Add(1) - 1
	}
	if e.StructuredData && o.StructuredData != nil {
		b = append(b, separator)
		b = append(f.appendFormat(b, o, placeStructured), separator)
	}
	switch {
	case f.Listener != "" && o.ErrorFormat != nil:
		return f.appendFormat(b, o, placeError)
	case f.Listener == "" && o.Format != nil:
		return f.appendFormat(b, o, placeFormat)
	}
	return f.appendDefault(b)
}

// separator stands before and behind structured data.
const separator = 0x1f

// The places of formats among those of the options.
const (
	placeFormat = iota
	placeError
	placeStructured
)

// oneLine returns the text, with escapes if it has characters that are not printable.
func oneLine(text string) string {
	if !strings.ContainsFunc(text, unicode.IsControl) {
		return text
	}
	return strings.Trim(strconv.Quote(text), `"`)
}

// severity returns the digit of a level's severity.
func severity(l zapcore.Level) byte {
	switch {
	case l <= zapcore.DebugLevel:
		return '7'
	case l == zapcore.InfoLevel:
		return '6'
	case l == zapcore.WarnLevel:
		return '4'
	case l == zapcore.ErrorLevel:
		return '3'
	default:
		return '2'
	}
}

// Interface guards
var (
	_ caddy.Module          = (*Encoder)(nil)
	_ caddy.Provisioner     = (*Encoder)(nil)
	_ caddyfile.Unmarshaler = (*Encoder)(nil)
	_ zapcore.Encoder       = (*Encoder)(nil)
)
