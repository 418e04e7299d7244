// SPDX-License-Identifier: Apache-2.0

package peers

import "time"

// resync is the state of learning all entries from a peer. A process does so when it starts, and
// when it gets a new table. It asks one peer at a time, but none that is not up to date
// itself.
type resync struct {
	wanted  bool // all entries are to be learned
	teacher *session
	timer   *time.Timer
	from    string // the peer that taught all entries; "": none was there in time
	resyncs int    // that ended
}

// beginResync wants all entries to be learned. The group is locked.
func (g *Group) beginResync() {
	g.wanted, g.teacher, g.from = true, nil, ""
	for _, p := range g.remotes {
		p.notUpToDate = false
	}
	if len(g.remotes) == 0 {
		g.endResync("")
		return
	}
	g.await()
	g.assign()
}

// await gives up learning after a time, unless a peer teaches then. The group is locked.
func (g *Group) await() {
	if g.timer != nil {
		g.timer.Stop()
	}
	g.timer = time.AfterFunc(resyncTimeout, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.wanted && g.teacher == nil {
			g.endResync("")
		}
	})
}

// endResync ends learning. The group is locked.
func (g *Group) endResync(from string) {
	if g.timer != nil {
		g.timer.Stop()
	}
	if g.wanted {
		g.resyncs++
	}
	g.wanted, g.teacher, g.from = false, nil, from
}

// assign asks a peer for all entries, if they are wanted and none teaches. The group is locked.
func (g *Group) assign() {
	if !g.wanted || g.teacher != nil {
		return
	}
	for _, p := range g.remotes {
		p.mu.Lock()
		s := p.session
		p.mu.Unlock()
		if s != nil && s.established.Load() && !p.notUpToDate {
			g.teacher = s
			s.ask()
			return
		}
	}
}

// established takes note of a session that has begun.
func (g *Group) established(s *session) {
	s.established.Store(true)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.assign()
}

// ended takes note of a session that has ended.
func (g *Group) ended(s *session) {
	s.established.Store(false)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.teacher == s {
		g.teacher = nil
		g.await()
		g.assign()
	}
}

// learned takes note that a peer has sent all entries that it has.
func (g *Group) learned(s *session, isUpToDate bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.teacher != s {
		return
	}
	if isUpToDate {
		g.endResync(s.peer.Name)
		return
	}
	g.teacher, s.peer.notUpToDate = nil, true
	g.await()
	g.assign()
}

// isUpToDate reports whether this process knows what its peers know.
func (g *Group) isUpToDate() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.wanted
}
