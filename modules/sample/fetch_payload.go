// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"fmt"
)

// bufferSize is HAProxy's default for tune.bufsize: a block that reaches beyond it is never looked at.
const bufferSize = 16384

// payloadFetches look at whatever bytes the client has sent.
var payloadFetches = map[string]fetch{
	"req.len": {
		aliases: []string{"req_len"}, out: typeInt, needs: NeedsRequest,
		note:  "how many bytes there are; may change until the end of the wait",
		build: plain(func(in *Input) sampled { return changing(Number(int64(len(sent(in))))) }),
	},
	"req.payload": {
		aliases: []string{"payload"}, args: takes(2, argInt, argInt), out: typeBin, needs: NeedsRequest,
		note:  "the bytes at an offset; the length 0 means all that follow, at the end of the wait",
		build: buildPayload(sent),
	},
	"req.payload_lv": {
		aliases: []string{"payload_lv"}, args: takes(2, argInt, argInt, argStr), out: typeBin, needs: NeedsRequest,
		note:  "bytes whose length stands at an offset, in so many bytes; they follow it, moved by a third argument with + or -",
		build: buildPayloadLV(sent),
	},
	"wait_end": {
		out: typeBool, needs: NeedsRequest,
		note:  "true at the end of the wait",
		build: plain(waitEnd),
	},
}

// sent returns what the client has sent.
func sent(in *Input) []byte {
	if in.Hello == nil {
		return nil
	}
	return in.Hello.Bytes()
}

func changing(v Value) sampled {
	return sampled{value: v, found: true, mayChange: true}
}

func waitEnd(in *Input) sampled {
	if !in.Final {
		return notYet
	}
	return found(Truth(true))
}

// block returns the bytes in a range.
func block(b []byte, offset, length int64) sampled {
	switch {
	case offset < 0, offset > bufferSize, length > bufferSize-offset:
		return nothing
	case int64(len(b)) < offset+length:
		return notYet
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
		return nil, &Unsupported{"a negative argument of req.payload", "HAProxy would read outside of its buffer"}
	case length > 0:
		return func(in *Input) sampled { return block(of(in), offset, length) }, nil
	}
	return func(in *Input) sampled {
		answer := block(of(in), offset, 0)
		if answer.found {
			answer = changing(Binary(of(in)[offset:]))
		}
		return answer
	}, nil
}

func buildPayloadLV(of func(*Input) []byte) func(args) (fetchFunc, error) {
	return func(a args) (fetchFunc, error) { return payloadLV(of, a) }
}

func payloadLV(of func(*Input) []byte, a args) (fetchFunc, error) {
	at, size := a[0].number, a[1].number
	switch {
	case at < 0:
		return nil, errors.New("payload offset1 must be positive")
	case size == 0:
		return nil, errors.New("payload length must be > 0")
	case size < 0 || size > 4:
		return nil, &Unsupported{fmt.Sprintf("a length of %d bytes in req.payload_lv", size), "1 to 4 are"}
	}
	from := at + size
	if offset := a.text(2); offset != "" {
		n, ok := wholeInt(offset)
		switch {
		case !ok:
			return nil, errors.New("payload offset2 is not a number")
		case from+n < 0:
			return nil, errors.New("payload offset2 too negative")
		case offset[0] != '+' && offset[0] != '-':
			return nil, &Unsupported{
				"an offset2 without a sign in req.payload_lv",
				fmt.Sprintf("HAProxy does not read it as it is documented; from the end of the length, it is %+d", n-from),
			}
		}
		from += n
	}
	return func(in *Input) sampled {
		answer := block(of(in), at, size)
		if !answer.found {
			return answer
		}
		length := int64(0)
		for _, b := range answer.value.data {
			length = length<<8 | int64(b)
		}
		if length == 0 {
			return nothing
		}
		return block(of(in), from, length)
	}, nil
}
