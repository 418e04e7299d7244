// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"os"
	"strings"
	"testing"
)

// Every command is in the table of the documentation.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/runtime.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## From HAProxy's commands")
	for _, c := range commands {
		if !strings.Contains(table, "`"+c.words) {
			t.Errorf("docs/runtime.md: no command %q", c.words)
		}
	}
}
