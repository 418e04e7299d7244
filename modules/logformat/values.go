// SPDX-License-Identifier: Apache-2.0

package logformat

import (
	stdbinary "encoding/binary"
	"net/netip"
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// CaptureVariable returns the name of the variable that holds what rules have captured in a slot.
func CaptureVariable(slot int) string { return sample.CaptureVariable + strconv.Itoa(slot) }

// AppendValues appends the values that the expressions have now: early ones, which are known once
// the server is connected, or late ones, which change until the connection ends.
func (f *Format) AppendValues(b []byte, in *sample.Input, late bool) []byte {
	for _, s := range f.sources {
		if s.late == late {
			b = appendValue(b, s.value(in))
		}
	}
	return b
}

func (s *source) value(in *sample.Input) sample.Value {
	if s.expression == nil {
		if in.Var == nil {
			return sample.Value{}
		}
		v, _ := in.Var(CaptureVariable(s.capture))
		return v
	}
	v, _ := s.expression.Eval(in)
	return v
}

// appendValue appends a value's kind and its contents.
func appendValue(b []byte, v sample.Value) []byte {
	b = append(b, byte(v.Kind()))
	switch v.Kind() {
	case sample.Bool, sample.Int:
		return stdbinary.AppendVarint(b, v.Int())
	case sample.Str, sample.Bin:
		return append(stdbinary.AppendUvarint(b, uint64(len(v.Bytes()))), v.Bytes()...)
	case sample.IP:
		slice := v.Addr().AsSlice()
		return append(append(b, byte(len(slice))), slice...)
	default:
		return b
	}
}

// A value is one that appendValue has appended.
type value struct {
	kind   sample.Kind
	text   string // of Str and Bin
	number int64  // of Bool and Int
	ip     netip.Addr
}

// values are the values that are not read yet.
type values string

// next returns the next value.
func (s *values) next() (v value) {
	if *s == "" {
		return v
	}
	v.kind = sample.Kind((*s)[0])
	*s = (*s)[1:]
	switch v.kind {
	case sample.Bool, sample.Int:
		n := s.length()
		v.number = int64(n>>1) ^ -int64(n&1)
	case sample.Str, sample.Bin:
		v.text = s.take(int(s.length()))
	case sample.IP:
		v.ip, _ = netip.AddrFromSlice([]byte(s.take(int(s.take(1)[0]))))
	default:
	}
	return v
}

func (s *values) take(n int) string {
	taken := (*s)[:n]
	*s = (*s)[n:]
	return string(taken)
}

func (s *values) length() (n uint64) {
	for shift := 0; ; shift += 7 {
		c := s.take(1)[0]
		if n |= uint64(c&0x7f) << shift; c < 0x80 {
			return n
		}
	}
}

// appendText appends the value as HAProxy casts it to a text: binary data up to its first NUL.
func (v value) appendText(b []byte) []byte {
	switch v.kind {
	case sample.Bool, sample.Int:
		return strconv.AppendInt(b, v.number, 10)
	case sample.IP:
		return v.ip.AppendTo(b)
	case sample.Bin:
		for i := range len(v.text) {
			if v.text[i] == 0 {
				return append(b, v.text[:i]...)
			}
		}
	default:
	}
	return append(b, v.text...)
}

// integer returns the value as HAProxy casts it to a number.
func (v value) integer() int64 {
	switch {
	case v.kind == sample.IP && v.ip.Is4():
		four := v.ip.As4()
		return int64(stdbinary.BigEndian.Uint32(four[:]))
	case v.kind == sample.Str || v.kind == sample.Bin:
		n, _ := sample.Text(v.text).AsInteger()
		return n
	}
	return v.number
}
