// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"fmt"
	"iter"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/proxyprotocol"
)

// proxyFetches examine the PROXY header that the connection began with.
var proxyFetches = map[string]fetch{
	"fc_rcvd_proxy": {
		out: typeBool, note: "whether the connection began with a PROXY header",
		build: withoutArgs(func(in *Input) result { return found(Boolean(in.Header != nil && in.Header.Version != 0)) }),
	},
	"fc_pp_authority": {
		out: typeStr, note: "the host name in the PROXY header",
		build: withoutArgs(fromTLV(proxyprotocol.Authority)),
	},
	"fc_pp_unique_id": {
		out: typeStr, note: "the unique ID in the PROXY header",
		build: withoutArgs(fromTLV(proxyprotocol.UniqueID)),
	},
	"fc_pp_tlv": {
		args: takes(1, argStr), out: typeStr, note: "the TLVs of a type in the PROXY header: an ACL looks at each, anything else at the first",
		build: func(a args) (fetchFunc, error) {
			of, err := tlvType(a.text(0))
			return fromTLV(of), err
		},
		eachValue: eachTLV,
	},
}

// tlvType returns the type of a TLV: a number, or HAProxy's name for it.
func tlvType(text string) (byte, error) {
	if of, ok := proxyprotocol.Names[strings.ToUpper(text)]; ok {
		return of, nil
	}
	n, err := strconv.ParseInt(text, 0, 64)
	switch {
	case err != nil:
		return 0, fmt.Errorf("Could not convert type '%s'", text) //nolint:staticcheck // HAProxy's words
	case n < 0 || n > math.MaxUint8:
		return 0, fmt.Errorf("Invalid TLV Type '%s'", text) //nolint:staticcheck // HAProxy's words
	}
	return byte(n), nil
}

func fromTLV(of byte) fetchFunc {
	return func(in *Input) result {
		if in.Header == nil {
			return noValue
		}
		value, ok := in.Header.TLV(of)
		if !ok {
			return noValue
		}
		return found(text(value))
	}
}

func eachTLV(a args) func(*Input) iter.Seq[Value] {
	of, _ := tlvType(a.text(0)) // build has validated it
	return func(in *Input) iter.Seq[Value] {
		return func(yield func(Value) bool) {
			if in.Header == nil {
				return
			}
			for t, value := range in.Header.TLVs() {
				if t == of && !yield(text(value)) {
					return
				}
			}
		}
	}
}

// peer returns the address that the connection comes from.
func (in *Input) peer() netip.AddrPort {
	if in.Header != nil {
		return in.Peer
	}
	return in.Source
}

// local returns the address that the connection has come to.
func (in *Input) local() netip.AddrPort {
	if in.Header != nil {
		return in.Local
	}
	return in.Destination
}
