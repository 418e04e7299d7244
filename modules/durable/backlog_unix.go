// SPDX-License-Identifier: Apache-2.0

//go:build unix

package durable

import (
	"cmp"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// setBacklog makes a bound socket listen, or changes the backlog of one that listens. For 0 it asks
// for more than any system allows; each system reduces that to its limit.
func setBacklog(fd, n int) error {
	return os.NewSyscallError("listen", unix.Listen(fd, cmp.Or(n, math.MaxInt32)))
}
