// SPDX-License-Identifier: Apache-2.0

package logformat

import (
	stdbinary "encoding/binary"
	"strconv"
	"unicode/utf8"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// appendObject appends the items that have a name as an object of JSON or a map of CBOR.
func (w *writer) appendObject(b []byte) []byte {
	if w.encode&inCBOR != 0 {
		return appendHex(b, w.appendMap(nil), w.encode)
	}
	b = append(b, '{')
	first := true
	for k := range w.items {
		i := &w.items[k]
		if i.name == "" {
			w.skip(i)
			continue
		}
		if !first {
			b = append(b, ", "...)
		}
		first = false
		b = append(append(append(b, '"'), i.name...), `": `...)
		b = w.appendJSON(b, i)
	}
	return append(b, '}')
}

// skip passes over the values of an item.
func (w *writer) skip(i *item) {
	for range i.sources {
		w.nextValue()
	}
}

// plain returns an item as text without quotes and escapes.
func (w *writer) plain(i *item) []byte {
	bare := *i
	bare.flags &= hex
	return w.appendPlain(nil, &bare)
}

// appendJSON appends an item in JSON.
func (w *writer) appendJSON(b []byte, i *item) []byte {
	i = w.withGlobals(i)
	if i.isValue && i.spec.kind == text {
		return appendJSONValue(b, w.nextValue(), i)
	}
	if n, is := w.integer(i); is {
		return appendJSONNumber(b, n, i.as)
	}
	switch i.spec.kind {
	case captured, capturedBare:
		if i.sources == 0 {
			return append(b, "null"...)
		}
		if i.spec.kind == capturedBare {
			return w.appendJSONSlots(b, i)
		}
		return appendJSONText(b, string(w.plain(i)), i)
	case text, badRequest, address, port:
		if s := w.plain(i); string(s) != "-" {
			return appendJSONText(b, string(s), i)
		}
		return append(b, `""`...)
	default:
		return appendJSONText(b, string(w.plain(i)), i)
	}
}

// appendJSONSlots appends the slots of what rules have captured as an array.
func (w *writer) appendJSONSlots(b []byte, i *item) []byte {
	b = append(b, '[')
	for n := range i.sources {
		if n > 0 {
			b = append(b, ", "...)
		}
		b = appendJSONText(b, string(appendQuoted(nil, w.nextValue().appendText(nil), 0, &capturedEscapes)), i)
	}
	return append(b, ']')
}

// appendCBORSlots appends the slots of what rules have captured as an array.
func (w *writer) appendCBORSlots(b []byte, i *item) []byte {
	b = append(b, cborArray)
	for range i.sources {
		slot := appendQuoted(nil, w.nextValue().appendText(nil), 0, &capturedEscapes)
		b = append(appendCBORText(append(b, cborText|cborChunks), slot), cborEnd)
	}
	return append(b, cborEnd)
}

// withGlobals returns the item with the flags of the whole line.
func (w *writer) withGlobals(i *item) *item {
	if w.encode&utf8Text != 0 && i.flags&utf8Text == 0 {
		with := *i
		with.flags |= utf8Text
		return &with
	}
	return i
}

// integer returns the number of an item, if it is one.
func (w *writer) integer(i *item) (int64, bool) {
	if i.isValue || kinds[i.spec.kind] != asNumber || i.flags&hex != 0 && i.spec.kind != number && i.spec.kind != growing {
		return 0, false
	}
	n := i.spec.integer(w.facts.Fact(i.spec.fact))
	return n, i.spec.kind != port || n >= 0
}

func appendJSONNumber(b []byte, n int64, as string) []byte {
	switch as {
	case "bool":
		return strconv.AppendBool(b, n != 0)
	case "str":
		return append(strconv.AppendInt(append(b, '"'), n, 10), '"')
	}
	return strconv.AppendInt(b, n, 10)
}

// appendJSONValue appends the value of an expression, converted to the type that the item names.
func appendJSONValue(b []byte, v value, i *item) []byte {
	switch {
	case v.kind == sample.None:
		return append(b, `""`...)
	case i.as == "raw":
		return appendEscaped(b, v.appendText(nil), 0, &valueEscapes)
	case i.as == "sint" || i.as == "" && v.kind == sample.Int:
		return strconv.AppendInt(b, v.integer(), 10)
	case i.as == "bool" || i.as == "" && v.kind == sample.Bool:
		return strconv.AppendBool(b, v.integer() != 0)
	}
	return appendJSONText(b, string(v.appendText(nil)), i)
}

// jsonEscapes are the escapes of two characters.
var jsonEscapes = [256]byte{'"': '"', '\\': '\\', '\b': 'b', '\t': 't', '\n': 'n', '\f': 'f', '\r': 'r'}

// appendJSONText appends a string. All bytes that are not printable ASCII are escaped one by one;
// with the flag utf8, sequences of UTF-8 stay as they are.
func appendJSONText(b []byte, s string, i *item) []byte {
	b = append(b, '"')
	for k := 0; k < len(s); k++ {
		c := s[k]
		if r, size := utf8.DecodeRuneInString(s[k:]); i.flags&utf8Text != 0 && size > 1 {
			if r < 0xa0 { // C1 control characters
				b = append(b, `\u00`...)
				b = append(b, upper[r>>4], upper[r&15])
			} else {
				b = append(b, s[k:k+size]...)
			}
			k += size - 1
			continue
		}
		switch {
		case jsonEscapes[c] != 0:
			b = append(b, '\\', jsonEscapes[c])
		case c < ' ' || c > '~':
			b = append(append(b, `\u00`...), upper[c>>4], upper[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// The major types of CBOR (RFC 8949), and what begins and ends a map or a string without a length.
const (
	cborUint, cborNegative, cborBytes, cborText = 0x00, 0x20, 0x40, 0x60

	cborMap, cborArray            = 0xbf, 0x9f
	cborChunks, cborEnd           = 0x1f, 0xff
	cborFalse, cborTrue, cborNull = 0xf4, 0xf5, 0xf6
)

func (w *writer) appendMap(b []byte) []byte {
	b = append(b, cborMap)
	for k := range w.items {
		i := &w.items[k]
		if i.name == "" {
			w.skip(i)
			continue
		}
		b = append(appendHead(b, cborText, uint64(len(i.name))), i.name...)
		b = w.appendCBOR(b, i)
	}
	return append(b, cborEnd)
}

// appendCBOR appends an item in CBOR.
func (w *writer) appendCBOR(b []byte, i *item) []byte {
	if i.isValue && i.spec.kind == text {
		return appendCBORValue(b, w.nextValue(), i.as)
	}
	if n, is := w.integer(i); is {
		if i.as == "bool" {
			return appendCBORBool(b, n != 0)
		}
		return appendCBORInt(b, n)
	}
	if i.spec.kind == capturedBare && i.sources > 0 {
		return w.appendCBORSlots(b, i)
	}
	s := w.plain(i)
	switch {
	case len(s) == 0 || string(s) == "-":
		return append(b, cborNull)
	case i.spec.kind == badRequest:
		return append(appendCBORText(append(b, cborText|cborChunks), s), cborEnd)
	}
	return appendCBORText(b, s)
}

func appendCBORValue(b []byte, v value, as string) []byte {
	switch {
	case v.kind == sample.None:
		return append(b, cborNull)
	case as == "sint" || as == "" && v.kind == sample.Int:
		return appendCBORInt(b, v.integer())
	case as == "bool" || as == "" && v.kind == sample.Bool:
		return appendCBORBool(b, v.integer() != 0)
	case as == "" && v.kind == sample.Bin:
		b = appendHead(append(b, cborBytes|cborChunks), cborBytes, uint64(len(v.text)))
		return append(append(b, v.text...), cborEnd)
	}
	return appendCBORText(b, v.appendText(nil))
}

func appendCBORText(b, s []byte) []byte {
	return append(appendHead(b, cborText, uint64(len(s))), s...)
}

func appendCBORBool(b []byte, is bool) []byte {
	if is {
		return append(b, cborTrue)
	}
	return append(b, cborFalse)
}

func appendCBORInt(b []byte, n int64) []byte {
	if n < 0 {
		return appendHead(b, cborNegative, uint64(^n))
	}
	return appendHead(b, cborUint, uint64(n))
}

// appendHead appends the first bytes of an item: its major type, and a number in the shortest form.
func appendHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return stdbinary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n < 1<<32:
		return stdbinary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return stdbinary.BigEndian.AppendUint64(append(b, major|27), n)
}

// appendHex appends CBOR as hexadecimal digits or, with the flag bin, as it is.
func appendHex(b, encoded []byte, f flags) []byte {
	if f&binary != 0 {
		return append(b, encoded...)
	}
	for _, c := range encoded {
		b = append(b, upper[c>>4], upper[c&15])
	}
	return b
}
