// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
)

// binaryConverters convert bytes and addresses.
var binaryConverters = map[string]converter{
	"bytes": {
		args: takes(1, argStr, argStr), in: typeBin, out: typeBin,
		note:  "the bytes from an offset, at most a given number; offset and number may be variables",
		build: buildBytes,
	},
	"hex": {
		in: typeBin, out: typeStr, note: "in hexadecimal, in upper case",
		build: totalConverter(func(v Value) Value { return text(appendHex(nil, v.data)) }),
	},
	"hex2i": {
		in: typeStr, out: typeInt, note: "the number that is written in hexadecimal",
		build: partialConverter(hex2i),
	},
	"be2hex": {
		args: takes(1, argStr, argInt, argInt), in: typeBin, out: typeStr,
		note:  "in hexadecimal, with a separator between groups of the given number of bytes; with 1, without a shorter group at the end",
		build: buildBe2hex,
	},
	"be2dec": {
		args: takes(1, argStr, argInt, argInt), in: typeBin, out: typeStr,
		note:  "groups of the given number of bytes as decimal numbers, with a separator; with 1, without a shorter group at the end",
		build: buildBe2dec,
	},
	"base64": {
		in: typeBin, out: typeStr, note: "in base64",
		build: totalConverter(func(v Value) Value { return text(base64.StdEncoding.AppendEncode(nil, v.data)) }),
	},
	"ub64enc": {
		in: typeBin, out: typeStr, note: "in base64 for URLs, without padding",
		build: totalConverter(func(v Value) Value { return text(base64.RawURLEncoding.AppendEncode(nil, v.data)) }),
	},
	"b64dec": {
		in: typeStr, out: typeBin, note: "decoded from base64",
		build: partialConverter(func(v Value) (Value, bool) { return decode64(base64.StdEncoding, v.data) }),
	},
	"ub64dec": {
		in: typeStr, out: typeBin, note: "decoded from base64 for URLs, without padding",
		build: partialConverter(func(v Value) (Value, bool) {
			return decode64(base64.RawURLEncoding, bytes.TrimRight(v.data, "="))
		}),
	},
	"ipmask": {
		args: takes(1, argMask4, argMask6), in: typeAddr, out: typeAddr,
		note:  "the network of an address, by the masks for IPv4 and IPv6; without the latter nothing for IPv6",
		build: buildIPMask,
	},
}

// A byteCut cuts the bytes from an offset out of a value, at most a number of them.
type byteCut struct {
	from  operand
	limit *operand // nil: all that follow
}

func buildBytes(_ *Loader, a args) (convertFunc, error) {
	from, err := readOperand(a[0].text)
	if err != nil {
		return nil, err
	}
	cut := &byteCut{from: from}
	if len(a) > 1 {
		limit, err := readOperand(a[1].text)
		if err != nil {
			return nil, err
		}
		cut.limit = &limit
	}
	switch {
	case from.isNumberBelow(0):
		return nil, fmt.Errorf("expects a non-negative integer")
	case cut.limit != nil && cut.limit.isNumberBelow(1):
		return nil, fmt.Errorf("expects a positive integer")
	}
	return cut.convert, nil
}

// convert cuts; as long as more bytes may arrive, it has no value for a cut that is incomplete.
func (c *byteCut) convert(in *Input, v Value, settled bool) (Value, bool) {
	start, ok := c.from.value(in)
	if !ok || start < 0 {
		return Value{}, false
	}
	rest := int64(len(v.data)) - start
	length := rest
	if c.limit != nil {
		if length, ok = c.limit.value(in); !ok || length < 0 {
			return Value{}, false
		}
	}
	if !settled && (rest <= 0 || length > rest) {
		return Value{}, false
	}
	if rest <= 0 {
		return Binary(nil), true
	}
	return Binary(v.data[start : start+min(length, rest)]), true
}

