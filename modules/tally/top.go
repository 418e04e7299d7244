// SPDX-License-Identifier: Apache-2.0

package tally

// Top finds the names with the highest sums of weights, such as bytes, among any number of names,
// with the memory of a few hundred: see Frequent. A sum is too high by its Error at most. The zero
// value is ready for use, which is safe for concurrent use.
type Top struct{ lanes Split[Frequent] }

// topRoom is the number of names of a Top that each lane has room for.
const topRoom = 256

// Add adds a weight to the sum of a name. It does not keep the name. It allocates only while there
// is room for another one.
func (t *Top) Add(l *Lane, name string, weight uint64) {
	t.lanes.In(l).add(hashOf(name), name, weight, topRoom)
}

// Highest returns the names with the highest sums, the highest first: no more than limit.
func (t *Top) Highest(limit int) []Counted {
	sums := make(map[uint64]*Counted)
	var floor uint64
	t.lanes.Each(func(f *Frequent) { floor += f.appendTo(sums, topRoom) })
	for _, c := range sums {
		c.Count += floor
		c.Error += floor
	}
	all := sorted(sums)
	return all[:min(len(all), limit)]
}
