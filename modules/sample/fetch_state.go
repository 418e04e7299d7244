// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// A State answers queries about the process and about the connection. Answers change over time, so
// it is queried again at each evaluation.
type State interface {
	// Answer returns the value of the fetch q.Fetch. It returns false if there is no value, for
	// example because no object has the name in q. It must be safe for concurrent use.
	Answer(q Question) (Value, bool)
}

// A Question is the query of a fetch to a [State].
type Question struct {
	Fetch string // the fetch, such as nbsrv
	About Object // the kind of object that the query is about
	// Proxy and Server are names from the fetch's argument. An empty Proxy is the section that
	// contains the expression.
	Proxy, Server string
	// Value is the value of an entry of a stick table that the fetch reads or changes.
	Value EntryValue
	// Counter is that of the connection, if the question is about ObjectEntry.
	Counter int
}

// EntryValue is a value of an entry of a stick table.
type EntryValue struct {
	Data  tables.Data
	Index int  // of an array
	Is    bool // false: there is no value
}

// An Object is a kind of object that a [Question] can be about.
type Object uint8

// The kinds of objects.
const (
	ObjectConnection Object = iota // the connection itself, or the process
	ObjectFrontend
	ObjectBackend
	ObjectServer // a server of a backend
	ObjectTable  // a stick table, which [Tables] has
	ObjectEntry  // the entry that a counter of the connection tracks
)

// stateGroups are the fetches that query the State, by the object that they query it about.
var stateGroups = []struct {
	about   Object
	fetches map[string]fetch
}{
	{ObjectBackend, map[string]fetch{
		"avg_queue":    {out: typeInt, note: "the number of connections queued in the backend divided by that of its usable servers; without a usable server, twice the number queued"},
		"be_conn":      {out: typeInt, note: "the number of connections of the backend"},
		"be_conn_free": {out: typeInt, note: "the number of further connections for which the usable servers have room; -1: no limit"},
		"be_sess_rate": {out: typeInt, note: "the number of connections that the backend has got in the last second"},
		"connslots":    {out: typeInt, note: "the number of further connections that the servers that are up could serve or queue; -1 if one of them has no maxconn or no maxqueue"},
		"nbsrv":        {out: typeInt, note: "the number of usable servers of the backend"},
		"queue":        {out: typeInt, note: "the number of connections queued in the backend"},
	}},
	{ObjectFrontend, map[string]fetch{
		"fe_conn":      {out: typeInt, note: "the number of connections of the frontend, this one included"},
		"fe_sess_rate": {out: typeInt, note: "the number of connections that the frontend has got in the last second, this one included"},
	}},
	{ObjectServer, map[string]fetch{
		"srv_conn":      {out: typeInt, note: "the number of connections of the server"},
		"srv_conn_free": {out: typeInt, note: "the number of further connections that it has room for; -1: no limit"},
		"srv_is_up":     {out: typeBool, note: "whether the server is neither in maintenance nor found down by its own checks"},
		"srv_iweight":   {out: typeInt, note: "the server's weight in the configuration"},
		"srv_queue":     {out: typeInt, note: "the number of connections queued for this server only"},
		"srv_sess_rate": {out: typeInt, note: "the number of connections that the server has got in the last second"},
		"srv_uweight":   {out: typeInt, note: "the weight set at run time, or else the configured one"},
		"srv_weight":    {out: typeInt, note: "the same, or less during a slow start"},
	}},
	{ObjectConnection, map[string]fetch{
		"act_conn":           {out: typeInt, note: "the number of connections of the process"},
		"be_connect_timeout": {out: typeInt, needs: NeedsBackend, note: "the backend's timeout connect, in milliseconds"},
		"be_id":              {out: typeInt, needs: NeedsBackend, note: "the backend's number"},
		"be_name":            {out: typeStr, needs: NeedsBackend, note: "the backend's name"},
		"be_queue_timeout":   {out: typeInt, needs: NeedsBackend, note: "the backend's timeout queue, in milliseconds"},
		"be_server_timeout":  {out: typeInt, needs: NeedsBackend, note: "the backend's timeout server, in milliseconds"},
		"be_tunnel_timeout":  {out: typeInt, needs: NeedsBackend, note: "the backend's timeout tunnel, in milliseconds"},
		"fe_client_timeout":  {out: typeInt, note: "the frontend's timeout client, in milliseconds"},
		"fe_defbe":           {out: typeStr, note: "the frontend's default backend"},
		"fe_id":              {out: typeInt, note: "the frontend's number"},
		"fe_name":            {out: typeStr, note: "the frontend's name"},
		"prio_class":         {out: typeInt, note: "the class of the connection in the queue, set by set-priority-class"},
		"prio_offset":        {out: typeInt, note: "the offset of the connection in the queue, in milliseconds, set by set-priority-offset"},
		"so_id":              {out: typeInt, note: "the number, within the frontend, of the address that the client connected to"},
		"so_name":            {out: typeStr, note: "the name of that address, if it has one"},
	}},
	{ObjectConnection, connectionStateFetches},
}

