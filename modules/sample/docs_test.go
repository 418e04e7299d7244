// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"slices"
	"strings"
	"testing"
)

func TestDocs(t *testing.T) {
	for what, docs := range map[string][]Doc{"fetches": Fetches(), "converters": Converters(), "methods": Methods()} {
		if len(docs) < 10 {
			t.Errorf("%d %s", len(docs), what)
		}
		var names []string
		for _, doc := range docs {
			names = append(names, doc.Name)
			if doc.Note == "" || doc.Type == "" || strings.HasSuffix(doc.Note, ".") {
				t.Errorf("%s: %+v", what, doc)
			}
		}
		if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
			t.Errorf("%s: %q", what, names)
		}
	}
}

func TestDocsListAliases(t *testing.T) {
	docs := Fetches()
	names := 0
	for _, doc := range docs {
		names += 1 + len(doc.Aliases)
		if doc.Name == "req.payload" && (!slices.Equal(doc.Aliases, []string{"payload"}) || doc.Args != "(integer,integer)" || doc.Type != "binary") {
			t.Errorf("%+v", doc)
		}
	}
	if names != len(fetches) {
		t.Errorf("%d names are documented, of %d", names, len(fetches))
	}
	for _, doc := range Methods() {
		if doc.Name == "dom" && doc.Type != "string" {
			t.Errorf("%+v", doc)
		}
	}
}
