// SPDX-License-Identifier: Apache-2.0

package durable

import "os"

// openDescriptors returns the number of open descriptors of this process.
func openDescriptors() int {
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return usualDescriptors
	}
	return max(0, len(all)-1) // without the directory's own
}
