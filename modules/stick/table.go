// SPDX-License-Identifier: Apache-2.0

package stick

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// DefaultSize is the size of a table that has none in its configuration.
const DefaultSize = 100_000

// Table is a stick table: counters and rates of clients, or of other keys. It is HAProxy's
// stick-table.
type Table struct {
	// Type is the type of the keys: ip (IPv4 addresses), ipv6 (IPv6 and IPv4 addresses), integer,
	// string or binary. Default: ipv6.
	Type string `json:"type,omitempty"`

	// Length is the number of bytes that are kept of a key of type string or binary. Default: 31 of a
	// string, 32 of a binary.
	Length int `json:"length,omitempty"`

	// Size is the number of entries at most. A new entry then takes the place of the one that was not
	// used for the longest time. Default: 100000.
	Size int `json:"size,omitempty"`

	// Expire is the time after which an entry that is not used is dropped. Default: never.
	Expire caddy.Duration `json:"expire,omitempty"`

	// NoPurge keeps the entries of a full table: it takes no new ones until an entry expires.
	NoPurge bool `json:"nopurge,omitempty"`

	// ServerKey selects how entries name servers: name (the default), or addr, the address as it is
	// configured. It is HAProxy's srvkey.
	ServerKey string `json:"server_key,omitempty"`

	// Store lists the values of an entry, in HAProxy's words: conn_cur, conn_rate(10s), gpc(3).
	Store []string `json:"store,omitempty"`

	// StoreInRaw shares the entries with other nodes, by a module of the namespace
	// passthrough.stick_stores such as redis. Default: they stay in the memory of this process.
	StoreInRaw json.RawMessage `json:"store_in,omitempty" caddy:"namespace=passthrough.stick_stores inline_key=module"`

	// Peers names the section of peers that exchange the entries. Default: none.
	Peers string `json:"peers,omitempty"`

	// ReceiveOnly makes the table take over conn_cur from peers, too: it is otherwise each process's
	// own. It is HAProxy's recv-only.
	ReceiveOnly bool `json:"receive_only,omitempty"`

	store  Store // nil: none
	handle *Handle
}

// Config returns the table's configuration, validated.
func (t *Table) Config() (tables.Config, error) {
	c := tables.Config{Type: tables.IPv6, Length: t.Length, Size: t.Size, Expire: time.Duration(t.Expire), NoPurge: t.NoPurge}
	if t.Type != "" {
		known, ok := tables.ParseType(t.Type)
		if !ok {
			return c, fmt.Errorf("type %q: expected ip, ipv6, integer, string or binary", t.Type)
		}
		c.Type = known
	}
	if c.Type != tables.String && c.Type != tables.Binary && t.Length != 0 {
		return c, fmt.Errorf("length %d: keys of type %s have a length of their own", t.Length, c.Type)
	}
	if c.Size == 0 {
		c.Size = DefaultSize
	}
	if err := options.ValidateWord("server_key", t.ServerKey, []string{"name", "addr"}); err != nil {
		return c, err
	}
	if err := options.ValidateDuration("expire", t.Expire); err != nil {
		return c, err
	}
	if len(t.StoreInRaw) > 0 && t.Expire == 0 {
		return c, errNoExpire
	}
	if len(t.StoreInRaw) > 0 && t.Peers != "" {
		return c, errors.New("store_in and peers: expected one of them")
	}
	var err error
	if c.Store, err = parseStore(t.Store); err != nil {
		return c, err
	}
	return c, c.Validate()
}

// Open opens the table in the registry, under a name. It is called while Caddy provisions; see
// Registry.Open.
func (t *Table) Open(r *Registry, name string) error {
	c, err := t.Config()
	if err != nil {
		return err
	}
	t.handle = r.Open(name, c)
	t.handle.store = t.store
	return nil
}

// Activate makes the table what this configuration says.
func (t *Table) Activate() { t.handle.Activate() }

// Close ends the configuration's hold on the table. It is idempotent.
func (t *Table) Close() {
	if t != nil && t.handle != nil {
		t.handle.Close()
	}
}

// Table returns the table at run time.
func (t *Table) Table() *tables.Table { return t.handle.Table() }

// Options returns the options of a table's block. Syntax:
//
//	type    ip|ipv6|integer|string|binary
//	length  <bytes>
//	size    <number>[k|m]
//	expire  <duration>
//	nopurge
//	srvkey  name|addr
//	peers   <section>
//	receive_only
//	store   <value>[,<value>…] …
//	store   <module of a store> … { … }
func (t *Table) Options() options.Table {
	return options.Table{
		"type":    options.Text(&t.Type),
		"length":  options.Int(&t.Length, 1, math.MaxUint16),
		"size":    options.Once(t.parseSize),
		"expire":  options.Duration(&t.Expire),
		"nopurge": options.Flag(&t.NoPurge),
		"srvkey":  options.Text(&t.ServerKey),
		"peers":   options.Text(&t.Peers),

		"receive_only": options.Flag(&t.ReceiveOnly),

		"store": options.Repeatable(t.parseStore),
	}
}

// UnmarshalCaddyfile parses the rest of a line and a block. See Options for its syntax.
func (t *Table) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	begin := *d
	if err := t.Options().ParseLine(d); err != nil {
		return err
	}
	if _, err := t.Config(); err != nil {
		return begin.WrapErr(err)
	}
	return nil
}

// parseSize parses a number of entries, with HAProxy's units k (1024) and m.
func (t *Table) parseSize(d *caddyfile.Dispenser) error {
	word, err := options.Arg(d)
	if err != nil {
		return err
	}
	size, err := ParseSize(word)
	if err != nil {
		return d.WrapErr(err)
	}
	t.Size = size
	return nil
}

// sizeUnits are HAProxy's units of numbers.
var sizeUnits = map[byte]int{'k': 10, 'm': 20, 'g': 30}

// ParseSize parses a number of entries, with HAProxy's units: 200k is 200 * 1024.
func ParseSize(word string) (int, error) {
	digits, shift := word, 0
	if last := len(word) - 1; last > 0 {
		if by, isUnit := sizeUnits[word[last]|0x20]; isUnit {
			digits, shift = word[:last], by
		}
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > math.MaxInt32>>shift {
		return 0, fmt.Errorf("size %q: expected a number of entries from 1 to %d, such as 100000 or 200k", word, math.MaxInt32)
	}
	return n << shift, nil
}

// parseStore parses values, separated by spaces or commas.
func (t *Table) parseStore(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.ArgErr()
	}
	if namesStore(d.Val()) {
		return t.parseStoreIn(d)
	}
	words := append([]string{d.Val()}, d.RemainingArgs()...)
	for _, word := range words {
		t.Store = append(t.Store, SplitStore(word)...)
	}
	return nil
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Table)(nil)
