// SPDX-License-Identifier: Apache-2.0

package haproxy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	golden = "testdata/golden"

	// divider is between the warnings and the JSON in a golden file. One without it holds errors.
	divider = "----------\n"
)

// The complete result of each file of testdata/golden is in a file beside it.
func TestGolden(t *testing.T) {
	program.Path(t) // reports a failed build once
	for _, name := range configurations(t, golden, 13) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := adapted(t, name)
			file := filepath.Join(golden, strings.TrimSuffix(name, ".cfg")+".golden")
			want, err := os.ReadFile(file)
			switch {
			case err == nil && string(want) == got:
			case *update:
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			case err != nil:
				t.Fatalf("%v: go test -run TestGolden -update writes it", err)
			default:
				t.Errorf("-want +got (or go test -run TestGolden -update):\n%s", cmp.Diff(string(want), got))
			}
		})
	}
}

// The real HAProxy accepts the files, so that their results mean something. One needs a later
// version than most systems have.
func TestGoldenFilesAreAccepted(t *testing.T) {
	version := branchOf(t)
	for _, name := range configurations(t, golden, 13) {
		if name == "proxy-protocol.cfg" && !newer(version, "2.9") {
			continue // set-proxy-v2-tlv-fmt
		}
		if v, said := judge(t, goldenFolder(t), name); !v.accepted {
			t.Errorf("%s: %s", name, said.stderr)
		}
	}
}

// goldenFolder returns a copy of testdata/golden with certificates.
func goldenFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(golden)); err != nil {
		t.Fatal(err)
	}
	for name, host := range map[string]string{"site.pem": "www.example.test", "other.pem": "*.example.test"} {
		if err := os.WriteFile(filepath.Join(dir, name), certificate(t, host), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// fingerprint matches that of a certificate, which differs each time.
var fingerprint = regexp.MustCompile(`(\.pem )[0-9a-f]{8}"`)

// adapted returns the result of caddy adapt for a file: the warnings and the JSON, or the errors,
// without this machine's paths.
func adapted(t *testing.T, name string) string {
	t.Helper()
	dir := goldenFolder(t)
	a := command(t, dir, program.Path(t), "adapt", "--adapter", "haproxy", "--pretty", "--config", name)
	warnings, mistakes := logged(t, a.stderr)
	text := warnings + divider + a.stdout
	switch {
	case a.code != 0 && mistakes == "" || a.code == 0 && mistakes != "" || a.code != 0 && a.stdout != "":
		t.Fatalf("caddy adapt ended with %d:\n%s%s", a.code, a.stdout, a.stderr)
	case a.code != 0:
		text = mistakes
	case !json.Valid([]byte(a.stdout)):
		t.Fatalf("no JSON:\n%s", a.stdout)
	}
	text = fingerprint.ReplaceAllString(text, `${1}fingerprint"`)
	return strings.ReplaceAll(text, dir+string(filepath.Separator), "")
}

// logged returns the warnings and errors about the configuration in Caddy's log.
func logged(t *testing.T, stderr string) (warnings, mistakes string) {
	t.Helper()
	for text := range bytes.Lines([]byte(stderr)) {
		var line struct {
			Level string `json:"level"`
			Msg   string `json:"msg"`
			File  string `json:"file"`
			Line  int    `json:"line"`
		}
		switch err := json.Unmarshal(text, &line); {
		case err != nil:
			t.Fatalf("not a line of Caddy's log: %s", text)
		case line.Level == "warn":
			warnings += fmt.Sprintf("%s:%d: %s\n", line.File, line.Line, line.Msg)
		case line.Level == "error":
			mistakes += line.Msg + "\n"
		}
	}
	return warnings, mistakes
}
