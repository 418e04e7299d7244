// SPDX-License-Identifier: Apache-2.0

package control

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// Flow shows the ways of connections: from the listeners of frontends, by the choices of their
// routers, to the servers of backends.
type Flow struct {
	Frontends []FlowFrontend `json:"frontends"`
	Backends  []FlowBackend  `json:"backends"`
}

// FlowFrontend is a frontend with its listeners and choices.
type FlowFrontend struct {
	Name string `json:"name"`
	// State is open, full, disabled or stopped.
	State       string         `json:"state"`
	Connections int64          `json:"connections"`
	Total       int64          `json:"total"`
	Rate        int            `json:"rate"`
	Listeners   []FlowListener `json:"listeners"`
	Choices     []FlowChoice   `json:"choices"`
}

// FlowListener is a listener. Listeners of layer4 servers and of http servers are not known.
type FlowListener struct {
	Name        string `json:"name"`
	Address     string `json:"address,omitempty"`
	Open        bool   `json:"open"`
	Connections int64  `json:"connections"`
	Total       int64  `json:"total"`
	// Rate is about the number of connections in the last second, here as below.
	Rate int `json:"rate"`
}

// FlowChoice is a rule of a frontend that picks a backend, with the connections for which it has
// decided.
type FlowChoice struct {
	// List is site, rule, default_backend or on; others stands for the rules after the first 1024, of
	// which there are Number. Otherwise Number is the position in the list, from 1.
	List   string `json:"list"`
	Number int    `json:"number,omitempty"`
	// Rule has its action, When its condition, and Place is FILE:LINE, if that is known.
	Rule  string `json:"rule,omitempty"`
	When  string `json:"when,omitempty"`
	Place string `json:"place,omitempty"`
	// Total is the number of connections for which it has decided since the process began, or since a
	// configuration has it.
	Total int64 `json:"total"`
	Rate  int   `json:"rate"`
	// To are the backends. Without one, the connections were ended or passed on.
	To []FlowTarget `json:"to,omitempty"`
}

// FlowTarget is a backend that a rule names. The backend of others is empty.
type FlowTarget struct {
	Backend string `json:"backend"`
	Total   int64  `json:"total"`
	Rate    int    `json:"rate"`
}

// FlowBackend is a backend with its servers.
type FlowBackend struct {
	Name        string `json:"name"`
	Down        bool   `json:"down"`
	Connections int64  `json:"connections"`
	Queue       int    `json:"queue"`
	Rate        int    `json:"rate"`
	// Usable is the number of servers that the policy chooses from.
	Usable  int          `json:"usable"`
	Servers []FlowServer `json:"servers"`
}

// FlowServer is a server of a backend.
type FlowServer struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	// State is up, no check, drain, maint or down.
	State    string `json:"state"`
	Backup   bool   `json:"backup,omitempty"`
	Weight   int    `json:"weight"`
	Sessions int64  `json:"sessions"`
	Total    uint64 `json:"total"`
	Rate     int    `json:"rate"`
}

// FlowNow returns the ways of connections through the frontends and backends of the configuration
// that runs.
func FlowNow() Flow {
	f := Flow{Frontends: []FlowFrontend{}, Backends: []FlowBackend{}}
	for _, of := range Frontends() {
		choices, err := frontend.Choices(of.Name)
		if err != nil {
			continue // no configuration has it
		}
		f.Frontends = append(f.Frontends, newFlowFrontend(of, choices))
	}
	for _, b := range Backends() {
		f.Backends = append(f.Backends, newFlowBackend(b))
	}
	return f
}

func newFlowFrontend(of Frontend, choices []frontend.Choice) FlowFrontend {
	f := FlowFrontend{
		Name: of.Name, State: of.State.String(), Connections: of.Connections, Total: of.Accepted, Rate: of.ConnRate,
		Listeners: []FlowListener{}, Choices: []FlowChoice{},
	}
	for _, l := range of.Listeners {
		f.Listeners = append(f.Listeners, FlowListener{l.Name, l.Address, l.Open, l.Connections, l.Accepted, l.Rate})
	}
	for _, c := range choices {
		to := FlowChoice{List: c.List, Number: c.Number, Rule: c.Rule, When: c.When, Place: c.Place, Total: c.Ended.Total, Rate: c.Ended.Rate}
		for _, b := range c.To {
			to.To = append(to.To, FlowTarget(b))
			to.Total, to.Rate = to.Total+b.Total, to.Rate+b.Rate
		}
		f.Choices = append(f.Choices, to)
	}
	return f
}

func newFlowBackend(of Backend) FlowBackend {
	b := FlowBackend{
		Name: of.Name, Down: of.Down, Connections: of.Load.Connections, Queue: of.Queue, Rate: of.Load.Rate,
		Usable: of.Active + of.Backups, Servers: []FlowServer{},
	}
	for i := range of.Servers {
		s := &of.Servers[i]
		b.Servers = append(b.Servers, FlowServer{s.Name, s.Address, flowState(s), s.Backup, s.Weight, s.Sessions, s.Taken, s.Rate})
	}
	return b
}

// flowState returns the state of a server in one word.
func flowState(s *pool.ServerStatus) string {
	state := s.State()
	if state == "up" && s.ServerConfig.Check == nil && s.Track == (pool.Ref{}) {
		return "no check"
	}
	return state
}
