// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// addressTable holds networks by their prefix: a lookup costs one map access per distinct prefix
// length. The longest matching prefix counts, and of equal ones the first. IPv4 addresses equal
// their IPv6-mapped form.
type addressTable struct {
	positions map[netip.Prefix]int
	lengths4  []int // in descending order
	lengths6  []int
	nonPrefix []nonPrefixMask
}

// A nonPrefixMask is an IPv4 network whose mask is not a prefix.
type nonPrefixMask struct {
	addr, mask netip.Addr
	position   int
}

func buildAddresses(patterns []string, _ bool) (table, error) {
	t := &addressTable{positions: make(map[netip.Prefix]int, len(patterns))}
	for k, pattern := range patterns {
		addr, mask, err := readNetwork(pattern)
		if err != nil {
			return nil, &patternError{k, err}
		}
		t.add(addr, mask, k)
	}
	descending := func(a, b int) int { return b - a }
	slices.SortFunc(t.lengths4, descending)
	slices.SortFunc(t.lengths6, descending)
	return t, nil
}

func (t *addressTable) add(addr, mask netip.Addr, position int) {
	bits, ok := maskBits(mask)
	if !ok {
		t.nonPrefix = append(t.nonPrefix, nonPrefixMask{applyMask(addr, mask), mask, position})
		return
	}
	prefix := netip.PrefixFrom(addr, bits).Masked()
	if _, ok := t.positions[prefix]; ok {
		return
	}
	t.positions[prefix] = position
	lengths := &t.lengths6
	if addr.Is4() {
		lengths = &t.lengths4
	}
	if !slices.Contains(*lengths, bits) {
		*lengths = append(*lengths, bits)
	}
}

func (t *addressTable) find(v Value) int {
	mapped, plain := netip.AddrFrom16(v.addr.As16()), v.addr.Unmap()
	first, second := mapped, plain
	if v.addr.Is4() {
		first, second = plain, mapped
	}
	k := t.lookup(first)
	if k < 0 && plain.Is4() {
		k = t.lookup(second)
	}
	if k >= 0 || !plain.Is4() {
		return k
	}
	for _, one := range t.nonPrefix {
		if applyMask(plain, one.mask) == one.addr {
			return one.position
		}
	}
	return -1
}

func (t *addressTable) lookup(addr netip.Addr) int {
	lengths := t.lengths6
	if addr.Is4() {
		lengths = t.lengths4
	}
	for _, bits := range lengths {
		prefix, err := addr.Prefix(bits)
		if err != nil {
			continue
		}
		if k, ok := t.positions[prefix]; ok {
			return k
		}
	}
	return -1
}

// readNetwork parses an address and a mask after a slash: a number of bits, or for IPv4 also an
// address.
func readNetwork(pattern string) (addr, mask netip.Addr, err error) {
	host, bits, slash := strings.Cut(pattern, "/")
	addr, ok := parseAddr(host)
	switch {
	case !ok && isHostName(host):
		return addr, mask, &Unsupported{"the host name '" + host + "' as a pattern for addresses", "names are not resolved"}
	case ok && addr.Is4():
		if !slash {
			bits = "32"
		}
		mask, ok = parseMask4(bits)
	case ok:
		if !slash {
			bits = "128"
		}
		mask, ok = maskOf(allOnes6, bits)
	}
	if !ok {
		err = fmt.Errorf("'%s' is not a valid IPv4 or IPv6 address", pattern)
	}
	return addr, mask, err
}

// isHostName reports whether HAProxy would resolve the text. The resolver also accepts short forms
// of addresses.
func isHostName(s string) bool {
	for _, c := range []byte(s) {
		if !isNameByte(c) || c == ':' || c == '+' {
			return false
		}
	}
	return s != ""
}
