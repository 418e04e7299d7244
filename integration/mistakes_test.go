// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// A mistake is a wrong text at some place of a configuration, the right one
// that is nearest to it, and what the error must say of the wrong one.
type mistake struct {
	name         string
	place        func(text string) (config string)
	wrong, right string
	want         []string
}

// inBackend is a Caddyfile with the text in the block of its backend, from line
// 5 on.
func inBackend(text string) string {
	return caddyfile(text, "default_backend web")
}

// inFrontend is the same for its frontend, from line 12 on.
func inFrontend(text string) string {
	return caddyfile("", text)
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

// jsonBackend is a JSON configuration of one backend, jsonFrontend one of a
// backend and a frontend with the fields given.
func jsonBackend(text string) string {
	return `{"apps": {"passthrough": {"backends": {"web": ` + text + `}}}}`
}

func jsonFrontend(text string) string {
	return fmt.Sprintf(`{"apps": {
		"passthrough": {"backends": {"web": {"servers": [{"name": "s1", "address": "127.0.0.1:9441"}]}}},
		"layer4": {"servers": {"srv0": {"listen": ["durable/127.0.0.1:8443"], "routes": [{"handle": [
			{"handler": "passthrough", %s}]}]}}}}}`, text)
}

// What one block shows wrong is refused by `caddy adapt`, with file and line.
func TestMistakesThatAdaptRefuses(t *testing.T) {
	for _, m := range append(backendMistakes, frontendMistakes...) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			if err := tryOut(t, m.place(m.right)); err != nil {
				t.Errorf("%s: refused, though right: %v", m.right, err)
			}
			stdout, message := refusal(t, "adapt", "Caddyfile", m.place(m.wrong))
			if stdout != "" {
				t.Errorf("%s: a configuration came out: %s", m.wrong, stdout)
			}
			expectAll(t, m, message)
		})
	}
}

// What needs the whole configuration is refused by `caddy validate`, with the
// frontend, the rule and the name that is meant.
func TestMistakesThatValidateRefuses(t *testing.T) {
	for _, m := range wholeMistakes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			if err := tryOut(t, m.place(m.right)); err != nil {
				t.Errorf("%s: refused, though right: %v", m.right, err)
			}
			stdout, message := refusal(t, "validate", "Caddyfile", m.place(m.wrong))
			if strings.Contains(stdout, "Valid") {
				t.Errorf("%s: %s", m.wrong, stdout)
			}
			expectAll(t, m, message)
		})
	}
}

func TestMistakesInJSON(t *testing.T) {
	for _, m := range jsonMistakes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			if err := validate([]byte(m.place(m.right))); err != nil {
				t.Errorf("%s: refused, though right: %v", m.right, err)
			}
			stdout, message := refusal(t, "validate", "config.json", m.place(m.wrong))
			if strings.Contains(stdout, "Valid") {
				t.Errorf("%s: %s", m.wrong, stdout)
			}
			expectAll(t, m, message)
		})
	}
}

// The configuration around the mistakes is right by itself.
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

func expectAll(t *testing.T, m mistake, message string) {
	t.Helper()
	for _, want := range m.want {
		if !strings.Contains(message, want) {
			t.Errorf("%s:\n got %s\nwant %s", m.wrong, message, want)
		}
	}
}

// refusal is what Caddy says of a configuration that it must not take.
func refusal(t *testing.T, verb, name, config string) (stdout, message string) {
	t.Helper()
	stdout, stderr, err := caddyOn(t, verb, name, config)
	if err == nil {
		t.Errorf("caddy %s accepts it:\n%s", verb, config)
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

// caddyOn runs `caddy VERB --config NAME` in a folder of its own.
func caddyOn(t *testing.T, verb, name, config string) (stdout, stderr string, err error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, log bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary(t), verb, "--config", name)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &log
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	err = cmd.Run()
	return out.String(), log.String(), err
}

// tryOut adapts and validates a Caddyfile in this process.
func tryOut(t *testing.T, config string) error {
	t.Helper()
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(config), nil)
	if err != nil {
		return err
	}
	return validate(adapted)
}
