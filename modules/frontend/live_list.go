// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"cmp"
	"slices"
)

// AllLive returns the connections of the process that f matches, the oldest first, but no more than
// limit (0: all), and the number of all that it matches. Those that wait for a place in their
// frontend's limit of connections are not among them.
func AllLive(f LiveFilter, limit int) (list []Live, total int) {
	newest := ^uint64(0) // of those that can still be among the first
	if f == (LiveFilter{}) && limit == 0 {
		list = make([]Live, 0, liveConns.count())
	}
	v := liveVisitor{LiveFilter: f}
	v.detailed = func(l *Live) bool { return l.ID <= newest || !v.isEarly() }
	v.visit = func(l *Live, _ ender) {
		if total++; l.ID > newest {
			return
		}
		if list = append(list, *l); limit > 0 && len(list) >= 2*limit {
			list = oldest(list, limit)
			newest = list[len(list)-1].ID
		}
	}
	v.run()
	list = oldest(list, limit)
	for i := range list {
		list[i].unpack()
	}
	return list, total
}

// oldest returns the first of a list, sorted and without duplicates.
func oldest(list []Live, limit int) []Live {
	order := make([]int, len(list)) // sorted in place of the list: a Live is large
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(list[a].ID, list[b].ID) })
	order = slices.CompactFunc(order, func(a, b int) bool { return list[a].ID == list[b].ID })
	if limit > 0 && len(order) > limit {
		order = order[:limit]
	}
	sorted := make([]Live, len(order), max(len(order), 2*limit))
	for i, at := range order {
		sorted[i] = list[at]
	}
	return sorted
}

// tries is the number of times that a connection is looked for: it may move meanwhile.
const tries = 2

// LiveOf returns the connection with an ID, and whether there is one.
func LiveOf(id uint64) (l Live, ok bool) {
	for range tries {
		if list, _ := AllLive(LiveFilter{id: id}, 0); len(list) > 0 {
			return list[0], true
		}
	}
	return l, false
}

// EndLive ends the connections that f matches, and returns their number. Their log lines have the
// termination code K.
func EndLive(f LiveFilter) (n int) {
	v := liveVisitor{LiveFilter: f}
	v.detailed = func(*Live) bool { return !v.isEarly() }
	v.visit = func(_ *Live, e ender) {
		e.End(ErrEnded.Error())
		n++
	}
	v.run()
	return n
}

// EndLiveOf ends the connection with an ID, and reports whether there is one.
func EndLiveOf(id uint64) bool {
	for range tries {
		if EndLive(LiveFilter{id: id}) > 0 {
			return true
		}
	}
	return false
}
