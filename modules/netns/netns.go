// SPDX-License-Identifier: Apache-2.0

// Package netns runs functions in network namespaces of Linux, so that the sockets they make are
// there. A socket stays in the namespace that it was made in, wherever it is used afterwards. The
// namespaces have names of "ip netns", or paths.
package netns

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// directory is where "ip netns add" makes the file of a namespace.
const directory = "/run/netns"

// ID identifies a network namespace, whatever its name. IDs of one namespace are equal; while it
// exists, no other namespace has its ID. The zero ID is the namespace that the process was started
// in.
type ID struct{ device, inode uint64 }

// errNoName is the error of a name that cannot be a file in directory.
var errNoName = errors.New("expected a name as of ip netns, or an absolute path")

// pathOf returns the path of a namespace's file.
func pathOf(name string) (string, error) {
	switch {
	case filepath.IsAbs(name):
		return name, nil
	case name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00"):
		return "", errNoName
	default:
		return filepath.Join(directory, name), nil
	}
}

// opening returns the error of Open.
func opening(name string, err error) error {
	return fmt.Errorf("opening network namespace %q: %w", name, err)
}
