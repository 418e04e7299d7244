// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
)

// Override is a value that was set at run time and differs from the configuration: of a server, of
// a frontend, of the process, or the entries of a map or a file of ACLs.
type Override struct {
	Backend  string `json:"backend,omitempty"`
	Server   string `json:"server,omitempty"`
	Frontend string `json:"frontend,omitempty"`
	File     string `json:"file,omitempty"`
	// Key is the name of the value, Configured that of the configuration, and Value the current one.
	Key        string `json:"key"`
	Configured string `json:"configured"`
	Value      string `json:"value"`
	// Set is runtime.
	Set string `json:"set"`
	// By is the origin of the change, At its time.
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// Dropped is the answer to a request to drop overrides.
type Dropped struct {
	// Dropped is the number of values that are those of the configuration again.
	Dropped int `json:"dropped"`
}

func newOverrides() []Override {
	all := []Override{}
	for _, o := range control.Overrides() {
		all = append(all, Override{o.Backend, o.Server, o.Frontend, o.File, o.Key, o.Configured, o.Value, "runtime", o.By, o.At})
	}
	return all
}

// overrideParameters say which overrides to drop.
var overrideParameters = []string{"backend", "server", "frontend", "process", "key", "all"}

// dropOverrides returns values to those of the configuration: those of a server, a frontend or the
// process, or all.
func dropOverrides(r *request) (any, error) {
	query := r.URL.Query()
	backend, server, frontend := query.Get("backend"), query.Get("server"), query.Get("frontend")
	given := 0
	for _, isGiven := range []bool{backend != "" && server != "", frontend != "", query.Get("process") == "1", query.Get("all") == "1"} {
		if isGiven {
			given++
		}
	}
	switch {
	case given != 1 || (backend == "") != (server == ""):
		return nil, invalid("overrides to drop: expected backend and server, frontend, process=1 or all=1")
	case query.Get("all") == "1" && query.Has("key"):
		return nil, invalid("parameter \"key\": expected backend and server, frontend or process=1 with it")
	case query.Get("all") == "1":
		return Dropped{control.DropAllOverrides(control.ByAdmin)}, nil
	}
	n, err := control.DropOverride(control.ByAdmin, backend, server, frontend, query.Get("key"))
	if err != nil {
		return nil, err
	}
	return Dropped{n}, nil
}
