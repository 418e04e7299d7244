// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"errors"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// tableCommands show and change stick tables.
var tableCommands = []command{
	{words: "clear table", args: "<table> [<filter>]*", help: "remove an entry from a table (filter: data/key)", level: Operator, run: clearTable},
	{words: "set table", args: "<table> key <k> [data.* <v>]*", help: "update or create a table entry's data", level: Operator, run: setTable},
	{words: "show table", args: "<table> [<filter>]*", help: "report table usage stats or dump this table's contents (filter: data/key)", run: showTable},
}

const (
	errNoTable  = refusal("No such table")
	errNoKey    = refusal("Key value expected")
	errNoFilter = refusal(`Optional argument only supports "data.<store_data_type>" <operator> <value> and key <key>`)
	errClear    = refusal(`Required arguments: <table> "data.<store_data_type>" <operator> <value> or <table> key <key>`)
	errSet      = refusal("Required arguments: <table> key <key> [data.<store_data_type> <value>]*")
	errInUse    = refusal("Entry currently in use, cannot remove")
)

// showTable lists the tables, or the entries of one that the filter selects.
func showTable(r *request) error {
	if r.arg(0) == "" {
		for _, t := range control.Tables() {
			r.printTable(t)
		}
		return nil
	}
	t, f, err := r.tableAndFilter(errNoFilter)
	if err != nil {
		return err
	}
	titled := r.arg(1) != "key"
	if titled {
		r.printTable(t)
	}
	if r.level < Operator {
		r.print("# contents not dumped due to insufficient privileges\n")
		return nil
	}
	p := entryPrinter{request: r, table: t, servers: make(map[string]int)}
	for e := range t.Entries(f) {
		if !titled {
			r.printTable(t)
		}
		p.print(e)
	}
	return nil
}

func (r *request) printTable(t control.Table) {
	c := t.Config()
	r.printf("# table: %s, type: %s, size:%d, used:%d", t.Name, c.Type, c.Size, t.Used())
	if s, shared := t.Share(); shared {
		r.printf(", store:%s, state:%s, nodes:%d", s.Store, s.State, s.Nodes)
	}
	r.print("\n")
}

// tableAndFilter returns the table of the first argument, and the filter of the others.
func (r *request) tableAndFilter(unexpected error) (t control.Table, f stick.Filter, err error) {
	if t, err = control.TableOf(r.arg(0)); err != nil {
		return t, f, errNoTable
	}
	switch word := r.arg(1); {
	case word == "":
		return t, f, nil
	case word == "key":
		return t, f, r.filterKey(t, &f)
	case !strings.HasPrefix(word, "data."):
		return t, f, unexpected
	}
	for i := 1; i < len(r.args); i += 3 {
		if err := r.where(t, &f, i); err != nil {
			return t, f, refuse("Filter entry #%d: %v", i/3+1, err)
		}
	}
	return t, f, nil
}

func (r *request) filterKey(t control.Table, f *stick.Filter) error {
	if r.arg(2) == "" {
		return errNoKey
	}
	if f.Key(t.Config(), r.arg(2)) != nil {
		return refusal("Invalid key")
	}
	return nil
}

// where adds the condition of three arguments to a filter.
func (r *request) where(t control.Table, f *stick.Filter, at int) error {
	name, _ := strings.CutPrefix(r.arg(at), "data.")
	if err := storedData(t, name); err != nil {
		return err
	}
	switch r.arg(at + 1) {
	case "eq", "ne", "le", "ge", "lt", "gt":
	default:
		return refusal(`Require and operator among "eq", "ne", "le", "ge", "lt", "gt"`)
	}
	if f.Where(t.Config(), name, r.arg(at+1), r.arg(at+2)) != nil {
		return refusal("Require a valid integer value to compare against")
	}
	return nil
}

// storedData returns an error unless the table stores a value of that name.
func storedData(t control.Table, name string) error {
	switch _, err := stick.ParseValue(t.Config(), name); {
	case errors.Is(err, stick.ErrNotStored):
		return refusal("Data type not stored in this table")
	case err != nil:
		return refusal("Unknown data type")
	}
	return nil
}

// clearTable drops the entries that the filter selects, or all.
func clearTable(r *request) error {
	if r.arg(0) == "" {
		return errClear
	}
	t, f, err := r.tableAndFilter(errClear)
	if err != nil {
		return err
	}
	if _, used := t.Clear(control.BySocket, f); used > 0 && r.arg(1) == "key" {
		return errInUse
	}
	return nil
}

// setTable changes values of an entry, which it creates if necessary.
func setTable(r *request) error {
	if r.arg(0) == "" {
		return errSet
	}
	t, err := control.TableOf(r.arg(0))
	switch {
	case err != nil:
		return errNoTable
	case strings.HasPrefix(r.arg(1), "data."):
		return refusal(`content-based lookup is only supported with the "show" and "clear" actions`)
	case r.arg(1) != "key":
		return errSet
	case r.arg(2) == "":
		return errNoKey
	}
	data, server, err := r.tableData(t, r.args[3:])
	if err != nil {
		return err
	}
	err = t.Set(control.BySocket, r.arg(2), data, server)
	switch {
	case errors.Is(err, control.ErrConflict):
		return refusal("Unable to allocate a new entry")
	case errors.Is(err, stick.ErrInvalidKey):
		return refusal("Invalid key")
	}
	return err
}

// tableData parses pairs of a value's name and a number.
func (r *request) tableData(t control.Table, words []string) (data map[string]int64, server *string, err error) {
	data = make(map[string]int64)
	for i := 0; i < len(words); i += 2 {
		name, isData := strings.CutPrefix(words[i], "data.")
		if !isData {
			return nil, nil, refusal(`"data.<type>" followed by a value expected`)
		}
		if err := storedData(t, name); err != nil {
			return nil, nil, err
		}
		number := int64(-1)
		if i+1 < len(words) {
			if n, err := strconv.ParseUint(words[i+1], 10, 63); err == nil {
				number = int64(n)
			}
		}
		if number < 0 {
			return nil, nil, refusal("Require a valid integer value to store")
		}
		if name == tables.Server.String() {
			called := serverOf(t, number)
			server = &called
			continue
		}
		data[name] = number
	}
	return data, server, nil
}

// serverOf returns the name of a server of the table's backend; "" for a number that none has.
func serverOf(t control.Table, id int64) string {
	b, err := control.BackendOf(t.Name)
	if err != nil {
		return ""
	}
	for _, s := range b.Servers {
		if int64(s.ID) == id {
			return s.Name
		}
	}
	return ""
}
