// SPDX-License-Identifier: Apache-2.0

package statfields

import (
	"bufio"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// WriteCSV writes rows as CSV, after a line with the names.
func WriteCSV(w *bufio.Writer, rows iter.Seq[Row]) {
	_, _ = w.WriteString("# ")
	for i := range StatFields {
		if i == Modules {
			_, _ = w.WriteString("-,")
		}
		_, _ = w.WriteString(StatFields[i].Name + ",")
	}
	_ = w.WriteByte('\n')
	for r := range rows {
		for i, v := range r.Values {
			if i == Modules {
				_, _ = w.WriteString("-,")
			}
			if v.Type == "str" {
				v.Text = quoted(v.Text)
			}
			_, _ = w.WriteString(v.Text)
			_ = w.WriteByte(',')
		}
		_ = w.WriteByte('\n')
	}
}

// quoted returns a text as a cell of CSV, in quotes if it needs them.
func quoted(text string) string {
	if strings.ContainsAny(text, "\n\",") {
		return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
	}
	return text
}

// WriteTyped writes a line for each field: its kind, number and name, its tags, type and value, and
// with describe its description.
func WriteTyped(w *bufio.Writer, rows iter.Seq[Row], describe bool) {
	for r := range rows {
		for i, v := range r.Values {
			if f := &StatFields[i]; v.Type != "" {
				_, _ = fmt.Fprintf(w, "%c.%d.%d.%d.%s.1:%s:%s:%s", objects[r.Kind][0], r.Proxy, r.ID, i, f.Name, f.tags(r.Kind), v.Type, v.Text)
				endLine(w, describe, f.description)
			}
		}
		_ = w.WriteByte('\n')
	}
}

// item is a field in HAProxy's JSON.
type item struct {
	ObjType    string    `json:"objType,omitempty"`
	ProxyID    *int      `json:"proxyId,omitempty"`
	ID         *int      `json:"id,omitempty"`
	Field      itemField `json:"field"`
	ProcessNum int       `json:"processNum"`
	Tags       itemTags  `json:"tags"`
	Value      itemValue `json:"value"`
}
type itemField struct {
	Pos  int    `json:"pos"`
	Name string `json:"name"`
}
type itemTags struct {
	Origin string `json:"origin"`
	Nature string `json:"nature"`
	Scope  string `json:"scope"`
}
type itemValue struct {
	Type  string `json:"type"`
	Value any    `json:"value"`
}

func newItem(pos int, name string, tags Tags, v Value) item {
	origin, nature, scope := tags.words()
	i := item{Field: itemField{pos, name}, ProcessNum: 1, Tags: itemTags{origin, nature, scope}, Value: itemValue{v.Type, v.Text}}
	if v.Type != "str" {
		i.Value.Value = json.Number(v.Text)
	}
	return i
}

// WriteJSON writes rows as HAProxy's JSON: a list of fields for each.
func WriteJSON(w *bufio.Writer, rows iter.Seq[Row]) {
	lists := [][]item{}
	for r := range rows {
		list := []item{}
		for i, v := range r.Values {
			if v.Type != "" {
				it := newItem(i, StatFields[i].Name, StatFields[i].tags(r.Kind), v)
				it.ObjType, it.ProxyID, it.ID = objects[r.Kind], &r.Proxy, &r.ID
				list = append(list, it)
			}
		}
		lists = append(lists, list)
	}
	writeJSON(w, lists)
}

func writeJSON(w *bufio.Writer, v any) {
	text, err := json.Marshal(v)
	if err != nil { // only strings and numbers: it cannot be
		text = []byte(strconv.Quote(err.Error()))
	}
	_, _ = w.Write(text)
	_ = w.WriteByte('\n')
}

// WriteInfo writes the fields of show info as "NAME: VALUE", a line each, and with describe their
// descriptions.
func WriteInfo(w *bufio.Writer, describe bool) {
	for _, f := range Info() {
		_, _ = fmt.Fprintf(w, "%s: %s", f.Name, f.Value.Text)
		endLine(w, describe, f.description)
	}
}

// WriteInfoTyped writes them with their position, tags and type.
func WriteInfoTyped(w *bufio.Writer, describe bool) {
	for _, f := range Info() {
		_, _ = fmt.Fprintf(w, "%d.%s.1:%s:%s:%s", f.Pos, f.Name, f.Tags, f.Value.Type, f.Value.Text)
		endLine(w, describe, f.description)
	}
}

// endLine ends the line of a field, with its description if that is wanted.
func endLine(w *bufio.Writer, describe bool, description func() string) {
	if describe {
		_, _ = fmt.Fprintf(w, ":\"%s\"", description())
	}
	_ = w.WriteByte('\n')
}

// WriteInfoJSON writes them as HAProxy's JSON.
func WriteInfoJSON(w *bufio.Writer) {
	var list []item
	for _, f := range Info() {
		list = append(list, newItem(f.Pos, f.Name, f.Tags, f.Value))
	}
	writeJSON(w, list)
}
