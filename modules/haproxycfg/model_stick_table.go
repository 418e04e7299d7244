// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// stickTable is a stick-table line of a section, or a table line of a peers section.
type stickTable struct {
	haproxyfile.Pos
	stick.Table
	in      string // the section, for messages
	peers   string // the name of a peers section
	writeTo string // the name of another table
}

// addTable reads stick-table. The table has the section's name.
func addTable(t *translation, p *proxy, s statement) {
	t.declareTable(p.name, p.String(), s.Pos, "stick-table", s.args)
}

// declareTable reads the arguments of a table, and adds it.
func (t *translation) declareTable(name, in string, pos haproxyfile.Pos, word string, args []string) {
	table := &stickTable{Pos: pos, in: in}
	err := t.readTable(table, args)
	if err == nil {
		switch {
		case table.Size == 0:
			err = errors.New("missing size: expected type ip|ipv6|integer|string|binary and size N")
		case table.Type == "":
			err = errors.New("missing type: expected type ip|ipv6|integer|string|binary and size N")
		default:
			_, err = table.Config()
		}
	}
	if err != nil {
		t.errorf(pos, "'%s' in %s: %v", word, in, err)
		return
	}
	if other := t.tables[name]; other != nil {
		t.errorf(pos, "stick-table name '%s' conflicts with table declared in %s at %s: expected one table", name, other.in, other.Pos)
		return
	}
	t.tables[name] = table
}

// tableWords are the words of a table's line that take an argument.
var tableWords = map[string]func(*translation, *stickTable, string) error{
	"size": func(_ *translation, table *stickTable, arg string) error {
		n, err := haproxyfile.ParseSize(arg)
		if err == nil && n > math.MaxInt32 {
			err = fmt.Errorf("size '%s' is too large: expected at most %d", arg, math.MaxInt32)
		}
		table.Size = int(min(n, math.MaxInt32))
		return err
	},
	"expire": func(_ *translation, table *stickTable, arg string) error {
		d, err := haproxyfile.ParseTime(arg, time.Millisecond)
		table.Expire = caddy.Duration(d)
		return err
	},
	"store": storeValues,
	"type":  setTableType,
	"peers": func(_ *translation, table *stickTable, arg string) error {
		table.peers = arg
		return nil
	},
	"write-to": func(t *translation, table *stickTable, arg string) error {
		table.writeTo = arg
		t.notice(table.Pos, ignored, noteNoCopy, "stick-table ... write-to")
		return nil
	},
	"srvkey": func(_ *translation, table *stickTable, arg string) error {
		if table.ServerKey = ""; arg == "addr" {
			table.ServerKey = arg
		}
		return oneOf("name", "addr")([]string{arg})
	},
	"brates-factor": func(_ *translation, _ *stickTable, arg string) error {
		n, err := haproxyfile.ParseSize(arg)
		if err == nil && (n < 1 || n > 1024) {
			err = errors.New("argument 'brates-factor' must be greater than 0 and lower or equal than 1024")
		}
		return err
	},
}

// readTable reads the words of a table's line.
func (t *translation) readTable(table *stickTable, args []string) error {
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		set := tableWords[word]
		switch {
		case word == "nopurge":
			table.NoPurge = true
			continue
		case word == "recv-only":
			table.ReceiveOnly = true
			continue
		case word == "len" && (table.Type == "string" || table.Type == "binary"):
			set = setKeyLength
		case set == nil:
			return fmt.Errorf("unknown argument '%s'%s", word, didYouMean(word, []string{"type", "size", "expire", "nopurge", "store", "peers", "write-to", "recv-only", "srvkey", "brates-factor"}))
		}
		if len(args) == 0 && word != "store" {
			return fmt.Errorf("missing argument after '%s'", word)
		}
		arg := strings.Join(args[:min(len(args), 1)], "")
		if err := set(t, table, arg); err != nil {
			return err
		}
		args = args[min(len(args), 1):]
	}
	return nil
}

func setTableType(_ *translation, table *stickTable, arg string) error {
	kinds := []string{"ip", "ipv4", "ipv6", "integer", "string", "binary"}
	if !slices.Contains(kinds, arg) {
		return fmt.Errorf("unknown type '%s'%s", arg, didYouMean(arg, kinds))
	}
	of, _ := tables.ParseType(arg)
	table.Type, table.Length = of.String(), 0
	return nil
}

func setKeyLength(_ *translation, table *stickTable, arg string) error {
	n, err := haproxyfile.ParseUint(arg, 1, math.MaxUint16)
	if err != nil {
		return fmt.Errorf("'len' expects a positive integer argument: %w", err)
	}
	table.Length = int(n)
	return nil
}

// storeValues adds values. Several words that mean the same value are one, with a warning.
func storeValues(t *translation, table *stickTable, list string) error {
	if list == "" {
		return nil
	}
	for _, word := range stick.SplitStore(list) {
		if word == "server_key" { // HAProxy adds it to server_id
			word = tables.Server.String()
		}
		s, err := stick.ParseStore(word)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(table.Store, func(other string) bool { return strings.HasPrefix(other+"(", s.Data.String()+"(") }) {
			t.warnf(table.Pos, "store option '%s' already enabled, ignored", s.Data)
			continue
		}
		table.Store = append(table.Store, s.String())
	}
	return nil
}

// validateTables reports references of tables that lead nowhere.
func (t *translation) validateTables() {
	for name, table := range t.tables {
		if table.peers != "" && t.peers[table.peers] == nil {
			t.errorf(table.Pos, "'stick-table' in %s: unable to find sync peers '%s': expected a section peers %s", table.in, table.peers, table.peers)
		}
		if table.writeTo == "" {
			continue
		}
		if err := t.validateWriteTo(name, table); err != nil {
			t.errorf(table.Pos, "'stick-table' in %s: write-to: %v", table.in, err)
		}
	}
}

func (t *translation) validateWriteTo(name string, table *stickTable) error {
	switch to := t.tables[table.writeTo]; {
	case to == nil:
		return fmt.Errorf("table '%s' doesn't exist: expected the name of a table", table.writeTo)
	case to.writeTo != "" && table.writeTo != name:
		return fmt.Errorf("table '%s' is already used as a source table", table.writeTo)
	case to.Type != table.Type || to.Length != table.Length:
		return fmt.Errorf("cannot mix table types ('%s' has '%s' type and '%s' has '%s' type)", table.writeTo, to.Type, name, table.Type)
	}
	return nil
}
