// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"go.uber.org/zap"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// Worded is an entry that HAProxy has a line for. The encoder tcplog writes that line, other
// encoders the entry.
type Worded interface {
	// HAProxyLine returns the line and the number of its severity. Without a text, HAProxy has no line
	// for the entry, and the encoder writes nothing.
	HAProxyLine() (severity byte, text string)
}

// InHAProxysWords returns the field that makes an entry Worded. No encoder shows the field itself.
func InHAProxysWords(w Worded) zap.Field {
	return zap.Field{Type: zapcore.SkipType, Interface: w}
}

// appendWorded appends the line of an entry that has one. It reports whether the entry is Worded.
func (e *Encoder) appendWorded(b *buffer.Buffer, fields []zapcore.Field) bool {
	for _, f := range fields {
		w, ok := f.Interface.(Worded)
		if !ok {
			continue
		}
		severity, text := w.HAProxyLine()
		if text == "" {
			return true
		}
		e.appendPriority(b, '0'+severity)
		b.AppendString(oneLine(text))
		b.AppendByte('\n')
		return true
	}
	return false
}

// appendPriority appends the severity of a line, if lines begin with it.
func (e *Encoder) appendPriority(b *buffer.Buffer, digit byte) {
	if e.Priority || e.StructuredData {
		b.AppendByte('<')
		b.AppendByte(digit)
		b.AppendByte('>')
	}
}
