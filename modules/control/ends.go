// SPDX-License-Identifier: Apache-2.0

package control

import "github.com/caddy-passthrough/caddy-passthrough/modules/frontend"

// End is a connection that has ended.
type End = frontend.Ended

// EndFilter says which ended connections are meant: those that match all fields that are set.
type EndFilter = frontend.EndFilter

// Ends returns the last connections that have ended, of those that f matches, the newest first: no
// more than limit (0: all). The process remembers the last 200, and as many that failed.
func Ends(f EndFilter, limit int) []End { return frontend.RecentEnds(f, limit) }
