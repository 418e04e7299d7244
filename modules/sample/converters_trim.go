// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"bytes"
	"encoding/binary"
)

// trimConverters trim strings, or encode numbers as bytes.
var trimConverters = map[string]converter{
	"cut_crlf": {
		in: typeStr, out: typeStr, note: "up to the end of the first line",
		build: totalConverter(func(v Value) Value {
			if end := bytes.IndexAny(v.data, "\r\n"); end >= 0 {
				return text(v.data[:end])
			}
			return v
		}),
	},
	"ltrim": {
		args: takes(1, argStr), in: typeStr, out: typeStr, note: "without any of these bytes at the beginning",
		build: buildTrim(bytes.TrimLeft),
	},
	"rtrim": {
		args: takes(1, argStr), in: typeStr, out: typeStr, note: "without any of these bytes at the end",
		build: buildTrim(bytes.TrimRight),
	},
	"htonl": {
		in: typeInt, out: typeBin, note: "the number in four bytes, the highest first",
		build: totalConverter(func(v Value) Value { return Binary(binary.BigEndian.AppendUint32(nil, uint32(v.number))) }),
	},
}

func buildTrim(trim func([]byte, string) []byte) func(*Loader, args) (convertFunc, error) {
	return func(_ *Loader, a args) (convertFunc, error) {
		return func(_ *Input, v Value, _ bool) (Value, bool) { return text(trim(v.data, a[0].text)), true }, nil
	}
}
