// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// tableRequest is about a stick table.
type tableRequest struct {
	name string
	verb string // show, set or clear
	key  string // empty: all
	data map[string]int
}

// tableEntry is an entry as both programs show it.
type tableEntry struct {
	key  string
	use  int
	data map[string]string
}

func (e tableEntry) String() string {
	text := e.key
	if e.use > 0 {
		text += fmt.Sprintf(" use=%d", e.use)
	}
	for _, name := range slices.Sorted(maps.Keys(e.data)) {
		text += " " + name + "=" + e.data[name]
	}
	return text
}

// parseTable parses table NAME [key KEY], table NAME set KEY DATA=NUMBER… and table NAME clear
// [KEY].
func parseTable(_ testing.TB, _ *scenario, w *words) (action, error) {
	q := tableRequest{name: w.next(), verb: "show", data: make(map[string]int)}
	switch {
	case w.take("key"):
		q.key = w.next()
	case w.take("set"):
		q.verb, q.key = "set", w.next()
		for len(w.rest) > 0 && w.rest[0] != "expect" {
			name, value, _ := strings.Cut(w.next(), "=")
			n, err := strconv.Atoi(value)
			if err != nil {
				return nil, errors.New("expected DATA=NUMBER")
			}
			q.data[name] = n
		}
	case w.take("clear"):
		q.verb = "clear"
		if len(w.rest) > 0 && w.rest[0] != "expect" {
			q.key = w.next()
		}
	}
	return func(r *run) outcome {
		entries, err := r.program.table(q)
		if errors.Is(err, errFull) {
			return outcome{what: "full", at: timeless}
		}
		if err != nil {
			return failed(err)
		}
		if q.verb != "show" {
			return outcome{what: "done", at: timeless}
		}
		return outcome{what: tableText(entries), at: timeless}
	}, nil
}

// errFull means that a table takes no new entry.
var errFull = errors.New("full")

func tableText(entries []tableEntry) string {
	var all []string
	for _, e := range entries {
		all = append(all, e.String())
	}
	if len(all) == 0 {
		return "empty"
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// tableLine matches a line of HAProxy's `show table`.
var tableLine = regexp.MustCompile(`(?m)^0x[0-9a-f]+: key=(\S*) use=(\d+) exp=\d+(?: shard=\d+)?(.*)$`)

// table asks HAProxy's socket.
func (j *judge) table(q tableRequest) (entries []tableEntry, err error) {
	line := q.verb + " table " + q.name
	if q.key != "" {
		line += " key " + q.key
	}
	for _, name := range slices.Sorted(maps.Keys(q.data)) {
		line += fmt.Sprintf(" data.%s %d", name, q.data[name])
	}
	text, err := j.command(line)
	if err != nil {
		return nil, err
	}
	if q.verb != "show" || !strings.HasPrefix(text, "#") && text != "" {
		switch text {
		case "":
		case "Unable to allocate a new entry":
			err = errFull
		default:
			err = fmt.Errorf("%s: %s", line, text)
		}
		return nil, err
	}
	for _, m := range tableLine.FindAllStringSubmatch(text, -1) {
		e := tableEntry{key: m[1], data: make(map[string]string)}
		e.use, _ = strconv.Atoi(m[2])
		for pair := range strings.FieldsSeq(m[3]) {
			name, value, _ := strings.Cut(pair, "=")
			name, _, _ = strings.Cut(name, "(")
			switch {
			case name == "server_id", name == "server_key" && value == "-":
			case name == "server_key":
				e.data["server"] = value
			default:
				e.data[name] = value
			}
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// table asks our admin endpoint.
func (p *running) table(q tableRequest) (entries []tableEntry, err error) {
	path := "/passthrough/tables/" + url.PathEscape(q.name)
	if q.verb == "set" {
		body, err := json.Marshal(map[string]any{"key": q.key, "data": q.data})
		if err == nil {
			_, err = p.ask(http.MethodPost, path, string(body))
		}
		if err != nil && strings.Contains(err.Error(), "the table is full") {
			err = errFull
		}
		return nil, err
	}
	if q.key != "" {
		path += "?key=" + url.QueryEscape(q.key)
	}
	if q.verb == "clear" {
		answer, err := p.ask(http.MethodDelete, path, "")
		if err == nil && q.key != "" && strings.Contains(string(answer), `"in_use":1`) {
			err = errors.New("the entry is in use")
		}
		return nil, err
	}
	answer, err := p.ask(http.MethodGet, path, "")
	if err != nil {
		return nil, err
	}
	var shown []struct {
		Key    string
		Use    int
		Server string
		Data   map[string]json.Number
	}
	if err := json.Unmarshal(answer, &shown); err != nil {
		return nil, err
	}
	for _, s := range shown {
		e := tableEntry{key: s.Key, use: s.Use, data: make(map[string]string)}
		if s.Server != "" {
			e.data["server"] = s.Server
		}
		for name, value := range s.Data {
			e.data[name] = value.String()
		}
		entries = append(entries, e)
	}
	return entries, nil
}
