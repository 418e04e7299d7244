// SPDX-License-Identifier: Apache-2.0

package sharedtables

import "testing"

// The clients of a node that is killed return to their servers at the other nodes.
func TestNodeKilled(t *testing.T) {
	f := startFleet(t, "")
	before := f.visits(0, 200, func(int) *node { return f.nodes[0] })
	f.await("connected") // and nothing is pending
	f.nodes[0].kill()
	for _, survivor := range f.nodes[1:] {
		f.expectSame("after their node was killed", before, f.visits(0, 200, func(int) *node { return survivor }))
	}
}
