// SPDX-License-Identifier: Apache-2.0

package control

import "github.com/caddy-passthrough/caddy-passthrough/modules/frontend"

// CapturedError is the last faulty message of a frontend's clients, or of a backend's servers.
type CapturedError = frontend.Captured

// Errors returns the last faulty message of each frontend and backend, the oldest first, and the
// number of all faulty messages since the start of the process.
func Errors() (list []CapturedError, total uint64) {
	return frontend.AllCaptured(), frontend.CountCaptured()
}

// ClearErrors forgets the faulty messages, but not their number.
func ClearErrors() { frontend.ClearCaptured() }
