// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"cmp"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// Frontend is the current state of a frontend, with its numbers since the process began.
type Frontend struct {
	// State is open, full (at its limit of connections), disabled (clients wait in the kernel's queue)
	// or stopped (the listeners are closed, or no configuration that runs has the frontend).
	State string `json:"state"`
	// Connections is the number of open connections, ConnectionsMax the highest number so far.
	// MaxConn is the limit; 0: none.
	Connections    int64 `json:"connections"`
	ConnectionsMax int64 `json:"connections_max"`
	MaxConn        int   `json:"maxconn"`
	// ConnectionsTotal is the number of connections accepted, SessionsTotal that of those which the
	// rules about the client's address let through.
	ConnectionsTotal int64 `json:"connections_total"`
	SessionsTotal    int64 `json:"sessions_total"`
	Rate             Rate  `json:"rate"`
	// BytesIn and BytesOut are the bytes of clients and servers, counted when connections end.
	BytesIn  int64 `json:"bytes_in"`
	BytesOut int64 `json:"bytes_out"`
	// Ended is the number of connections that have ended, by the end in the log: complete, refused
	// and so on; zeros are left out.
	Ended map[string]int64 `json:"ended"`
	// Outcomes is the number of these by the outcome of the inspection of their hello.
	Outcomes map[string]uint64 `json:"outcomes"`
	// Refused is the number of connections over a limit of the frontend, by per_ip, rate or
	// unfinished_hellos.
	Refused map[string]int64 `json:"refused,omitempty"`
	// RefusedByRules is the number of connections that rules refused.
	RefusedByRules []RefusedBy `json:"refused_by_rules,omitempty"`
	// UnfinishedHellos is the number of bytes of incomplete ClientHellos.
	UnfinishedHellos int64      `json:"unfinished_hellos"`
	Listeners        []Listener `json:"listeners"`
	// Set has the names of the values that were set at run time and differ from the configuration,
	// with "runtime" for each.
	Set map[string]string `json:"set,omitempty"`
}

// Rate is a number of sessions in a second.
type Rate struct {
	// Now is that of the last second, Max the highest one that an answer or a metric ever showed.
	Now int `json:"now"`
	Max int `json:"max"`
	// Limit is 0 for none.
	Limit int `json:"limit,omitempty"`
}

// RefusedBy counts the connections that a rule refused.
type RefusedBy struct {
	// Reason is connection, session, content, routing or response for a rule, or an outcome of the
	// option on. Rule is the number of the rule in its list, from 1; 0: the list's end.
	Reason string `json:"reason"`
	Rule   int    `json:"rule"`
	Count  uint64 `json:"count"`
}

// Listener is the current state of a listener.
type Listener struct {
	Frontend string `json:"frontend"`
	// Name is the configured name, or else the address.
	Name string `json:"name"`
	// Number is the position among the listeners of the frontend, from 1.
	Number           int   `json:"number"`
	Open             bool  `json:"open"`
	Connections      int64 `json:"connections"`
	ConnectionsTotal int64 `json:"connections_total"`
	// MaxConn is 0 if the listener has no limit of its own.
	MaxConn int `json:"maxconn"`
}

func newFrontends() map[string]Frontend {
	all := make(map[string]Frontend)
	overrides := control.Overrides()
	for _, f := range control.Frontends() {
		all[f.Name] = newFrontend(f, overrides)
	}
	return all
}

func showFrontend(r *request) (any, error) {
	f, err := control.FrontendOf(r.names[0])
	if err != nil {
		return nil, err
	}
	return newFrontend(f, control.Overrides()), nil
}

func newFrontend(f control.Frontend, overrides []control.Override) Frontend {
	out := Frontend{
		State: "stopped", Connections: f.Connections, ConnectionsMax: f.Highest, MaxConn: f.MaxConn,
		ConnectionsTotal: f.Accepted, SessionsTotal: f.Sessions, Rate: Rate{f.Rate, f.MaxRate, f.SessionRate},
		BytesIn: f.In, BytesOut: f.Out, Ended: make(map[string]int64), Outcomes: make(map[string]uint64),
		Refused: f.OverLimit, UnfinishedHellos: f.UnfinishedHellos, Listeners: []Listener{},
	}
	if f.Running {
		out.State = f.State.String()
	}
	var set []string
	for _, o := range overrides {
		if o.Frontend == f.Name {
			set = append(set, o.Key)
		}
	}
	out.Set = setAtRuntime(set)
	for end, n := range f.Ended {
		if n > 0 {
			out.Ended[tcplog.End(end).String()] += n
		}
	}
	for outcome, n := range f.Outcomes {
		if n > 0 {
			out.Outcomes[frontend.OutcomeName(outcome)] = n
		}
	}
	for why, n := range f.Tally.Refused {
		out.RefusedByRules = append(out.RefusedByRules, RefusedBy{why.Reason, why.Rule, n})
	}
	slices.SortFunc(out.RefusedByRules, func(a, b RefusedBy) int {
		return cmp.Or(cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Rule, b.Rule))
	})
	for _, l := range f.Listeners {
		out.Listeners = append(out.Listeners, newListener(l))
	}
	return out
}

func newListeners() []Listener {
	all := []Listener{}
	for _, l := range frontend.AllListeners() {
		all = append(all, newListener(l))
	}
	return all
}

func newListener(l frontend.ListenerMetrics) Listener {
	return Listener{
		Frontend: l.Frontend, Name: l.Name, Number: l.Number, Open: l.Open,
		Connections: l.Connections, ConnectionsTotal: l.Accepted, MaxConn: l.MaxConn,
	}
}
