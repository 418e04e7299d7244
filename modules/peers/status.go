// SPDX-License-Identifier: Apache-2.0

package peers

import "time"

// Status is the state of a group.
type Status struct {
	// Local is the name of this process among the peers.
	Local string `json:"local"`
	// UpToDate tells that this process knows what its peers know, or that none answered in time.
	UpToDate bool `json:"up_to_date"`
	// LearnedFrom is the peer from which this process learned all entries last; omitted: none answered
	// in time.
	LearnedFrom string `json:"learned_from,omitempty"`
	// Peers are the other processes.
	Peers []PeerStatus `json:"peers"`
}

// PeerStatus is the state of a peer.
type PeerStatus struct {
	// Name is the name of the peer.
	Name string `json:"name"`
	// Address is its address.
	Address string `json:"address"`
	// Connected tells that there is a connection.
	Connected bool `json:"connected"`
	// Outbound tells that this process has opened it.
	Outbound bool `json:"outbound"`
	// Since is the time at which the connection was established; omitted without one.
	Since *time.Time `json:"since,omitempty"`
	// LastError is the reason why the last connection ended, or could not be established.
	LastError string `json:"last_error,omitempty"`
	// Connections counts the established connections.
	Connections uint64 `json:"connections"`
	// Collisions counts the connections that a newer one replaced.
	Collisions uint64 `json:"collisions"`
	// ProtocolErrors counts the messages that could not be read.
	ProtocolErrors uint64 `json:"protocol_errors"`
	// Heartbeats counts the heartbeats received.
	Heartbeats uint64 `json:"heartbeats"`
	// Taught counts how often the peer got all entries.
	Taught uint64 `json:"taught"`
	// Tables are the shared tables.
	Tables []TableStatus `json:"tables"`
}

// TableStatus is the state of a table that is shared with a peer.
type TableStatus struct {
	// Name is the name by which peers know the table.
	Name string `json:"name"`
	// Sent counts the updates sent.
	Sent uint64 `json:"sent"`
	// Acknowledged counts those of changed entries that the peer has acknowledged.
	Acknowledged uint64 `json:"acknowledged"`
	// Received counts the updates received.
	Received uint64 `json:"received"`
}

// Status returns the state of the group.
func (g *Group) Status() Status {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := Status{Local: g.name, UpToDate: !g.wanted, LearnedFrom: g.from, Peers: make([]PeerStatus, 0, len(g.remotes))}
	for _, p := range g.remotes {
		s.Peers = append(s.Peers, p.status())
	}
	return s
}

func (p *remote) status() PeerStatus {
	s := PeerStatus{
		Name: p.Name, Address: p.Address,
		Connections: p.connections.Load(), Collisions: p.collisions.Load(), ProtocolErrors: p.protocolErrors.Load(),
		Heartbeats: p.heartbeats.Load(), Taught: p.taught.Load(),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lastError != nil {
		s.LastError = p.lastError.Error()
	}
	if p.session != nil {
		s.Connected, s.Outbound, s.Since = true, p.session.outbound, &p.session.since
	}
	for _, t := range p.shared {
		s.Tables = append(s.Tables, TableStatus{t.Name, t.sent.Load(), t.acked.Load(), t.received.Load()})
	}
	return s
}
