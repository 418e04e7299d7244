// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// The 0-RTT data of a real client reaches a real server, which accepts it, however the hello before
// it is cut.
func TestOpenSSLEarlyDataReachesServer(t *testing.T) {
	const name, said = "early.example.test", "what cannot wait"
	dir := t.TempDir()
	certificate, key := filepath.Join(dir, "certificate"), filepath.Join(dir, "key")
	session, data := filepath.Join(dir, "session"), filepath.Join(dir, "data")
	if out, err := run(t, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
		"-subj", "/CN="+name, "-keyout", key, "-out", certificate); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile(data, []byte(said), 0o600); err != nil {
		t.Fatal(err)
	}
	origin, address := freeAddress(t), freeAddress(t)
	// The server accepts a session's early data more than once: a new session for each cutting would
	// test the same.
	server := inBackground(t, "openssl", "s_server", "-accept", origin, "-cert", certificate, "-key", key, "-early_data", "-no_anti_replay")
	server.await(t, "ACCEPT")
	p := start(t, fmt.Sprintf(`
	passthrough {
		backend early {
			server openssl %s
		}
	}
	layer4 {
		durable/%s {
			route {
				passthrough {
					inspect_delay 1m
					use_backend early {
						sni %s
						version 1.3
					}
				}
			}
		}
	}`, origin, address, name), "")

	first := inBackground(t, "openssl", "s_client", "-connect", address, "-servername", name, "-CAfile", certificate, "-sess_out", session)
	first.await(t, "Verification: OK")
	for over := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if text, _ := os.ReadFile(session); bytes.Contains(text, []byte("-----END SSL SESSION")) {
			break
		} else if time.Now().After(over) {
			t.Fatalf("no session to resume:\n%s", first.text())
		}
	}
	first.input.Close()
	p.sessions(t, 1)

	for _, cut := range cuttings {
		t.Run(cut.name, func(t *testing.T) {
			p.forget()
			before := strings.Count(server.text(), said)
			between := cutter(t, address, func(c *net.TCPConn, record []byte) error {
				return segments(c, records(record, cut.record), cut.segments)
			})
			printed := openssl(t, between, "-servername", name, "-sess_in", session, "-early_data", data)
			if !strings.Contains(printed, "Early data was accepted") || !strings.Contains(printed, "Reused, TLSv1.3") {
				t.Errorf("s_client:\n%s", printed)
			}
			if l := p.sessions(t, 1)[0]; l.Backend != "early" || l.SNI != name || l.Version != "1.3" || l.Outcome != "hello" {
				t.Errorf("log line %+v", l)
			}
			for over := time.Now().Add(patience); strings.Count(server.text(), said) <= before && time.Now().Before(over); time.Sleep(time.Millisecond) {
				// it is on its way from s_server
			}
			if strings.Count(server.text(), said) != before+1 {
				t.Errorf("s_server:\n%s", server.text())
			}
		})
	}
}

// A background is a program that runs until its input ends, or the test ends.
type background struct {
	input io.WriteCloser

	mu      sync.Mutex
	printed bytes.Buffer
}

func inBackground(t *testing.T, name string, args ...string) *background {
	t.Helper()
	b := new(background)
	cmd := exec.CommandContext(t.Context(), programs.Need(t, name), args...)
	cmd.Stdout, cmd.Stderr = b, b
	var err error
	if b.input, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() })
	return b
}

// Write collects the program's output.
func (b *background) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.printed.Write(text)
}

func (b *background) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.printed.String()
}

// await waits until the program has printed a text.
func (b *background) await(t *testing.T, what string) {
	t.Helper()
	for over := time.Now().Add(patience); !strings.Contains(b.text(), what); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(over) {
			t.Fatalf("no %q in:\n%s", what, b.text())
		}
	}
}
