// SPDX-License-Identifier: Apache-2.0

package netns

import (
	"strings"
	"testing"
)

func TestNamesThatAreNone(t *testing.T) {
	for _, name := range []string{"", ".", "..", "a/b", "../etc/passwd", "a\x00b"} {
		_, err := Open(name)
		if err == nil || !strings.Contains(err.Error(), errNoName.Error()) {
			t.Errorf("%q: %v, expected %v", name, err, errNoName)
		}
	}
}

func TestPathOf(t *testing.T) {
	for name, want := range map[string]string{
		"blue":            "/run/netns/blue",
		"a b":             "/run/netns/a b",
		"...":             "/run/netns/...",
		"/proc/42/ns/net": "/proc/42/ns/net",
	} {
		if got, err := pathOf(name); got != want || err != nil {
			t.Errorf("%q: %q, %v; expected %q", name, got, err, want)
		}
	}
}
