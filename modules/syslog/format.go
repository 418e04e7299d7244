// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"bytes"
	"strconv"
	"time"
)

// Format is the form of a message.
type Format uint8

// The formats, by HAProxy's names.
const (
	Local    Format = iota // RFC 3164, where the host name is optional
	RFC3164                // with the host name
	RFC5424                // with the host name
	Priority               // <facility and level>text
	Short                  // <level>text, as systemd reads it
	Timed                  // <level>time text
	ISO                    // time text
	Raw                    // text
)

// Formats holds the names, by number. It must not be changed.
var Formats = []string{"local", "rfc3164", "rfc5424", "priority", "short", "timed", "iso", "raw"}

// String returns the name.
func (f Format) String() string { return Formats[f] }

// ParseFormat returns the format of a name, such as rfc5424.
func ParseFormat(name string) (Format, error) {
	n, err := indexOf(Formats, "format", name)
	return Format(n), err
}

// Header says what messages begin with.
type Header struct {
	Format   Format
	Facility Facility
	Hostname string // empty: none, or - in RFC5424
	Tag      string // the program
	PID      int
}

// isoTime is HAProxy's layout of times in RFC5424, Timed and ISO.
const isoTime = "2006-01-02T15:04:05.000000-07:00"

// Append appends a message with the text, which it cuts so that the message has at most length
// bytes; 0: it is not cut. It reports whether it was. A text of several lines becomes one: their
// ends are written as rsyslog does, #012. Structured data stand before the text between two bytes
// 1f; only messages of RFC5424 have them.
func (h *Header) Append(b []byte, s Severity, at time.Time, text []byte, length int) (_ []byte, cut bool) {
	start := len(b)
	data, text := cutData(text)
	b = h.append(b, s, at, data)
	if bytes.IndexByte(text, '\n') >= 0 || bytes.IndexByte(text, '\r') >= 0 {
		text = oneLine(text)
	}
	b = append(b, text...)
	if length > 0 && len(b)-start > length {
		return b[:start+length], true
	}
	return b, false
}

func (h *Header) append(b []byte, s Severity, at time.Time, data []byte) []byte {
	priority := int(s)
	switch h.Format {
	case Local, RFC3164, RFC5424, Priority:
		priority += 8 * int(h.Facility)
	case Short, Timed:
	case ISO:
		return append(at.AppendFormat(b, isoTime), ' ')
	case Raw:
		return b
	}
	b = append(strconv.AppendInt(append(b, '<'), int64(priority), 10), '>')
	switch h.Format {
	case Timed:
		b = append(at.AppendFormat(b, isoTime), ' ')
	case Local, RFC3164:
		b = append(at.AppendFormat(b, time.Stamp), ' ')
		if h.Hostname != "" {
			b = append(append(b, h.Hostname...), ' ')
		}
		b = append(append(b, h.Tag...), '[')
		b = append(strconv.AppendInt(b, int64(h.PID), 10), "]: "...)
	case RFC5424:
		b = append(at.AppendFormat(append(b, "1 "...), isoTime), ' ')
		b = append(append(b, orDash(h.Hostname)...), ' ')
		b = append(append(b, orDash(h.Tag)...), ' ')
		b = append(strconv.AppendInt(b, int64(h.PID), 10), " - "...)
		b = append(append(b, orDash(string(data))...), ' ')
	case Priority, Short, ISO, Raw:
	}
	return b
}

// separator is before and behind structured data.
const separator = 0x1f

// cutData returns the structured data before a text, and the text.
func cutData(text []byte) (data, rest []byte) {
	if len(text) == 0 || text[0] != separator {
		return nil, text
	}
	data, rest, _ = bytes.Cut(text[1:], []byte{separator})
	return data, rest
}

// orDash returns RFC 5424's value of a field that is empty.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// oneLine returns the text with its line ends escaped.
func oneLine(text []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\n"), []byte("#012")), []byte("\r"), []byte("#015"))
}
