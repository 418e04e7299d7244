// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package durable

// descriptorLimit returns 0: this system sets no limit.
func descriptorLimit() uint64 { return 0 }
