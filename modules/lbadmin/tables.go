// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// tablesPath is the prefix of the paths of stick tables.
const tablesPath = "/passthrough/tables"

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
}

func newTable(t *tables.Table) Table {
	c := t.Config()
	out := Table{Type: c.Type.String(), Size: c.Size, Used: t.Len(), Expire: c.Expire.Seconds(), NoPurge: c.NoPurge, Store: []string{}}
	for _, s := range c.Store {
		out.Store = append(out.Store, s.String())
	}
	return out
}

// newTables returns all tables by name.
func newTables() map[string]Table {
	all := make(map[string]Table)
	for _, name := range balancer.StickTables().Names() {
		if t := balancer.StickTables().Table(name); t != nil {
			all[name] = newTable(t)
		}
	}
	return all
}

// Cleared is the result of a DELETE.
type Cleared struct {
	Cleared int `json:"cleared"`
	// InUse is the number of entries that stay, because connections use them.
	InUse int `json:"in_use"`
}

// serveTable shows, changes or clears the entries of one table.
func serveTable(w http.ResponseWriter, r *http.Request) error {
	name, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), tablesPath+"/"))
	if err != nil {
		return apiError(http.StatusBadRequest, fmt.Errorf("path %s: %w", r.URL.Path, err))
	}
	t := balancer.StickTables().Table(name)
	if t == nil {
		return apiError(http.StatusNotFound, fmt.Errorf("stick table %q: no such table", name))
	}
	f, err := newFilter(t.Config(), r.URL.Query())
	if err != nil {
		return apiError(http.StatusBadRequest, fmt.Errorf("stick table %q: %w", name, err))
	}
	switch r.Method {
	case http.MethodGet:
		return writeEntries(w, t, f)
	case http.MethodPost:
		return setEntry(w, r, name, t)
	case http.MethodDelete:
		var c Cleared
		c.Cleared, c.InUse = stick.Clear(t, f)
		return writeJSON(w, c)
	}
	return apiError(http.StatusMethodNotAllowed, fmt.Errorf("method %s: expected GET, POST or DELETE", r.Method))
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

// writeEntries writes an array of entries, one at a time: there may be millions.
func writeEntries(w http.ResponseWriter, t *tables.Table, f stick.Filter) error {
	w.Header().Set("Content-Type", "application/json")
	separator := "["
	for e := range stick.Entries(t, f) {
		if _, err := io.WriteString(w, separator); err != nil {
			return err // the client is gone
		}
		if err := json.NewEncoder(w).Encode(e); err != nil {
			return err // the client is gone
		}
		separator = ","
	}
	if separator == "[" {
		separator = "[]"
	} else {
		separator = "]"
	}
	_, err := io.WriteString(w, separator+"\n")
	return err
}

// Set is the body of a POST: values of the entry of a key, which is created if necessary.
type Set struct {
	Key string `json:"key"`
	// Data are the values to set, by HAProxy's names: conn_cur, gpc0. Others stay.
	Data map[string]int64 `json:"data,omitempty"`
	// Server is the name of the server to store; "": none.
	Server *string `json:"server,omitempty"`
}

// setEntry applies the body of a POST, and answers with the entry.
func setEntry(w http.ResponseWriter, r *http.Request, name string, t *tables.Table) error {
	var s Set
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		return apiError(http.StatusBadRequest, fmt.Errorf("reading the body: %w: expected an object such as {\"key\": \"192.0.2.1\", \"data\": {\"gpc0\": 1}}", err))
	}
	if err := stick.Set(t, s.Key, s.Data, s.Server); err != nil {
		status := http.StatusBadRequest
		if errors.Is(err, stick.ErrFull) {
			status = http.StatusConflict
		}
		return apiError(status, fmt.Errorf("stick table %q: %w", name, err))
	}
	var f stick.Filter
	if err := f.Key(t.Config(), s.Key); err != nil {
		return apiError(http.StatusBadRequest, err)
	}
	return writeEntries(w, t, f)
}

func writeJSON(w http.ResponseWriter, value any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(value)
}

// tableRoutes returns the routes of stick tables.
func tableRoutes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: tablesPath, Handler: getJSON(func() any { return newTables() })},
		{Pattern: tablesPath + "/", Handler: caddy.AdminHandlerFunc(serveTable)},
	}
}
