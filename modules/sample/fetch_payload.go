// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"fmt"
)

// bufferSize is HAProxy's default for tune.bufsize. A range that extends beyond it has no value.
const bufferSize = 16384

// payloadFetches examine any bytes from the client.
var payloadFetches = map[string]fetch{
	"req.len": {
		aliases: []string{"req_len"}, out: typeInt, needs: NeedsRequest,
		note:  "the number of bytes; may change until the end of the wait",
		build: withoutArgs(func(in *Input) result { return stillChanging(Integer(int64(len(requestBytes(in))))) }),
	},
	"req.payload": {
		aliases: []string{"payload"}, args: takes(2, argInt, argInt), out: typeBin, needs: NeedsRequest,
		note:  "the bytes at an offset; the length 0 means all that follow, at the end of the wait",
		build: buildPayload(requestBytes),
	},
	"req.payload_lv": {
		aliases: []string{"payload_lv"}, args: takes(2, argInt, argInt, argStr), out: typeBin, needs: NeedsRequest,
		note:  "bytes whose length is encoded at an offset, in a given number of bytes; they start after it, moved by a third argument with + or -",
		build: buildPayloadLV(requestBytes),
	},
	"wait_end": {
		out: typeBool, needs: NeedsRequest,
		note:  "true at the end of the wait",
		build: withoutArgs(waitEnd),
	},
}

// requestBytes returns the bytes received from the client.
func requestBytes(in *Input) []byte {
	if in.Hello == nil {
		return nil
	}
	return in.Hello.Bytes()
}

func stillChanging(v Value) result {
	return result{value: v, found: true, mayChange: true}
}

func waitEnd(in *Input) result {
	if !in.Final {
		return pending
	}
	return found(Boolean(true))
}

// byteRange returns a range of bytes.
func byteRange(b []byte, offset, length int64) result {
	switch {
	case offset < 0, offset > bufferSize, length > bufferSize-offset:
		return noValue
	case int64(len(b)) < offset+length:
		return pending
	}
	return found(Binary(b[offset : offset+length]))
}

func buildPayload(of func(*Input) []byte) func(args) (fetchFunc, error) {
	return func(a args) (fetchFunc, error) { return payload(of, a) }
}

func payload(of func(*Input) []byte, a args) (fetchFunc, error) {
	offset, length := a[0].number, a[1].number
	switch {
	case offset < 0 || length < 0:
		return nil, &Unsupported{"a negative argument of req.payload", "HAProxy would read outside its buffer"}
	case length > 0:
		return func(in *Input) result { return byteRange(of(in), offset, length) }, nil
	}
	return func(in *Input) result {
		answer := byteRange(of(in), offset, 0)
		if answer.found {
			answer = stillChanging(Binary(of(in)[offset:]))
		}
		return answer
	}, nil
}

func buildPayloadLV(of func(*Input) []byte) func(args) (fetchFunc, error) {
	return func(a args) (fetchFunc, error) { return payloadLV(of, a) }
}

// moveBy moves a position by the third argument of req.payload_lv.
func moveBy(from int64, offset string) (int64, error) {
	if offset == "" {
		return from, nil
	}
	n, ok := wholeInt(offset)
	switch {
	case !ok:
		return 0, errors.New("payload offset2 is not a number")
	case from+n < 0:
		return 0, errors.New("payload offset2 too negative")
	case offset[0] != '+' && offset[0] != '-':
		return 0, &Unsupported{
			"an offset2 without a sign in req.payload_lv",
			fmt.Sprintf("HAProxy does not read it as it is documented; from the end of the length, it is %+d", n-from),
		}
	}
	return from + n, nil
}

func payloadLV(of func(*Input) []byte, a args) (fetchFunc, error) {
	at, size := a[0].number, a[1].number
	switch {
	case at < 0:
		return nil, errors.New("payload offset1 must be positive")
	case size == 0:
		return nil, errors.New("payload length must be > 0")
	case size < 0 || size > 4:
		return nil, &Unsupported{fmt.Sprintf("a length of %d bytes in req.payload_lv", size), "expected 1 to 4"}
	}
	from, err := moveBy(at+size, a.text(2))
	if err != nil {
		return nil, err
	}
	return func(in *Input) result {
		answer := byteRange(of(in), at, size)
		if !answer.found {
			return answer
		}
		length := int64(0)
		for _, b := range answer.value.data {
			length = length<<8 | int64(b)
		}
		if length == 0 {
			return noValue
		}
		return byteRange(of(in), from, length)
	}, nil
}
