// SPDX-License-Identifier: Apache-2.0

package logformat

import (
	"net/netip"
	"strconv"
	"time"
)

// Values are those that AppendValues has appended, early and late ones.
type Values struct{ Early, Late string }

// writer writes one line.
type writer struct {
	*Format
	facts       Facts
	early, late values
	source      int // the next one
	asap        bool
}

// Append appends the line. With incomplete, numbers that may still grow have a plus sign.
func (f *Format) Append(b []byte, facts Facts, v Values, incomplete bool) []byte {
	w := writer{Format: f, facts: facts, early: values(v.Early), late: values(v.Late), asap: incomplete}
	if f.encode&(inJSON|inCBOR) != 0 {
		return w.appendObject(b)
	}
	spaced := true
	for k := range f.items {
		i := &f.items[k]
		before := len(b)
		switch {
		case i.separates && spaced:
			continue
		case i.separates:
			b, spaced = append(b, ' '), true
			continue
		case i.text != "":
			b = append(b, i.text...)
		case i.flags&inJSON != 0:
			b = w.appendJSON(b, i)
		case i.flags&inCBOR != 0:
			b = appendHex(b, w.appendCBOR(nil, i), f.encode)
		default:
			b = w.appendPlain(b, i)
		}
		spaced = spaced && len(b) == before
	}
	return b
}

// nextValue returns the value of the next source.
func (w *writer) nextValue() value {
	late := w.sources[w.source].late
	w.source++
	if late {
		return w.late.next()
	}
	return w.early.next()
}

// appendPlain appends an item as text.
func (w *writer) appendPlain(b []byte, i *item) []byte {
	switch {
	case i.isValue && i.spec.kind == captured:
		return w.appendCaptured(b, i)
	case i.isValue && i.spec.kind == capturedBare:
		for n := range i.sources {
			if n > 0 {
				b = append(b, ' ')
			}
			b = appendQuoted(b, w.nextValue().appendText(nil), i.flags, &capturedEscapes)
		}
		return b
	case i.isValue:
		var room [128]byte
		return appendQuoted(b, w.nextValue().appendText(room[:0]), i.flags, &valueEscapes)
	}
	fact := Fact{}
	if i.spec.fact != none {
		fact = w.facts.Fact(i.spec.fact)
	}
	switch kinds[i.spec.kind] {
	case asText:
		return appendString(b, fact.Text, i.flags)
	case asAddress:
		return appendAddress(b, fact, i.flags)
	case asNumber:
		return appendNumber(b, fact, i, w.asap)
	case asDate:
		return appendDate(b, fact.Number, i.spec.kind)
	default:
		return append(b, fact.Text...)
	}
}

// kinds groups the kinds.
var kinds = [...]uint8{
	text: asText, badRequest: asText, word: asWord, address: asAddress,
	port: asNumber, number: asNumber, growing: asNumber, retries: asNumber, hexNumber: asNumber, hexShort: asNumber, seconds: asNumber, millis: asNumber,
	date: asDate, dateUTC: asDate, dateZone: asDate, captured: asWord, capturedBare: asWord,
}

const (
	asWord uint8 = iota
	asText
	asAddress
	asNumber
	asDate
)

// appendCaptured appends slots in braces.
func (w *writer) appendCaptured(b []byte, i *item) []byte {
	if i.sources == 0 {
		return b
	}
	inside := []byte{'{'}
	for n := range i.sources {
		if n > 0 {
			inside = append(inside, '|')
		}
		inside = appendEscaped(inside, w.nextValue().appendText(nil), i.flags, &capturedEscapes)
	}
	inside = append(inside, '}')
	if i.flags&quote != 0 {
		return append(append(append(b, '"'), inside...), '"')
	}
	return append(b, inside...)
}

// appendString appends a text of the configuration or of the proxy's own.
func appendString(b []byte, s string, f flags) []byte {
	switch {
	case f&quote != 0:
		return append(appendEscapedString(append(b, '"'), s, f), '"')
	case s == "":
		return append(b, '-')
	}
	return appendEscapedString(b, s, f)
}

func appendAddress(b []byte, fact Fact, f flags) []byte {
	switch {
	case !fact.IP.IsValid():
		return appendString(b, fact.Text, f)
	case f&hex != 0:
		return appendHexAddress(b, fact.IP)
	case f&quote != 0:
		return append(fact.IP.AppendTo(append(b, '"')), '"')
	}
	return fact.IP.AppendTo(b)
}

func appendHexAddress(b []byte, ip netip.Addr) []byte {
	for _, c := range ip.AsSlice() {
		b = append(b, upper[c>>4], upper[c&15])
	}
	return b
}

const upper = "0123456789ABCDEF"

func appendNumber(b []byte, fact Fact, i *item, asap bool) []byte {
	n := i.spec.integer(fact)
	switch k := i.spec.kind; {
	case k == port && n < 0:
		return append(b, '-')
	case i.flags&hex != 0 && (k == port || k == hexNumber || k == seconds):
		return appendHexNumber(b, n, 4)
	case i.flags&hex != 0 && k == millis:
		return appendHexNumber(b, n, 2)
	case k == growing && asap || k == retries && fact.Plus:
		b = append(b, '+')
	case k == millis && n < 100:
		b = append(b, '0')
		if n < 10 {
			b = append(b, '0')
		}
	}
	return strconv.AppendInt(b, n, 10)
}

// integer returns the number of a fact, in the unit of its alias.
func (s *spec) integer(f Fact) int64 {
	switch s.kind {
	case seconds:
		return f.Number / 1e6
	case millis:
		return f.Number / 1000 % 1000
	default:
		return f.Number
	}
}

// appendHexNumber appends a number with at least the given number of digits.
func appendHexNumber(b []byte, n int64, digits int) []byte {
	var room [16]byte
	at := len(room)
	for ; n != 0 || len(room)-at < digits; n >>= 4 {
		at--
		room[at] = upper[n&15]
	}
	return append(b, room[at:]...)
}

// The layouts of dates.
const (
	layout     = "02/Jan/2006:15:04:05.000"
	layoutZone = "02/Jan/2006:15:04:05 -0700"
)

func appendDate(b []byte, micro int64, k kind) []byte {
	at := time.UnixMicro(micro)
	switch k {
	case dateUTC:
		return at.UTC().AppendFormat(b, layoutZone)
	case dateZone:
		return at.Local().AppendFormat(b, layoutZone)
	default:
		return at.Local().AppendFormat(b, layout)
	}
}