func appendHex(dst, b []byte) []byte {
	start := len(dst)
	dst = hex.AppendEncode(dst, b)
	copy(dst[start:], bytes.ToUpper(dst[start:]))
	return dst
}

func hex2i(v Value) (Value, bool) {
	n := int64(0)
	for _, c := range v.data {
		digit := hexDigit(c)
		if digit < 0 {
			return Value{}, false
		}
		n = n<<4 | int64(digit)
	}
	return Integer(n), true
}

func buildBe2hex(_ *Loader, a args) (convertFunc, error) {
	separator, size, whole := a[0].text, a.integer(1, 0), a.integer(2, 0)
	switch {
	case size <= 0 && (separator != "" || whole != 0):
		return nil, fmt.Errorf("chunk_size needs to be positive (%d)", size)
	case whole != 0 && whole != 1:
		return nil, fmt.Errorf("Unsupported truncate value (%d)", whole)
	case separator == "" && whole == 0:
		size = 1
	}
	return groups(separator, size, whole == 1, appendHex), nil
}

func buildBe2dec(_ *Loader, a args) (convertFunc, error) {
	return decimalGroups(a, func(n uint64, _ int, b byte) uint64 { return n<<8 | uint64(b) })
}

// decimalGroups converts groups of up to 8 bytes to decimal numbers. add gets the number so far,
// and the index of the next byte in its group.
func decimalGroups(a args, add func(n uint64, place int, b byte) uint64) (convertFunc, error) {
	separator, size, whole := a[0].text, a.integer(1, 0), a.integer(2, 0)
	switch {
	case size <= 0 || size > 8:
		return nil, fmt.Errorf("chunk_size out of [1..8] range (%d)", size)
	case whole != 0 && whole != 1:
		return nil, fmt.Errorf("Unsupported truncate value (%d)", whole)
	}
	return groups(separator, size, whole == 1, func(dst, group []byte) []byte {
		n := uint64(0)
		for place, b := range group {
			n = add(n, place, b)
		}
		return strconv.AppendUint(dst, n, 10)
	}), nil
}

// groups returns a converter that writes the bytes in groups with a separator between them.
func groups(separator string, size int64, whole bool, write func(dst, group []byte) []byte) convertFunc {
	return func(_ *Input, v Value, _ bool) (Value, bool) {
		out := []byte{}
		for rest := v.data; len(rest) > 0; {
			n := int(min(size, int64(len(rest))))
			if whole && int64(n) < size {
				break
			}
			if len(out) > 0 {
				out = append(out, separator...)
			}
			out = write(out, rest[:n])
			rest = rest[n:]
		}
		return text(out), true
	}
}

func decode64(encoding *base64.Encoding, b []byte) (Value, bool) {
	if bytes.ContainsAny(b, "\r\n") {
		// Go ignores line ends, HAProxy does not.
		return Value{}, false
	}
	decoded, err := encoding.AppendDecode(nil, b)
	return Binary(decoded), err == nil
}

func buildIPMask(_ *Loader, a args) (convertFunc, error) {
	mask4 := a[0].addr
	var mask6 netip.Addr
	if len(a) > 1 {
		mask6 = a[1].addr
	}
	return func(_ *Input, v Value, _ bool) (Value, bool) {
		addr := v.addr.Unmap()
		if addr.Is4() {
			return Address(applyMask(addr, mask4)), true
		}
		return Address(applyMask(addr, mask6)), mask6.IsValid()
	}, nil
}

// applyMask clears the bits of an address that are not in the mask. A mask of another length has no
// effect.
func applyMask(addr, mask netip.Addr) netip.Addr {
	if addr.BitLen() != mask.BitLen() {
		return addr
	}
	if addr.Is4() {
		b, m := addr.As4(), mask.As4()
		for k := range b {
			b[k] &= m[k]
		}
		return netip.AddrFrom4(b)
	}
	b, m := addr.As16(), mask.As16()
	for k := range b {
		b[k] &= m[k]
	}
	return netip.AddrFrom16(b)
}
