// SPDX-License-Identifier: Apache-2.0

package relay

// Progress says how far a session of the engine is.
type Progress uint8

// The progress of a session.
const (
	Waiting    Progress = iota // for bytes of its client
	Connecting                 // to its server
	Passing                    // bytes both ways
	Closing                    // waits for the last bytes to be delivered
)
