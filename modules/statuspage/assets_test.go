// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestAssets(t *testing.T) {
	t.Parallel()
	for name, kept := range map[string]bool{assetURL("page.css"): true, assetURL("table.js"): true, "page/page.css": false, "page/0123456789abcdef/table.js": false} {
		answer := served(t, new(Handler), httptest.NewRequest(http.MethodGet, "/status/"+name, http.NoBody))
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", name, answer.StatusCode)
		}
		if got := strings.Contains(answer.Header.Get("Cache-Control"), "immutable"); got != kept {
			t.Errorf("%s: kept by browsers: %v, want %v", name, got, kept)
		}
		if kind := answer.Header.Get("Content-Type"); strings.HasSuffix(name, ".js") != strings.HasPrefix(kind, "text/javascript") {
			t.Errorf("%s: %s", name, kind)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	one := versionOf(map[string][]byte{"a": []byte("1"), "b": []byte("2")})
	for _, other := range []map[string][]byte{
		{"a": []byte("2"), "b": []byte("1")},
		{"a": []byte("1")},
		{"a": []byte("1"), "c": []byte("2")},
	} {
		if versionOf(other) == one {
			t.Errorf("%q have the same version", other)
		}
	}
}

// Browsers load all modules at once: the page names each that a script imports.
func TestModules(t *testing.T) {
	t.Parallel()
	imported := regexp.MustCompile(`(?m)^import .* from "\./(.+)";$`)
	var found []string
	for name, text := range assets {
		if strings.HasSuffix(name, ".js") {
			for _, match := range imported.FindAllStringSubmatch(string(text), -1) {
				found = append(found, match[1])
			}
		}
	}
	slices.Sort(found)
	if got := modules(); !slices.Equal(got, slices.Compact(found)) {
		t.Errorf("modules: %q, imported: %q", got, found)
	}
}

func TestArea(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"":                     "",
		"M0 60L1 0":            "M0 60L1 0V60H0Z",
		"M0 1L1 2M3.5 4L4.5 5": "M0 1L1 2V60H0ZM3.5 4L4.5 5V60H3.5Z",
		"M7 7":                 "M7 7V60H7Z",
	} {
		if got := area(line); got != want {
			t.Errorf("area of %q: %q, want %q", line, got, want)
		}
	}
}
