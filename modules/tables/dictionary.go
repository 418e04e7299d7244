// SPDX-License-Identifier: Apache-2.0

package tables

import "sync"

// dictionary numbers the names of servers, so that entries have room for them. A name keeps its
// number. The zero value has no names; 0 is the number of "", and of names beyond maxNames, which
// come from other nodes that are broken or hostile.
type dictionary struct {
	mu      sync.RWMutex
	names   []string // of the numbers from 1
	numbers map[string]uint32
}

// maxNames is the largest number of names.
const maxNames = 1 << 16

func (d *dictionary) name(number uint32) string {
	if number == 0 {
		return ""
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.names[number-1]
}

func (d *dictionary) number(name string) uint32 {
	if name == "" {
		return 0
	}
	d.mu.RLock()
	n := d.numbers[name]
	d.mu.RUnlock()
	if n > 0 {
		return n
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.numbers[name]; n > 0 {
		return n
	}
	if len(d.names) == maxNames {
		return 0
	}
	if d.numbers == nil {
		d.numbers = make(map[string]uint32)
	}
	d.names = append(d.names, name)
	d.numbers[name] = uint32(len(d.names))
	return d.numbers[name]
}
