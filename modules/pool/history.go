// SPDX-License-Identifier: Apache-2.0

package pool

// historySize is the number of checks of a server that are remembered.
const historySize = 16

// history holds the last checks of a server.
type history struct {
	records *[historySize]CheckRecord // a ring; nil before the first
	n       int                       // of all so far
}

// add adds a check.
func (h *history) add(r CheckRecord) {
	if h.records == nil {
		h.records = new([historySize]CheckRecord)
	}
	h.records[h.n%historySize] = r
	h.n++
}

// list returns the checks, oldest first.
func (h *history) list() []CheckRecord {
	list := make([]CheckRecord, 0, min(h.n, historySize))
	for i := h.n - cap(list); i < h.n; i++ {
		list = append(list, h.records[i%historySize])
	}
	return list
}

// CheckHistory returns the last checks of a server, oldest first: those of its health, and those of
// its agent. The error is ErrNoBackend or ErrNoSuchServer.
func (r *Registry) CheckHistory(ref Ref) (checks, agent []CheckRecord, err error) {
	b, s, err := r.locked(ref)
	if err != nil {
		return nil, nil, err
	}
	defer b.unlock()
	return s.state.health.checks.list(), s.state.health.reports.list(), nil
}
