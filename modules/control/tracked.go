// SPDX-License-Identifier: Apache-2.0

package control

import "github.com/caddy-passthrough/caddy-passthrough/modules/pool"

// Tracked holds the servers that others track, by backend and name.
type Tracked map[pool.Ref]*pool.ServerStatus

// TrackedIn returns the servers that others in these backends track. It keeps pointers to them.
func TrackedIn(all []Backend) Tracked {
	tracked := make(Tracked)
	for i := range all {
		for j := range all[i].Servers {
			if track := all[i].Servers[j].Track; track != (pool.Ref{}) {
				tracked[track] = nil
			}
		}
	}
	if len(tracked) == 0 {
		return tracked
	}
	for i := range all {
		for j := range all[i].Servers {
			ref := pool.Ref{Backend: all[i].Name, Server: all[i].Servers[j].Name}
			if _, ok := tracked[ref]; ok {
				tracked[ref] = &all[i].Servers[j]
			}
		}
	}
	return tracked
}

// Checked returns the server whose health a server has: the one that it tracks, or itself.
func (t Tracked) Checked(s *pool.ServerStatus) *pool.ServerStatus {
	for range len(t) {
		next := t[s.Track]
		if s.Track == (pool.Ref{}) || next == nil {
			break
		}
		s = next
	}
	return s
}
