// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"bytes"
	"net/netip"
	"slices"
	"sync"
)

// journal is the log and the output of a program so far. It is safe for concurrent use.
type journal struct {
	mu    sync.Mutex
	lines []record
	out   bytes.Buffer
}

// Write adds output of the program.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.out.Write(p)
}

func (j *journal) add(r record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, r)
}

// find returns the line of the connection that comes from an address, once it is there.
func (j *journal) find(peer netip.AddrPort) (record, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := slices.IndexFunc(j.lines, func(r record) bool { return r.peer == peer })
	if i < 0 {
		return record{}, false
	}
	return j.lines[i], true
}

func (j *journal) printed() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.out.String()
}
