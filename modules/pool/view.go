// SPDX-License-Identifier: Apache-2.0

package pool

// Scale is how finely shares are told apart: a server has that many for each
// unit of its weight. HAProxy's is the same.
const Scale = 16

// MaxWeight is the highest weight of a server, as in HAProxy.
const MaxWeight = 256

// View is what a policy chooses from: the servers that may be given connections
// now, in the order of the configuration. A server is usable if it is up, neither
// disabled nor drained, and has a weight above zero. Backups are in it only where
// no other server is usable: the first of them, or with Config.AllBackups all. It
// is never changed once made; a change of the servers makes a new one.
type View struct {
	Servers []*Server
	// All are all servers of the configuration, usable or not.
	All []*Server
	// Weights are the servers' weights, 1 to MaxWeight, in the same order.
	Weights []int
	// Shares are the weights times Scale, or less for a server that starts slowly.
	Shares []int
}

// Backups reports whether the servers are backups: all are, or none.
func (v View) Backups() bool { return len(v.Servers) > 0 && v.Servers[0].Backup }

// newView is the view that follows from the servers' states.
func newView(servers []*Server, allBackups bool) View {
	v, backups := View{All: servers}, true
	for _, s := range servers {
		if s.state.usable() && !s.Backup {
			backups = false
		}
	}
	for _, s := range servers {
		if !s.state.usable() || s.Backup != backups {
			continue
		}
		v.Servers = append(v.Servers, s)
		v.Weights = append(v.Weights, s.state.run.weight)
		v.Shares = append(v.Shares, s.state.share())
		if backups && !allBackups {
			break
		}
	}
	return v
}