// stateFetches returns the fetches of stateGroups.
func stateFetches() map[string]fetch {
	all := make(map[string]fetch)
	for _, group := range stateGroups {
		for name, f := range group.fetches {
			all[name] = stateFetch(group.about, name, f)
		}
	}
	return all
}

// stateFetch makes f query the State about an object that its argument names.
func stateFetch(about Object, name string, f fetch) fetch {
	f.query = func(a args) Question { return stateQuestion(about, name, a.text(0)) }
	switch about {
	case ObjectFrontend:
		f.args = takes(1, argFrontend)
	case ObjectBackend:
		f.args = takes(1, argBackend)
	case ObjectServer:
		f.args = takes(1, argServer)
	case ObjectConnection, ObjectTable, ObjectEntry:
	}
	f.build = func(a args) (fetchFunc, error) {
		q := f.query(a)
		return func(in *Input) result {
			if v, ok := askState(in, q); ok {
				return found(v)
			}
			return noValue
		}, nil
	}
	return f
}

// stateQuestion returns the query of a fetch about the named object. A server is named
// BACKEND/SERVER, or SERVER alone.
func stateQuestion(about Object, fetch, name string) Question {
	q := Question{Fetch: fetch, About: about, Proxy: name}
	if about == ObjectServer {
		var ok bool
		if q.Proxy, q.Server, ok = strings.Cut(name, "/"); !ok {
			q.Proxy, q.Server = "", name
		}
	}
	return q
}

func askState(in *Input, q Question) (Value, bool) {
	if in.State == nil {
		return Value{}, false
	}
	return in.State.Answer(q)
}

// stateConverters query the State about the object that a value names, or store the value in a
// variable.
var stateConverters = map[string]converter{
	"set-var": {
		args: takes(1, argStr), in: typeAny, out: typeAny, note: "the same, and sets a variable to it",
		build: buildSetVar(true),
	},
	"unset-var": {
		args: takes(1, argStr), in: typeAny, out: typeAny, note: "the same, and forgets a variable",
		build: buildSetVar(false),
	},
	"nbsrv": {
		in: typeStr, out: typeInt, note: "the number of usable servers of the backend that the value names",
		build: stateConverter(ObjectBackend, "nbsrv"),
	},
	"srv_is_up": {
		in: typeStr, out: typeBool, note: "the same as the fetch srv_is_up, for the server that the value names, as BACKEND/SERVER",
		build: stateConverter(ObjectServer, "srv_is_up"),
	},
	"srv_queue": {
		in: typeStr, out: typeInt, note: "the number of connections queued for the server that the value names, as BACKEND/SERVER",
		build: stateConverter(ObjectServer, "srv_queue"),
	},
}

func stateConverter(about Object, fetch string) func(*Loader, args) (convertFunc, error) {
	return func(*Loader, args) (convertFunc, error) {
		return func(in *Input, v Value, _ bool) (Value, bool) {
			return askState(in, stateQuestion(about, fetch, v.String()))
		}, nil
	}
}

func buildSetVar(keep bool) func(*Loader, args) (convertFunc, error) {
	return func(_ *Loader, a args) (convertFunc, error) {
		name := a[0].text
		if err := validateVariableName(name); err != nil {
			return nil, err
		}
		return func(in *Input, v Value, _ bool) (Value, bool) {
			set := v
			if !keep {
				set = Value{}
			}
			if in.SetVar != nil {
				in.SetVar(name, set)
			}
			return v, true
		}, nil
	}
}
