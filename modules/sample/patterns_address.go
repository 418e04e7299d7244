// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"strings"
)

// addressTable holds networks by their prefix: a lookup costs one access per distinct prefix
// length. The longest matching prefix counts, and of equal ones the first. IPv4 addresses equal
// their IPv6-mapped form.
type addressTable struct {
	networks  *patternHash // by networkKey
	lengths4  lengthSet
	lengths6  lengthSet
	nonPrefix copiedList[listed[nonPrefixMask]]
}

// A nonPrefixMask is an IPv4 network whose mask is not a prefix.
type nonPrefixMask struct{ addr, mask netip.Addr }

// A networkKey holds the bytes of a prefix: its address, its length and the size of its family.
type networkKey [18]byte

func keyOf(prefix netip.Prefix) networkKey {
	n := networkOf(prefix.Addr())
	return n.key(prefix.Bits(), prefix.Addr().BitLen())
}

// A network holds the bits of an address of which prefixes are looked up. The IPv6-mapped form of
// an IPv4 address has the same.
type network struct{ high, low uint64 }

func networkOf(addr netip.Addr) network {
	b := addr.As16()
	return network{binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])}
}

// key returns the key of the prefix of this length in a family of addresses of this size.
func (n *network) key(bits, family int) (key networkKey) {
	length := uint(bits + 128 - family)
	high, low := n.high, uint64(0)
	if length <= 64 {
		high &^= math.MaxUint64 >> length
	} else {
		low = n.low &^ (math.MaxUint64 >> (length - 64))
	}
	binary.BigEndian.PutUint64(key[:], high)
	binary.BigEndian.PutUint64(key[8:], low)
	key[16], key[17] = byte(bits), byte(family)
	return key
}

func newAddressTable(bool) table { return &addressTable{networks: newPatternHash()} }

func (t *addressTable) add(patterns []*Pattern) error {
	networks := make([]nonPrefixMask, len(patterns))
	for k, p := range patterns {
		var err error
		if networks[k].addr, networks[k].mask, err = readNetwork(string(p.key)); err != nil {
			return &patternError{k, err}
		}
	}
	t.networks.reserve(len(patterns))
	for k, p := range patterns {
		prefix, ok := networks[k].prefix()
		if !ok {
			one := nonPrefixMask{applyMask(networks[k].addr, networks[k].mask), networks[k].mask}
			t.nonPrefix.append(listed[nonPrefixMask]{one, p})
			continue
		}
		if key := keyOf(prefix); t.networks.add(key[:], p) {
			t.lengths(prefix.Addr().BitLen()).add(prefix.Bits())
		}
	}
	return nil
}

// prefix returns the network as a prefix, if it is one.
func (n nonPrefixMask) prefix() (netip.Prefix, bool) {
	bits, ok := maskBits(n.mask)
	return netip.PrefixFrom(n.addr, bits).Masked(), ok
}

func (t *addressTable) remove(patterns []*Pattern) {
	for _, p := range patterns {
		addr, mask, _ := readNetwork(string(p.key)) // it was valid when it was added
		prefix, ok := nonPrefixMask{addr, mask}.prefix()
		if !ok {
			continue
		}
		key := keyOf(prefix)
		if left, found := t.networks.remove(key[:]); found && left == nil {
			t.lengths(prefix.Addr().BitLen()).remove(prefix.Bits())
		}
	}
	removeListed(&t.nonPrefix)
}

// lengths returns the lengths of the prefixes in a family.
func (t *addressTable) lengths(family int) *lengthSet {
	if family == 32 {
		return &t.lengths4
	}
	return &t.lengths6
}

func (t *addressTable) find(v Value) *Pattern {
	n, plain := networkOf(v.addr), v.addr.Unmap()
	if v.addr.Is4() {
		if p := t.lookup(&n, 32); p != nil {
			return p
		}
	}
	if p := t.lookup(&n, 128); p != nil || !plain.Is4() {
		return p
	}
	if !v.addr.Is4() {
		if p := t.lookup(&n, 32); p != nil {
			return p
		}
	}
	for _, one := range t.nonPrefix.get() {
		if applyMask(plain, one.what.mask) == one.what.addr {
			return one.pattern
		}
	}
	return nil
}

// lookup finds the longest prefix in a family of addresses.
func (t *addressTable) lookup(n *network, family int) *Pattern {
	lengths := t.lengths(family).get()
	for i := range lengths {
		key := n.key(lengths[len(lengths)-1-i], family)
		if p := t.networks.find(key[:]); p != nil {
			return p
		}
	}
	return nil
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
