// SPDX-License-Identifier: Apache-2.0

package offheap

// Memory is a piece of memory, which is zero at first. Pages that were never used take none.
type Memory struct {
	Bytes  []byte
	system bool
}

// Allocate returns n bytes. The caller must free them, once.
func Allocate(n int) Memory {
	b, system := allocate(n)
	return Memory{b, system}
}

// Free releases the memory, which must not be used any longer.
func (m Memory) Free() {
	if m.system {
		release(m.Bytes)
	}
}
