// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"time"
)

// processFetches are the fetches of the clock, of random numbers, of the process and of the
// connection to it.
var processFetches = map[string]fetch{
	"date": {
		args: takes(0, argInt, argStr), out: typeInt,
		note:  "the time in seconds since 1970, with an offset; of it in ms or us, with one of these words",
		build: buildDate,
	},
	"date_us": {
		out: typeInt, note: "the microseconds of the second",
		build: withoutArgs(func(*Input) result { return found(Integer(int64(time.Now().Nanosecond() / 1000))) }),
	},
	"rand": {
		args: takes(0, argInt), out: typeInt, note: "a random number of 32 bits, or one from 0 below another",
		build: buildRand,
	},
	"uuid": {
		args: takes(0, argInt), out: typeStr, note: "a random UUID of version 4, or of version 7", build: buildUUID,
	},
	"pid": {
		out: typeInt, note: "the number of the process",
		build: func(args) (fetchFunc, error) { return constant(Integer(int64(os.Getpid()))), nil },
	},
	"nbproc": {out: typeInt, note: "1: there is one process", build: withoutArgs(constant(Integer(1)))},
	"proc":   {out: typeInt, note: "1: the process is the first", build: withoutArgs(constant(Integer(1)))},
	"fc_src": {
		out: typeIPv4, note: "the address that the connection comes from, whatever its PROXY header says",
		build: withoutArgs(func(in *Input) result { return addressResult(in.peer()) }),
	},
	"fc_src_port": {
		out: typeInt, note: "the port that the connection comes from",
		build: withoutArgs(func(in *Input) result { return portResult(in.peer()) }),
	},
	"fc_dst": {
		out: typeIPv4, note: "the address that the connection has come to, whatever its PROXY header says",
		build: withoutArgs(func(in *Input) result { return addressResult(in.local()) }),
	},
	"fc_dst_port": {
		out: typeInt, note: "the port that the connection has come to",
		build: withoutArgs(func(in *Input) result { return portResult(in.local()) }),
	},
}

// connectionStateFetches are the fetches that query the State about the process or the client's
// connection; see [stateFetch].
var connectionStateFetches = map[string]fetch{
	"uptime":          {out: typeInt, note: "the number of seconds that the process has been running"},
	"stopping":        {out: typeBool, note: "whether the process is shutting down"},
	"src_is_local":    {out: typeBool, note: "whether the client's address is one of this host"},
	"dst_is_local":    {out: typeBool, note: "whether the address that the client connected to is one of this host"},
	"fc_src_is_local": {out: typeBool, note: "whether the connection comes from an address of this host"},
	"fc_dst_is_local": {out: typeBool, note: "whether the connection has come to an address of this host"},
	"fc_unacked":      {out: typeInt, note: "the number of segments that the client has not acknowledged (Linux)"},
	"fc_sacked":       {out: typeInt, note: "the number of segments that the client has acknowledged selectively (Linux)"},
	"fc_retrans":      {out: typeInt, note: "the number of retransmitted segments (Linux)"},
	"fc_fackets":      {out: typeInt, note: "the kernel's tcpi_fackets (Linux)"},
	"fc_lost":         {out: typeInt, note: "the number of segments considered lost (Linux)"},
	"fc_reordering":   {out: typeInt, note: "the kernel's tcpi_reordering (Linux)"},
}

// roundTripFetches returns the fetches of the kernel's times of the client's connection.
func roundTripFetches() map[string]fetch {
	all := make(map[string]fetch)
	for name, note := range map[string]string{"fc_rtt": "round-trip time", "fc_rttvar": "variance of the round-trip time"} {
		all[name] = fetch{
			args: takes(0, argStr), out: typeInt, note: "the kernel's " + note + " of the client's connection in milliseconds, or with us in microseconds (Linux)",
			query: func(args) Question { return Question{Fetch: name} },
			build: buildRoundTrip(name),
		}
	}
	return all
}

// timeUnit returns the duration of a unit.
func timeUnit(name, otherwise string) (time.Duration, bool) {
	if name == "" {
		name = otherwise
	}
	switch name {
	case "s":
		return time.Second, true
	case "ms":
		return time.Millisecond, true
	case "us":
		return time.Microsecond, true
	}
	return 0, false
}

func buildDate(a args) (fetchFunc, error) {
	offset := a.integer(0, 0)
	of, ok := timeUnit(a.text(1), "s")
	if !ok {
		return nil, fmt.Errorf("expects 's', 'ms' or 'us', got '%s'", a.text(1))
	}
	return func(*Input) result { return found(Integer(time.Now().UnixNano()/int64(of) + offset)) }, nil
}

func buildRand(a args) (fetchFunc, error) {
	limit := a.integer(0, 0)
	if len(a) == 0 {
		return func(*Input) result { return found(Integer(int64(mathrand.Uint32()))) }, nil //nolint:gosec // not for secrets
	}
	return func(*Input) result {
		if limit <= 0 {
			return found(Integer(0))
		}
		return found(Integer(mathrand.Int64N(limit))) //nolint:gosec // likewise
	}, nil
}

func buildUUID(a args) (fetchFunc, error) {
	version := a.integer(0, 4)
	if version != 4 && version != 7 {
		return nil, fmt.Errorf("Unsupported UUID version: '%d'", version)
	}
	return func(*Input) result {
		var b [16]byte
		_, _ = rand.Read(b[:]) // it never fails
		if version == 7 {
			now := uint64(time.Now().UnixMilli())
			for k := range 6 {
				b[k] = byte(now >> (8 * (5 - k)))
			}
		}
		b[6], b[8] = b[6]&0x0f|byte(version)<<4, b[8]&0x3f|0x80
		digits := hex.EncodeToString(b[:])
		return found(Text(digits[:8] + "-" + digits[8:12] + "-" + digits[12:16] + "-" + digits[16:20] + "-" + digits[20:]))
	}, nil
}

// buildRoundTrip builds a fetch that queries the State, whose times are in microseconds.
func buildRoundTrip(name string) func(args) (fetchFunc, error) {
	return func(a args) (fetchFunc, error) {
		of, ok := timeUnit(a.text(0), "ms")
		if !ok || of == time.Second {
			return nil, fmt.Errorf("expects 'us' or 'ms', got '%s'", a.text(0))
		}
		q := Question{Fetch: name}
		return func(in *Input) result {
			v, ok := askState(in, q)
			if !ok {
				return noValue
			}
			return found(Integer(v.number / of.Microseconds()))
		}, nil
	}
}
