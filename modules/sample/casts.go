// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
)

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
