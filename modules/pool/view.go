// SPDX-License-Identifier: Apache-2.0

package pool

// Scale is the resolution of shares: Scale shares per unit of weight, as in HAProxy.
const Scale = 16

// MaxWeight is the highest weight of a server, as in HAProxy.
const MaxWeight = 256

// View holds the servers that a policy chooses from: the usable ones, in the order of the
// configuration. A server is usable if it is up, neither disabled nor drained, and has a weight
// above zero. Backups are included only if no other server is usable: the first of them, or all
// with Config.AllBackups. A view never changes; a change of the servers makes a new one.
type View struct {
	Servers []*Server
	// All holds all servers of the configuration, usable or not.
	All []*Server
	// Weights are the weights of Servers, 1 to MaxWeight, in the same order.
	Weights []int
	// Shares are the weights times Scale, or less during slow start.
	Shares []int
}

// Backups reports whether the servers are backups. Either all of them are, or none.
func (v View) Backups() bool { return len(v.Servers) > 0 && v.Servers[0].Backup }

// newView builds the view from the servers' states.
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
