// SPDX-License-Identifier: Apache-2.0

package programs

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Overlay returns the build flags of a Caddy with source files that replace those of the tree, or
// add to them: texts by their absolute paths.
func Overlay(t testing.TB, files map[string]string) []string {
	t.Helper()
	dir, replace := t.TempDir(), make(map[string]string, len(files))
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for path, text := range files {
		replace[path] = write(fmt.Sprintf("%d.go", len(replace)), []byte(text))
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	return []string{"-overlay", write("overlay.json", list)}
}
