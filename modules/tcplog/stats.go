// SPDX-License-Identifier: Apache-2.0

package tcplog

import "sync/atomic"

// counts are the numbers of lines of all logs; see Stats.
var counts struct{ written, dropped atomic.Uint64 }

// Stats returns the number of lines of connections that were written to loggers since the process
// began, and that of connections without a line, since the targets did not take it.
func Stats() (written, dropped uint64) { return counts.written.Load(), counts.dropped.Load() }
