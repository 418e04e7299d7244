// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// constantFetches examine nothing of the connection but its variables.
var constantFetches = map[string]fetch{
	"always_true":  {out: typeBool, note: "true", build: withoutArgs(constant(Boolean(true)))},
	"always_false": {out: typeBool, note: "false", build: withoutArgs(constant(Boolean(false)))},
	"bool": {
		args: takes(1, argStr), out: typeBool, note: "true, false, 1 or 0",
		build: buildBool,
	},
	"int": {
		args: takes(1, argInt), out: typeInt, note: "the number",
		build: func(a args) (fetchFunc, error) { return constant(Integer(a[0].number)), nil },
	},
	"str": {
		args: takes(1, argStr), out: typeStr, note: "the text",
		build: func(a args) (fetchFunc, error) { return constant(Text(a[0].text)), nil },
	},
	"bin": {
		args: takes(1, argStr), out: typeBin, note: "the bytes given in hexadecimal",
		build: buildBin,
	},
	"ipv4": {
		args: takes(1, argIPv4), out: typeIPv4, note: "the address",
		build: func(a args) (fetchFunc, error) { return constant(Address(a[0].addr)), nil },
	},
	"ipv6": {
		args: takes(1, argIPv6), out: typeIPv6, note: "the address",
		build: func(a args) (fetchFunc, error) { return constant(Address(a[0].addr)), nil },
	},
	"env": {
		args: takes(1, argStr), out: typeStr, note: "an environment variable, as it is when the configuration is loaded",
		build: buildEnv,
	},
	"hostname": {
		out: typeStr, note: "the host's name, as it is when the configuration is loaded",
		build: buildHostname,
	},
	"var": {
		args: takes(1, argStr, argStr), out: typeAny, note: "a variable of the connection, or a default",
		build: buildVar,
	},
	"capture.req.hdr": {
		args: takes(1, argInt), out: typeStr, note: "what the rule `tcp-request content capture` with this number has captured, counted from 0 in the frontend",
		build: buildCapture,
	},
}

// CaptureVariable is followed by a number in the name of the variable that holds what a rule has
// captured.
const CaptureVariable = "txn.capture_req_hdr_"

func buildCapture(a args) (fetchFunc, error) {
	name := CaptureVariable + strconv.FormatInt(a[0].number, 10)
	return func(in *Input) result {
		v, ok := lookupVariable(in, name)
		if v, is := cast(v, typeStr); ok && is {
			return found(v)
		}
		return noValue
	}, nil
}

func buildBool(a args) (fetchFunc, error) {
	switch a[0].text {
	case "true", "1":
		return constant(Boolean(true)), nil
	case "false", "0":
		return constant(Boolean(false)), nil
	}
	return nil, errors.New("Expects 'true', 'false', '0' or '1'") //nolint:staticcheck // HAProxy's words
}

func buildBin(a args) (fetchFunc, error) {
	b, err := parseHex(a[0].text)
	return constant(Binary(b)), err
}

// parseHex decodes hexadecimal digits. Errors have HAProxy's text.
func parseHex(s string) ([]byte, error) {
	b, err := hex.DecodeString(s)
	if len(s)%2 != 0 {
		return nil, errors.New("an even number of hex digit is expected")
	}
	if bad, ok := errors.AsType[hex.InvalidByteError](err); ok {
		return nil, fmt.Errorf("an hex digit is expected (found '%c')", byte(bad))
	}
	return b, err
}

func buildEnv(a args) (fetchFunc, error) {
	value, ok := os.LookupEnv(a[0].text)
	if !ok {
		return func(*Input) result { return noValue }, nil
	}
	return constant(Text(value)), nil
}

func buildHostname(args) (fetchFunc, error) {
	name, err := os.Hostname()
	return constant(Text(name)), err
}

func buildVar(a args) (fetchFunc, error) {
	name := a[0].text
	if err := validateVariableName(name); err != nil {
		return nil, err
	}
	otherwise := noValue
	if len(a) > 1 {
		otherwise = found(Text(a[1].text))
	}
	return func(in *Input) result {
		if v, ok := lookupVariable(in, name); ok {
			return found(v)
		}
		return otherwise
	}, nil
}

// lookupVariable returns the value of a variable, if it is set.
func lookupVariable(in *Input, name string) (Value, bool) {
	if in.Var == nil {
		return Value{}, false
	}
	return in.Var(name)
}
