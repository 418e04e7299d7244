// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"slices"
	"strconv"
	"time"
)

// Override is a value of a server that differs from the configuration. By says where it was set, At
// when; By is agent for the server's agent.
type Override struct {
	Ref
	Key, Configured, Value string
	By                     string
	At                     time.Time
}

// byAgent is the origin of values that an agent has set.
const byAgent = "agent"

// mark says where a value was set, and when.
type mark struct {
	by string
	at time.Time
}

// lasting are the keys of values that outlive reloads: the others last until a check.
var lasting = []string{"admin", "weight", "maxconn", "address", "check_address", "check_port", "agent_address", "agent_port", "agent_send", "checks", "agent_checks"}

// values returns what a Change may change, with the names of Changed.
func (s *Server) values() []Changed {
	h := &s.state.health
	return append(s.lastingValues(s.state.run, s.state.adjustment),
		Changed{Key: "health", To: h.shown()}, Changed{Key: "agent", To: upOrDown(h.agent.up())})
}

// lastingValues returns the values of lasting.
func (s *Server) lastingValues(run setting, a Adjustment) []Changed {
	conf, address := s.configured(), a.Address
	if address == "" {
		address = conf.Address
	}
	send := a.AgentSend
	if send == nil {
		send = new(string)
		if conf.Agent != nil {
			*send = conf.Agent.Send
		}
	}
	all := []string{
		run.admin.String(), strconv.Itoa(run.weight), strconv.Itoa(run.maxconn), address,
		a.CheckAddress, portText(a.CheckPort), a.AgentAddress, portText(a.AgentPort), *send,
		onOrOff(!run.noChecks), onOrOff(!run.noAgent),
	}
	values := make([]Changed, len(lasting), len(lasting)+2)
	for i, key := range lasting {
		values[i] = Changed{Key: key, To: all[i]}
	}
	return values
}

func portText(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func onOrOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// Differences returns the values that differ, of two lists with the same keys whose values are To.
func Differences(before, after []Changed) (changed []Changed) {
	for i, now := range after {
		if was := before[i].To; was != now.To {
			changed = append(changed, Changed{now.Key, was, now.To})
		}
	}
	return changed
}

func upOrDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

// mark notes where values were set.
func (s *state) mark(changed []Changed, by string) {
	for _, c := range changed {
		if !slices.Contains(lasting, c.Key) {
			continue
		}
		if s.marks == nil {
			s.marks = make(map[string]mark)
		}
		s.marks[c.Key] = mark{by, time.Now()}
	}
}

// overridden returns the values that differ from the configuration.
func (s *Server) overridden() []Changed {
	return Differences(s.lastingValues(s.state.configured, Adjustment{}), s.lastingValues(s.state.run, s.state.adjustment))
}

// Overrides returns what differs from the configuration in all servers, sorted by name.
func (r *Registry) Overrides() (all []Override) {
	for _, name := range r.names() {
		b := r.serving(name)
		if b == nil {
			continue
		}
		for _, s := range b.pool.Servers() {
			for _, c := range s.overridden() {
				m := s.state.marks[c.Key]
				all = append(all, Override{Ref{name, s.Name}, c.Key, c.From, c.To, m.by, m.at})
			}
		}
		all = append(all, b.dynamic.overrides(name)...)
		b.unlock()
	}
	return all
}

// DropOverride returns a value of a server to that of the configuration, or all of them if key is
// empty. A server that was removed is back then; one that was added stays. It returns the
// changed values. The error is ErrNoBackend or ErrNoSuchServer.
func (r *Registry) DropOverride(ref Ref, key string) ([]Changed, error) {
	if (key == "" || key == "removed") && r.restore(ref) {
		return []Changed{{Key: "removed"}}, nil
	}
	b, s, err := r.locked(ref)
	if err != nil {
		return nil, err
	}
	defer b.unlock()
	run, a, conf := s.state.run, s.state.adjustment, s.state.configured
	for _, drop := range []struct {
		key string
		do  func()
	}{
		{"admin", func() { run.admin = conf.admin }},
		{"weight", func() { run.weight = conf.weight }},
		{"maxconn", func() { run.maxconn = conf.maxconn }},
		{"address", func() { a.Address = "" }},
		{"check_address", func() { a.CheckAddress = "" }},
		{"check_port", func() { a.CheckPort = 0 }},
		{"agent_address", func() { a.AgentAddress = "" }},
		{"agent_port", func() { a.AgentPort = 0 }},
		{"agent_send", func() { a.AgentSend = nil }},
		{"checks", func() { run.noChecks = false }},
		{"agent_checks", func() { run.noAgent = false }},
	} {
		if key == "" || key == drop.key {
			drop.do()
		}
	}
	return b.set(s, run, a, nil)
}
