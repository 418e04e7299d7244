// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package limits

func residentMemory() (n int64, ok bool) { return 0, false }
