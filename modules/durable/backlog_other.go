// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package durable

import "errors"

// setBacklog accepts only 0: package net sets the system's limit.
func setBacklog(_, n int) error {
	if n == 0 {
		return nil
	}
	return errors.New("setting a backlog: not available on this system")
}
