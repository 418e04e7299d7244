// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

var errNoDirectory = errors.New("a relative file name is only available if the configuration is a file: expected an absolute one")

// absoluteFile returns the absolute name of a file in the configuration.
func (t *translation) absoluteFile(name string) (string, error) {
	prefix := ""
	for _, p := range []string{"opt@", "file@", "virt@"} {
		if rest, ok := strings.CutPrefix(name, p); ok {
			prefix, name = p, rest
		}
	}
	switch {
	case prefix == "virt@" || filepath.IsAbs(name):
		return prefix + name, nil
	case t.baseDir == "":
		return "", fmt.Errorf("file %q: %w", name, errNoDirectory)
	default:
		return prefix + filepath.Join(t.baseDir, name), nil
	}
}

// fileBelow returns the absolute name of a file below a base directory.
func (t *translation) fileBelow(base, name string) (string, error) {
	switch {
	case filepath.IsAbs(name):
		return name, nil
	case filepath.IsAbs(base):
		return filepath.Join(base, name), nil
	case t.baseDir == "":
		return "", fmt.Errorf("file %q: %w", name, errNoDirectory)
	}
	return filepath.Join(t.baseDir, base, name), nil
}
