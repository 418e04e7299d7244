// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/google/go-cmp/cmp"

	_ "github.com/caddy-passthrough/caddy-passthrough"
)

var update = flag.Bool("update", false, "write the golden files anew")

// divider is the line between the Caddyfile and its JSON in a .caddytest file.
const divider = "----------\n"

// A .caddytest file holds a Caddyfile and the JSON that `caddy adapt --pretty` makes of it. The
// JSON must also be a valid configuration.
func TestCaddyfile(t *testing.T) {
	files, err := filepath.Glob("caddyfile/*.caddytest")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files (%v)", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, ok := bytes.Cut(text, []byte(divider))
			if !ok {
				t.Fatalf("no line of %d dashes", len(divider)-1)
			}
			got := adapt(t, file, input)
			if err := validate(got); err != nil {
				t.Errorf("Caddy refuses the result: %v", err)
			}
			switch pretty := indent(t, got); {
			case bytes.Equal(pretty, want):
			case *update:
				golden := append(append(bytes.Clone(input), divider...), pretty...)
				if err := os.WriteFile(file, golden, 0o644); err != nil {
					t.Fatal(err)
				}
			default:
				t.Errorf("-want +got (or go test -run %s -update):\n%s", t.Name(), cmp.Diff(string(want), string(pretty)))
			}
		})
	}
}

// adapt adapts a Caddyfile to JSON. There must be no warnings, such as one about formatting.
// Imported files are in the same directory.
func adapt(t *testing.T, file string, input []byte) []byte {
	t.Helper()
	config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt(input, map[string]any{"filename": file})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range warnings {
		t.Errorf("warning: %s", w)
	}
	return config
}

func indent(t *testing.T, config []byte) []byte {
	t.Helper()
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, config, "", "\t"); err != nil {
		t.Fatal(err)
	}
	pretty.WriteByte('\n')
	return pretty.Bytes()
}

// validating guards Caddy's own globals, which Validate sets.
var validating sync.Mutex

// validate does the same as `caddy validate`: everything but listening.
func validate(config []byte) error {
	validating.Lock()
	defer validating.Unlock()
	var c *caddy.Config
	if err := caddy.StrictUnmarshalJSON(config, &c); err != nil {
		return err
	}
	return caddy.Validate(c)
}
