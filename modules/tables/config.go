// SPDX-License-Identifier: Apache-2.0

// Package tables stores HAProxy's stick tables: entries with counters, rates and a server, by key.
// A table is bounded by its size: a new entry takes the place of the one that was not touched for
// the longest time, and entries that are not touched expire. Held entries do neither. Every
// operation takes constant time and locks one of the table's shards; expired entries are freed a
// few at a time. Entries are bytes outside of Go's heap, without pointers. Clients choose the keys,
// so they are hashed with a seed.
package tables

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Type is the type of a table's keys.
type Type uint8

// The types. IP keys have 4 bytes, IPv6 keys 16 (IPv4 addresses are mapped), Integer keys 4 in
// network order; String keys have up to Config.Length bytes and no zero byte; Binary keys have
// Config.Length bytes, padded with zeros.
const (
	IP Type = iota
	IPv6
	Integer
	String
	Binary
	numTypes
)

var typeWords = [numTypes]string{"ip", "ipv6", "integer", "string", "binary"}

// String returns HAProxy's word for the type.
func (t Type) String() string {
	if t >= numTypes {
		return fmt.Sprintf("Type(%d)", uint8(t))
	}
	return typeWords[t]
}

// ParseType returns the type that HAProxy's word names.
func ParseType(word string) (Type, bool) {
	for t := range numTypes {
		if typeWords[t] == word {
			return t, true
		}
	}
	return IP, word == "ipv4"
}

// The bytes of keys if Config.Length is 0, as in HAProxy, where the 32 of strings include the one
// that ends them.
const (
	DefaultStringLength = 31
	DefaultBinaryLength = 32
)

// Config describes a table.
type Config struct {
	Type    Type
	Length  int           // most bytes of String and Binary keys; 0: the default
	Size    int           // most entries, at least 1
	Expire  time.Duration // of entries that are not touched; 0: never
	NoPurge bool          // a full table takes no new entries, instead of dropping old ones
	Store   []Store       // what entries store; of several of one kind the first counts
}

// Validate returns an error for a configuration that no table can have. New and Reconfigure
// expect a valid one.
func (c Config) Validate() error {
	switch {
	case c.Type >= numTypes:
		return fmt.Errorf("unknown type %d", c.Type)
	case c.Size < 1 || c.Size > math.MaxInt32:
		return fmt.Errorf("size %d is not from 1 to %d", c.Size, math.MaxInt32)
	case c.Length < 0 || c.Length > math.MaxUint16:
		return fmt.Errorf("length %d is not from 0 to %d", c.Length, math.MaxUint16)
	case c.Expire < 0 || c.Expire > math.MaxInt32*time.Millisecond:
		return fmt.Errorf("expire %s is not from 0 to %s", c.Expire, math.MaxInt32*time.Millisecond)
	}
	for _, s := range c.Store {
		switch {
		case s.Data >= NumData:
			return fmt.Errorf("unknown data type %d", s.Data)
		case s.Data.IsArray() && (s.Count < 1 || s.Count > maxCount):
			return fmt.Errorf("%s: count %d is not from 1 to %d", s.Data, s.Count, maxCount)
		case s.Data.IsRate() && (s.Period < time.Millisecond || s.Period > math.MaxInt32*time.Millisecond):
			return fmt.Errorf("%s: period %s is not from 1ms to %s", s.Data, s.Period, math.MaxInt32*time.Millisecond)
		}
	}
	return nil
}

// Equal reports whether both describe the same table.
func (c Config) Equal(other Config) bool {
	return c.Type == other.Type && c.Length == other.Length && c.Size == other.Size && c.Expire == other.Expire &&
		c.NoPurge == other.NoPurge && slices.Equal(c.Store, other.Store)
}

// KeyLength returns the most bytes of a key.
func (c Config) KeyLength() int {
	switch c.Type {
	case IPv6:
		return 16
	case String:
		return lengthOr(c.Length, DefaultStringLength)
	case Binary:
		return lengthOr(c.Length, DefaultBinaryLength)
	default:
		return 4
	}
}

func lengthOr(length, ifZero int) int {
	if length == 0 {
		return ifZero
	}
	return length
}
