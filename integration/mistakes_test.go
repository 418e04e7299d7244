// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// A mistake is a wrong text at some place of a configuration, the correct text nearest to it, and
// what the error must say.
type mistake struct {
	name         string
	place        func(text string) (config string)
	wrong, right string
	want         []string
}

// inBackend returns a Caddyfile with the text in the block of its backend, from line 5 on.
func inBackend(text string) string {
	return caddyfile(text, "default_backend web")
}

// inFrontend does the same for its frontend, from line 12 on.
func inFrontend(text string) string {
	return caddyfile("", text)
}

// inApp returns a Caddyfile with the text in a frontend of the app, from line 4 on.
func inApp(text string) string {
	return "{\n\tpassthrough {\n\t\tfrontend tls {\n" + text + "\n\t\t}\n\t\tbackend web {\n\t\t\tserver s1 127.0.0.1:9441\n\t\t}\n\t}\n}\n"
}

// jsonApp returns a JSON configuration of a backend and a frontend of the app, whose key and fields
// are given.
func jsonApp(text string) string {
	return `{"apps": {"passthrough": {"backends": {"web": {"servers": [{"name": "s1", "address": "127.0.0.1:9441"}]}}, "frontends": {` + text + `}}}}`
}

func caddyfile(backend, frontend string) string {
	return `{
	passthrough {
		backend web {
			server s1 127.0.0.1:9441
			` + backend + `
		}
	}
	layer4 {
		durable/127.0.0.1:8443 {
			route {
				passthrough {
					` + frontend + `
				}
			}
		}
	}
}
`
}

// inSnippet returns a Caddyfile with the text in a snippet that its frontend imports, from line 3
// on.
func inSnippet(text string) string {
	return "(rules) {\n\n" + text + "\n}\n" + caddyfile("", "import rules\ndefault_backend web")
}

// jsonBackend returns a JSON configuration of one backend, jsonFrontend one of a backend and a
// frontend with the given fields.
func jsonBackend(text string) string {
	return `{"apps": {"passthrough": {"backends": {"web": ` + text + `}}}}`
}

func jsonFrontend(text string) string {
	return fmt.Sprintf(`{"apps": {
		"passthrough": {"backends": {"web": {"servers": [{"name": "s1", "address": "127.0.0.1:9441"}]}}},
		"layer4": {"servers": {"srv0": {"listen": ["durable/127.0.0.1:8443"], "routes": [{"handle": [
			{"handler": "passthrough", %s}]}]}}}}}`, text)
}

// `caddy adapt` refuses mistakes within one block, with file and line.
func TestAdaptRefusesMistakes(t *testing.T) {
	areRefused(t, slices.Concat(backendMistakes, frontendMistakes, appFrontendMistakes, blockMistakes, foreignMistakes, stickMistakes), "adapt", "Caddyfile")
}

// `caddy validate` refuses mistakes that only the whole configuration shows, with the frontend, the
// rule and the name in question.
func TestValidateRefusesMistakes(t *testing.T) {
	areRefused(t, slices.Concat(wholeMistakes, wholeAppMistakes, wholeStickMistakes), "validate", "Caddyfile")
}

func TestMistakesInJSON(t *testing.T) {
	areRefused(t, slices.Concat(jsonMistakes, jsonAppMistakes, jsonStickMistakes), "validate", "config.json")
}

// areRefused checks that the program refuses each wrong text, in a file of the given name, and that
// this process accepts the correct one.
func areRefused(t *testing.T, mistakes []mistake, verb, name string) {
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			if err := tryOut(name, m.place(m.right)); err != nil {
				t.Errorf("%s: refused, although valid: %v", m.right, err)
			}
			stdout, message := refusal(t, verb, name, m.place(m.wrong))
			if verb == "adapt" && stdout != "" || strings.Contains(stdout, "Valid") {
				t.Errorf("%s: printed despite the error: %s", m.wrong, stdout)
			}
			for _, want := range m.want {
				if !strings.Contains(message, want) {
					t.Errorf("%s:\n got %s\nwant %s", m.wrong, message, want)
				}
			}
		})
	}
}

// The configuration around the mistakes is correct by itself.
func TestConfigurationWithoutMistakes(t *testing.T) {
	for name, config := range map[string]string{
		"Caddyfile":   caddyfile("", "default_backend web"),
		"config.json": jsonFrontend(`"default_backend": "web"`),
	} {
		if stdout, stderr, err := caddyOn(t, "validate", name, config); err != nil || !strings.Contains(stdout, "Valid configuration") {
			t.Errorf("%s: %v\n%s%s", name, err, stdout, stderr)
		}
	}
	stdout, stderr, err := caddyOn(t, "adapt", "Caddyfile", caddyfile("", "default_backend web"))
	if err != nil || !json.Valid([]byte(stdout)) {
		t.Errorf("adapt: %v\n%s%s", err, stdout, stderr)
	}
}

// refusal returns Caddy's message about a configuration that it must refuse.
func refusal(t *testing.T, verb, name, config string) (stdout, message string) {
	t.Helper()
	stdout, stderr, err := caddyOn(t, verb, name, config)
	if err == nil {
		t.Errorf("caddy %s accepts:\n%s", verb, config)
	}
	for text := range strings.Lines(stderr) {
		var line logLine
		if json.Unmarshal([]byte(text), &line) == nil && line.Level == "error" {
			message = line.Msg
		}
	}
	if message == "" {
		t.Errorf("no error in what caddy %s printed:\n%s", verb, stderr)
	}
	return stdout, message
}

// caddyOn runs `caddy VERB --config NAME` in a new directory.
func caddyOn(t *testing.T, verb, name, config string) (stdout, stderr string, err error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, log bytes.Buffer
	cmd := command(t, dir, verb, "--config", name)
	cmd.Stdout, cmd.Stderr = &out, &log
	err = cmd.Run()
	return out.String(), log.String(), err
}

// tryOut validates a configuration in this process.
func tryOut(name, config string) error {
	if name != "Caddyfile" {
		return validate([]byte(config))
	}
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(config), nil)
	if err != nil {
		return err
	}
	return validate(adapted)
}
