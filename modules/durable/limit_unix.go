// SPDX-License-Identifier: Apache-2.0

//go:build unix

package durable

import "golang.org/x/sys/unix"

// descriptorLimit returns the limit of descriptors of this process; 0 means no limit.
func descriptorLimit() uint64 {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return uint64(limit.Cur) //nolint:unconvert // it is signed on some systems
}
