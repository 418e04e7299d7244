// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package netns

import "errors"

var errNotHere = errors.New("network namespaces are only available on Linux")

// Namespace is an open network namespace.
type Namespace struct{}

// Open always fails: only Linux has network namespaces.
func Open(name string) (*Namespace, error) {
	if _, err := pathOf(name); err != nil {
		return nil, opening(name, err)
	}
	return nil, opening(name, errNotHere)
}

// Name returns the name that the namespace was opened by.
func (*Namespace) Name() string { return "" }

// ID identifies the namespace.
func (*Namespace) ID() ID { return ID{} }

// Do fails.
func (*Namespace) Do(func() error) error { return errNotHere }

// Close returns nil.
func (*Namespace) Close() error { return nil }
