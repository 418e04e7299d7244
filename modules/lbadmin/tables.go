// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// Table describes a stick table.
type Table struct {
	Type string `json:"type"`
	Size int    `json:"size"`
	// Used is the number of entries.
	Used int `json:"used"`
	// Expire is in seconds; omitted if entries do not expire.
	Expire  float64  `json:"expire,omitempty"`
	NoPurge bool     `json:"nopurge,omitempty"`
	Store   []string `json:"store"`
	// Share is omitted if no other nodes share the table.
	Share *Share `json:"share,omitempty"`
}

// Share is the state of what shares a stick table with other nodes.
type Share struct {
	// Store is the module, such as redis.
	Store string `json:"store"`
	// Node is the name of this node.
	Node string `json:"node"`
	// State is connecting, connected or unreachable.
	State string `json:"state"`
	// Since is when the state began.
	Since time.Time `json:"since"`
	// Error is the reason for which the store was unreachable the last time.
	Error string `json:"error,omitempty"`
	// Nodes is the number of other nodes.
	Nodes int `json:"nodes"`
	// Pending is the number of entries with changes that the others do not have yet.
	Pending int `json:"pending"`
	// Outages is the number of times that the store became unreachable.
	Outages uint64 `json:"outages"`
	// Fetches, Writes and Learned count entries that the store was asked for, that were written to it,
	// and that came from other nodes, by the result.
	Fetches map[string]uint64 `json:"fetches"`
	Writes  map[string]uint64 `json:"writes"`
	Learned map[string]uint64 `json:"learned"`
}

func newShare(t control.Table) *Share {
	s, shared := t.Share()
	if !shared {
		return nil
	}
	return &Share{
		Store: s.Store, Node: s.Node, State: s.State, Since: s.Since, Error: printable.Text(s.Error), Nodes: s.Nodes, Pending: s.Pending,
		Outages: s.Outages, Fetches: s.Fetches, Writes: s.Writes, Learned: s.Learned,
	}
}

func newTable(t control.Table) Table {
	c := t.Config()
	out := Table{Type: c.Type.String(), Size: c.Size, Used: t.Used(), Expire: c.Expire.Seconds(), NoPurge: c.NoPurge, Store: []string{}, Share: newShare(t)}
	for _, s := range c.Store {
		out.Store = append(out.Store, s.String())
	}
	return out
}

// newTables returns all tables by name.
func newTables() map[string]Table {
	all := make(map[string]Table)
	for _, t := range control.Tables() {
		all[t.Name] = newTable(t)
	}
	return all
}

// Cleared is the result of a DELETE.
type Cleared struct {
	Cleared int `json:"cleared"`
	// InUse is the number of entries that stay, because connections use them.
	InUse int `json:"in_use"`
}

// tableOf returns the table of a path, and the filter of its query.
func tableOf(r *request) (t control.Table, f stick.Filter, err error) {
	if t, err = control.TableOf(r.names[0]); err != nil {
		return t, f, err
	}
	if f, err = newFilter(t.Config(), r.URL.Query()); err != nil {
		return t, f, fmt.Errorf("stick table %q: %w", t.Name, err)
	}
	return t, f, nil
}

func showTable(r *request) (any, error) {
	t, f, err := tableOf(r)
	if err != nil {
		return nil, err
	}
	return array(t.Entries(f)), nil
}

func clearTable(r *request) (any, error) {
	t, f, err := tableOf(r)
	if err != nil {
		return nil, err
	}
	var c Cleared
	c.Cleared, c.InUse = t.Clear(control.ByAdmin, f)
	return c, nil
}

// newFilter parses key=KEY and data.VALUE.OPERATOR=NUMBER.
func newFilter(c tables.Config, query url.Values) (f stick.Filter, err error) {
	for word, values := range query {
		for _, value := range values {
			name, operator, isCondition := strings.Cut(strings.TrimPrefix(word, "data."), ".")
			switch {
			case word == "key":
				err = f.Key(c, value)
			case isCondition:
				err = f.Where(c, name, operator, value)
			default:
				err = fmt.Errorf("parameter %q: expected key=KEY, or data.VALUE.OPERATOR=NUMBER such as data.conn_rate.gt=10", word)
			}
			if err != nil {
				return f, err
			}
		}
	}
	return f, nil
}

// Set is the body of a POST: values of the entry of a key, which is created if necessary.
type Set struct {
	Key string `json:"key"`
	// Data are the values to set, by HAProxy's names: conn_cur, gpc0. Others stay.
	Data map[string]int64 `json:"data,omitempty"`
	// Server is the name of the server to store; "": none.
	Server *string `json:"server,omitempty"`
}

// setEntry sets values of an entry, and answers with it.
func setEntry(r *request) (any, error) {
	t, f, err := tableOf(r)
	if err != nil {
		return nil, err
	}
	s, err := decode[Set](r, `{"key": "192.0.2.1", "data": {"gpc0": 1}}`)
	if err != nil {
		return nil, err
	}
	if err := t.Set(control.ByAdmin, s.Key, s.Data, s.Server); err != nil {
		return nil, err
	}
	if err := f.Key(t.Config(), s.Key); err != nil {
		return nil, err
	}
	return array(t.Entries(f)), nil
}
