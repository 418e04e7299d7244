// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"net/netip"
	"slices"
)

// A Kind is the type of a value at run time.
type Kind uint8

// The kinds.
const (
	None Kind = iota // of the zero Value
	Bool
	Int
	Str
	Bin
	IP
)

// A Value is the value of an expression. A string or binary value may be a view of the client's
// bytes and is then valid only as long as they are; [Value.Clone] returns a value that stays valid.
// Values are immutable, so they are safe for concurrent use.
type Value struct {
	kind   Kind
	number int64 // of Bool (0 or 1) and Int
	data   []byte
	addr   netip.Addr
}

// Text returns a string value.
func Text(s string) Value {
	return Value{kind: Str, data: []byte(s)}
}

// Integer returns an integer value.
func Integer(n int64) Value {
	return Value{kind: Int, number: n}
}

// Boolean returns a boolean value.
func Boolean(b bool) Value {
	v := Value{kind: Bool}
	if b {
		v.number = 1
	}
	return v
}

// Binary returns a binary value that is a view of b.
func Binary(b []byte) Value {
	return Value{kind: Bin, data: b}
}

// Address returns an address value. The zone of an IPv6 address is dropped.
func Address(a netip.Addr) Value {
	return Value{kind: IP, addr: a.WithZone("")}
}

// text returns a string value that is a view of b.
func text(b []byte) Value {
	return Value{kind: Str, data: b}
}

// Kind returns the type of the value.
func (v Value) Kind() Kind {
	return v.kind
}

// String returns the value as HAProxy casts it to a string: a boolean as 1 or 0, binary data up to
// its first NUL. For the zero Value it returns "".
func (v Value) String() string {
	s, _ := cast(v, typeStr)
	return string(s.data)
}

// Bytes returns the bytes of a string or binary value, else nil. The caller must not modify them.
func (v Value) Bytes() []byte {
	return v.data
}

// Int returns the number of an integer or a boolean value, else 0.
func (v Value) Int() int64 {
	return v.number
}

// Addr returns the address of an address value, else the zero Addr.
func (v Value) Addr() netip.Addr {
	return v.addr
}

// AsInteger returns the value as HAProxy casts it to a number, if it can.
func (v Value) AsInteger() (int64, bool) {
	n, ok := castInt(v)
	return n.number, ok
}

// AsAddress returns the value as HAProxy casts it to an IP address, if it can.
func (v Value) AsAddress() (netip.Addr, bool) {
	a, ok := cast(v, typeAddr)
	return a.addr, ok
}

// AsBinary returns the bytes of the value as HAProxy casts it to binary, if it can. The caller must
// not modify them.
func (v Value) AsBinary() ([]byte, bool) {
	b, ok := castBin(v)
	return b.data, ok
}

// Clone returns a copy of the value that does not share its bytes.
func (v Value) Clone() Value {
	v.data = slices.Clone(v.data)
	return v
}
