// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// Any text is translated to JSON or causes errors, never both, and every problem has a line of the
// text.
func FuzzTranslate(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("..", "..", "integration", "haproxy", "testdata", "*", "*.cfg"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no configurations to begin with: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(frontend("use_backend b if { req.ssl_sni -i a.test }"))
	f.Fuzz(func(t *testing.T, text string) {
		r := Translate([]haproxyfile.Source{{Name: "/nowhere/haproxy.cfg", Text: []byte(text)}}, Options{
			Getenv: func(string) (string, bool) { return "", false },
			Open:   func(string) ([]byte, error) { return nil, errors.Join(errNotHere, fs.ErrNotExist) },
		})
		if r.Failed != (r.JSON == nil) {
			t.Fatalf("failed: %v, with %d bytes of JSON", r.Failed, len(r.JSON))
		}
		if r.JSON != nil && !json.Valid(r.JSON) {
			t.Fatalf("no JSON: %s", r.JSON)
		}
		for _, p := range r.Problems {
			if p.File != "/nowhere/haproxy.cfg" || p.Line < 0 || p.Message == "" {
				t.Errorf("problem %+v", p)
			}
		}
	})
}

var errNotHere = errors.New("not here")
