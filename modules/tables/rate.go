// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"encoding/binary"
	"math"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frequency"
)

// Entries store a rate as the time at which its period began, in milliseconds modulo 2^32, the
// events of this period, and those of the one before. HAProxy counts bytes, too, in 32 bits, which
// overflow within seconds.

// readFrequency returns the rate that is stored in the bytes.
func readFrequency(b []byte, k kind, now uint32) frequency.Counter {
	n := binary.NativeEndian
	began := int64(now) - int64(now-n.Uint32(b))
	if k == wideRate {
		return frequency.Counter{Began: began, Current: n.Uint64(b[4:]), Previous: n.Uint64(b[12:])}
	}
	return frequency.Counter{Began: began, Current: uint64(n.Uint32(b[4:])), Previous: uint64(n.Uint32(b[8:]))}
}

// writeFrequency stores a rate.
func writeFrequency(b []byte, k kind, f frequency.Counter) {
	n := binary.NativeEndian
	n.PutUint32(b, uint32(f.Began))
	if k == wideRate {
		n.PutUint64(b[4:], f.Current)
		n.PutUint64(b[12:], f.Previous)
		return
	}
	n.PutUint32(b[4:], uint32(min(f.Current, math.MaxUint32)))
	n.PutUint32(b[8:], uint32(min(f.Previous, math.MaxUint32)))
}
