// SPDX-License-Identifier: Apache-2.0

//go:build unix

package offheap

import "golang.org/x/sys/unix"

// allocate returns n bytes, and whether they come from the system: if it has none left, they come
// from the heap.
func allocate(n int) (b []byte, system bool) {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return make([]byte, n), false
	}
	return b, true
}

func release(b []byte) { _ = unix.Munmap(b) }
