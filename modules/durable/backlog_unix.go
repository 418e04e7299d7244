// SPDX-License-Identifier: Apache-2.0

//go:build unix

package durable

import (
	"cmp"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// setBacklog makes a bound socket listen, or changes the backlog of one that listens. 0 is
// more than any system takes, and each cuts that to its limit.
func setBacklog(fd, n int) error {
	return os.NewSyscallError("listen", unix.Listen(fd, cmp.Or(n, math.MaxInt32)))
}
