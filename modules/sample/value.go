// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
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

// A valueType is a type in a declaration. Addresses have three: any address, IPv4 and IPv6.
type valueType uint8

const (
	typeAny valueType = iota
	typeBool
	typeInt
	typeAddr
	typeIPv4
	typeIPv6
	typeStr
	typeBin
)

var typeNames = [...]string{
	typeAny:  "any",
	typeBool: "bool",
	typeInt:  "integer",
	typeAddr: "address",
	typeIPv4: "ipv4",
	typeIPv6: "ipv6",
	typeStr:  "string",
	typeBin:  "binary",
}

func (t valueType) String() string {
	return typeNames[t]
}

// castable lists the casts that HAProxy permits in a configuration; they may still fail at run
// time.
var castable = [...][]valueType{
	typeAny:  {typeAny, typeBool, typeInt, typeAddr, typeIPv4, typeIPv6, typeStr, typeBin},
	typeBool: {typeAny, typeBool, typeInt, typeStr, typeBin},
	typeInt:  {typeAny, typeBool, typeInt, typeAddr, typeIPv4, typeIPv6, typeStr, typeBin},
	typeAddr: {typeAny, typeAddr, typeIPv4, typeIPv6, typeStr, typeBin},
	typeIPv4: {typeAny, typeInt, typeAddr, typeIPv4, typeIPv6, typeStr, typeBin},
	typeIPv6: {typeAny, typeAddr, typeIPv4, typeIPv6, typeStr, typeBin},
	typeStr:  {typeAny, typeBool, typeInt, typeAddr, typeIPv4, typeIPv6, typeStr, typeBin},
	typeBin:  {typeAny, typeStr, typeBin},
}

func (t valueType) castsTo(to valueType) bool {
	return slices.Contains(castable[t], to)
}

// cast converts a value to another type. It does not allocate if a string, binary or integer value
// already has that type.
func cast(v Value, to valueType) (Value, bool) {
	switch to {
	case typeAny:
		return v, true
	case typeBool:
		n, ok := castInt(v)
		return Boolean(n.number != 0), ok && v.kind != IP
	case typeInt:
		return castInt(v)
	case typeStr:
		return castStr(v)
	case typeBin:
		return castBin(v)
	default:
		return castAddr(v, to)
	}
}

func castInt(v Value) (Value, bool) {
	switch v.kind {
	case Bool, Int:
		return Integer(v.number), true
	case Str:
		n, _ := leadingInt(v.data)
		return Integer(n), len(v.data) > 0
	case IP:
		if !v.addr.Is4() {
			return Value{}, false
		}
		b := v.addr.As4()
		return Integer(int64(binary.BigEndian.Uint32(b[:]))), true
	default:
		return Value{}, false
	}
}

func castStr(v Value) (Value, bool) {
	switch v.kind {
	case Str:
		return v, true
	case Bin:
		// HAProxy's strings end at a NUL, whatever their origin.
		if end := bytes.IndexByte(v.data, 0); end >= 0 {
			v.data = v.data[:end]
		}
		return text(v.data), true
	case Bool, Int:
		return text(strconv.AppendInt(nil, v.number, 10)), true
	case IP:
		return text(v.addr.AppendTo(nil)), true
	default:
		return Value{}, false
	}
}

func castBin(v Value) (Value, bool) {
	switch v.kind {
	case Str, Bin:
		return Binary(v.data), true
	case Bool, Int:
		return Binary(binary.BigEndian.AppendUint64(nil, uint64(v.number))), true
	case IP:
		return Binary(v.addr.AsSlice()), true
	default:
		return Value{}, false
	}
}

func castAddr(v Value, to valueType) (Value, bool) {
	addr := v.addr
	switch v.kind {
	case IP:
	case Int:
		addr = netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(v.number))))
	case Str:
		var err error
		if addr, err = netip.ParseAddr(string(v.data)); err != nil || addr.Zone() != "" {
			return Value{}, false
		}
	default:
		return Value{}, false
	}
	switch {
	case to == typeIPv4 && addr.Is4In6() && v.kind == IP:
		addr = addr.Unmap()
	case to == typeIPv6 && addr.Is4() && v.kind != Str:
		addr = netip.AddrFrom16(addr.As16())
	}
	return Address(addr), to == typeAddr || addr.Is4() == (to == typeIPv4)
}
