// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math/rand/v2"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// returned counts the visits of clients that had a server before, by policy and number of nodes.
type returned struct {
	Policy string `json:"policy"`
	Nodes  int    `json:"nodes"`
	Visits int    `json:"visits"`
	// Gone are those whose server had left before the visit, Elsewhere those that got another one
	// although theirs was there.
	Gone      int `json:"gone"`
	Elsewhere int `json:"elsewhere"`
	// Behind are those whose node did not know of the last changes and chose another server than
	// it would have with them; Dead, those whose server had left already.
	Behind int `json:"behind"`
	Dead   int `json:"dead"`
}

// caller is a client that comes back.
type caller struct {
	id, visits int
	last       []string // the servers of the visit before, of each fleet and policy
}

// returning simulates the visits of clients while the servers change.
type returning struct {
	size
	random   *rand.Rand
	versions *versions
	fleets   [][]node
	counts   []returned // of each fleet and policy
	due      map[time.Duration][]*caller
	request  pool.Request
}

// visitAll returns what clients see of the changes.
func visitAll(s size) ([]returned, error) {
	v, err := newVersions(s.hashed(), s.Servers)
	if err != nil {
		return nil, err
	}
	defer v.close()
	r := &returning{size: s, random: randomOf(2), versions: v, due: make(map[time.Duration][]*caller)}
	for _, n := range s.Nodes {
		r.fleets = append(r.fleets, newNodes(n, s.TTL, r.random))
		for _, p := range s.hashed() {
			r.counts = append(r.counts, returned{Policy: p.name, Nodes: n})
		}
	}
	duration := time.Duration(s.Changes) * s.Every
	for id := range s.Clients {
		at := time.Duration(r.random.Int64N(int64(duration))).Truncate(time.Second)
		r.due[at] = append(r.due[at], &caller{id: id})
	}
	for at := time.Duration(0); at < duration; at += time.Second {
		for int(at/s.Every) > v.newest() {
			if err := v.change(int((at - s.TTL) / s.Every)); err != nil {
				return nil, err
			}
		}
		for _, c := range r.due[at] {
			if err := r.visit(c, at); err != nil {
				return nil, err
			}
		}
		delete(r.due, at)
	}
	return r.counts, nil
}

// visit lets a client meet any node of each fleet.
func (r *returning) visit(c *caller, at time.Duration) error {
	now := make([]string, 0, len(r.counts))
	for _, fleet := range r.fleets {
		knows := int(max(fleet[r.random.IntN(len(fleet))].asked(at, r.TTL), 0) / r.Every)
		for i := range r.versions.policies {
			got, err := chosen(r.versions.of(knows)[i], c.id, &r.request)
			if err != nil {
				return err
			}
			best := got
			if knows < r.versions.newest() {
				if best, err = chosen(r.versions.of(r.versions.newest())[i], c.id, &r.request); err != nil {
					return err
				}
			}
			r.count(c, len(now), got, best)
			now = append(now, got)
		}
	}
	c.last = now
	if c.visits++; c.visits < r.Visits {
		next := at + (r.MinGap + time.Duration(r.random.Int64N(int64(r.MaxGap-r.MinGap)))).Truncate(time.Second)
		r.due[next] = append(r.due[next], c)
	}
	return nil
}

// count counts one visit at a fleet by a policy, which chose got, and best would be the choice of a
// node that knows all changes.
func (r *returning) count(c *caller, i int, got, best string) {
	if c.last == nil {
		return
	}
	n, newest := &r.counts[i], r.versions.newest()
	n.Visits++
	switch {
	case !r.versions.has(c.last[i], newest):
		n.Gone++
	case got != c.last[i]:
		n.Elsewhere++
	}
	if got != best {
		n.Behind++
	}
	if !r.versions.has(got, newest) {
		n.Dead++
	}
}
